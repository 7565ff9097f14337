"""GET /health of every service: one word of plain text (OKLA.md §6)."""

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotFound
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from scheduler_project.demo import faults
from scheduler_project.demo.databases import Connection
from scheduler_project.demo.exchange import exchange
from scheduler_project.demo.faults import SERVICES, Mode


@require_safe
def health(request: HttpRequest, service: str) -> HttpResponseBase:
    """200 Healthy, 200 Degraded while the service is slow, 503 Unhealthy while it fails or is down."""
    return exchange(
        request,
        _known(service),
        lambda connection: _well(connection, service),
        unavailable=lambda _: _word("Unhealthy"),
    )


@csrf_exempt
def unknown_route(request: HttpRequest, service: str, rest: str) -> HttpResponseBase:
    """What a service does not know is recorded too: a wrong address is easily found then."""
    return exchange(request, _known(service), lambda _: HttpResponseNotFound())


def _known(service: str) -> str:
    if service not in SERVICES:
        raise Http404
    return service


def _well(connection: Connection, service: str) -> HttpResponse:
    return _word("Degraded" if faults.of(connection, service).mode is Mode.SLOW else "Healthy")


def _word(word: str) -> HttpResponse:
    return HttpResponse(word, status=503 if word == "Unhealthy" else 200, content_type="text/plain")
