"""The demo's pages for people: what waits for the jobs, services to break, e-mails sent, requests received."""

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_safe
from pydantic import ValidationError

from jobs import business_days
from scheduler_project.demo import databases, received
from scheduler_project.demo import faults as faults_of
from scheduler_project.demo import mailbox as emails
from scheduler_project.demo.databases import MISSING, RECORDS, Connection
from scheduler_project.demo.exchange import missing
from scheduler_project.demo.faults import NONE, SERVICES, Fault, FaultOrder, Mode
from scheduler_project.demo.figures import cold_storage, figures
from scheduler_project.demo.services.answers import invalid

PAGE_SIZE = 100
MODES: dict[Mode, str | Promise] = {
    Mode.NORMAL: _("works"),
    Mode.SLOW: _("slow"),
    Mode.FAILING: _("failing"),
    Mode.DOWN: _("down"),
    Mode.CUT: _("cuts the line"),
}


@dataclass(frozen=True)
class Service:
    name: str
    fault: Fault
    received: int


def with_records(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Hands a connection to the records on, and says so when there is none."""

    @wraps(view)
    def connected(request: HttpRequest, **parts: Any) -> HttpResponse:
        try:
            with databases.current().connect(RECORDS) as connection:
                return view(request, connection, **parts)
        except MISSING as lost:
            return missing(lost)

    return connected


@require_safe
@with_records
def overview(request: HttpRequest, connection: Connection) -> HttpResponse:
    told, counts = faults_of.read(connection), received.counts(connection)
    return render(
        request,
        "demo/overview.html",
        {
            "page": "overview",
            "figures": figures(databases.current(), timezone.now()),
            "emails": emails.count(connection),
            "received": sum(counts.values()),
            "cold_storage": cold_storage(),
            "services": [Service(name, told.get(name, NONE), counts.get(name, 0)) for name in SERVICES],
            "modes": MODES.items(),
        },
    )


@require_safe
@with_records
def mailbox(request: HttpRequest, connection: Connection) -> HttpResponse:
    found = emails.newest(connection, before=_number(request, "before"), at_most=PAGE_SIZE + 1)
    shown = found[:PAGE_SIZE]
    further = shown[-1].number if len(found) > PAGE_SIZE else None
    return render(
        request,
        "demo/mailbox.html",
        {"page": "mailbox", "emails": shown, "further": further, "zone": business_days.ZONE},
    )


@require_safe
@with_records
def email(request: HttpRequest, connection: Connection, key: uuid.UUID) -> HttpResponse:
    found = emails.one(connection, key)
    if found is None:
        raise Http404
    return render(request, "demo/email.html", {"page": "mailbox", "email": found, "zone": business_days.ZONE})


@require_safe
@with_records
def requests(request: HttpRequest, connection: Connection) -> HttpResponse:
    wanted = request.GET.get("service", "")
    service = wanted if wanted in SERVICES else ""
    found = received.newest(connection, service=service, before=_number(request, "before"), at_most=PAGE_SIZE + 1)
    shown = found[:PAGE_SIZE]
    return render(
        request,
        "demo/requests.html",
        {
            "page": "requests",
            "requests": shown,
            "further": shown[-1].id if len(found) > PAGE_SIZE else None,
            "service": service,
            "counts": sorted(received.counts(connection).items()),
            "zone": business_days.ZONE,
        },
    )


@require_safe
@with_records
def request(request: HttpRequest, connection: Connection, key: int) -> HttpResponse:
    found = received.one(connection, key)
    if found is None:
        raise Http404
    texts = {"body": _readable(found.body), "answer": _readable(found.answer)}
    return render(request, "demo/request.html", {"page": "requests", "one": found, **texts, "zone": business_days.ZONE})


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@with_records
def faults(request: HttpRequest, connection: Connection) -> HttpResponse:
    """What the services do at present; by POST, as JSON or from the form of the overview, what one shall do."""
    if request.method == "POST" and request.content_type != "application/json":
        return _change_by_form(request, connection)
    # Another site's page cannot send JSON here without asking first, so this way needs no token.
    if request.method == "POST" and (complaint := _put(connection, request.body)):
        return complaint
    told = faults_of.read(connection)
    return JsonResponse({name: _described(told.get(name, NONE)) for name in SERVICES})


@require_safe
@with_records
def health(request: HttpRequest, connection: Connection) -> HttpResponse:
    """Of the demo itself, which no fault touches."""
    return HttpResponse("Healthy", content_type="text/plain")


@csrf_protect
def _change_by_form(request: HttpRequest, connection: Connection) -> HttpResponse:
    service, _colon, mode = request.POST.get("set", "").partition(":")
    order: dict[str, Any] = {"service": service, "mode": mode, "minutes": request.POST.get("minutes") or None}
    if request.POST.get("seconds"):
        order["seconds"] = request.POST["seconds"]
    return _put(connection, json.dumps(order).encode()) or redirect("overview")


def _put(connection: Connection, order: bytes) -> HttpResponse | None:
    """The complaint about an order that cannot be carried out; None when it was."""
    try:
        faults_of.put(connection, FaultOrder.model_validate_json(order), now=timezone.now())
    except ValidationError as fault:
        return invalid({".".join(map(str, error["loc"])) or "$": [error["msg"]] for error in fault.errors()})
    return None


def _described(fault: Fault) -> dict[str, Any]:
    return {"mode": fault.mode, "seconds": fault.seconds, "status": fault.status, "until": fault.until}


def _number(request: HttpRequest, name: str) -> int | None:
    text = request.GET.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _readable(text: str) -> str:
    """JSON with line breaks; any other text as it is."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text
