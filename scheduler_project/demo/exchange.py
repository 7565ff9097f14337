"""What every service of the demo does with a request: its fault first, then its answer, and a record of both."""

import threading
import time
from collections.abc import Callable
from typing import Any, TypeAlias

from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed, StreamingHttpResponse
from django.views.decorators.csrf import csrf_exempt

from scheduler_project.demo import databases, faults, received
from scheduler_project.demo.databases import MISSING, RECORDS, Connection
from scheduler_project.demo.faults import Fault, Mode
from scheduler_project.demo.received import Exchange
from scheduler_project.demo.services import answers

View: TypeAlias = Callable[..., HttpResponse]  # of the request, a connection to the records, and the URL's parts
RETRY_AFTER_SECONDS = 1
# Set at the end of the process, so that nobody's slow answer holds it up.
ending = threading.Event()


def speaks(service: str, view: View, *methods: str) -> Callable[..., HttpResponseBase]:
    """A Django view for one route of a service."""

    @csrf_exempt  # services send no forms
    def answer(request: HttpRequest, **parts: Any) -> HttpResponseBase:
        if request.method not in methods:
            return HttpResponseNotAllowed(methods)
        return exchange(request, service, lambda connection: view(request, connection, **parts))

    return answer


def exchange(
    request: HttpRequest,
    service: str,
    view: Callable[[Connection], HttpResponse],
    *,
    unavailable: Callable[[int], HttpResponse] | None = None,
) -> HttpResponseBase:
    """Answer and record. `unavailable` makes the answer of a service that fails from its status."""
    began = time.monotonic()
    try:
        with databases.current().connect(RECORDS) as connection:
            fault = faults.of(connection, service)
            response = _instead(fault, unavailable or _sick) or view(connection)
            received.keep(connection, _described(request, service, response, fault, began))
    except MISSING as lost:
        return missing(lost)
    return _cut(response) if fault.mode is Mode.CUT else response


def missing(lost: Exception) -> HttpResponse:
    """What everybody is told while the demo's databases are not there."""
    text = f"The demo's databases cannot be reached: {str(lost).strip()}\nMake them with: python manage.py demo reset\n"
    return HttpResponse(text, status=503, content_type="text/plain")


def _instead(fault: Fault, unavailable: Callable[[int], HttpResponse]) -> HttpResponse | None:
    """What the fault makes of the answer. None: the service itself answers, slowly where that is its fault."""
    match fault.mode:
        case Mode.SLOW:
            ending.wait(fault.seconds)
        case Mode.FAILING:
            return unavailable(fault.status)
        case Mode.DOWN:
            return HttpResponse("no healthy upstream", status=503, content_type="text/plain")
    return None


def _sick(status: int) -> HttpResponse:
    response = answers.problem(status, "The demo was told to fail.", code="DEMO_FAULT")
    if status in (429, 503):
        response["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


def _cut(response: HttpResponse) -> StreamingHttpResponse:
    """Its head, and then the end of the connection: the server breaks it off when a body stays too short."""
    return StreamingHttpResponse(
        [],
        status=response.status_code,
        headers={"Content-Length": str(len(response.content) + 1), "Content-Type": response["Content-Type"]},
    )


def _described(request: HttpRequest, service: str, response: HttpResponse, fault: Fault, began: float) -> Exchange:
    return Exchange(
        service=service,
        method=request.method or "",
        path=request.get_full_path(),
        body=request.body.decode(errors="replace"),
        status=response.status_code,
        answer=response.content.decode(errors="replace"),
        fault=fault.mode.value,
        milliseconds=round(1000 * (time.monotonic() - began)),
    )
