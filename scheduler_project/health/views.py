"""The answers: one word and the reasons, as text or JSON, in the form of OKLA's own services (OKLA.md §6)."""

import json
from collections.abc import Sequence

from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from scheduler_project.health.parts import DEGRADED, HEALTHY, UNHEALTHY, Part, look


@never_cache
@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """The process answers; nothing else is asked, so that no outage elsewhere has it restarted."""
    return _answer(request, [Part("process")])


@never_cache
@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """503 without the database alone: the pages are to be there when something else is wrong."""
    return _answer(request, look())


def _answer(request: HttpRequest, parts: Sequence[Part]) -> HttpResponse:
    status = next((each for each in (UNHEALTHY, DEGRADED) if any(part.status == each for part in parts)), HEALTHY)
    code = 503 if status == UNHEALTHY else 200
    if request.get_preferred_type(["text/plain", "application/json"]) == "application/json":
        entries = {part.name: {"status": part.status, "reason": part.reason or None} for part in parts}
        body, content_type = json.dumps({"status": status, "entries": entries}), "application/json"
    else:
        body, content_type = "\n".join([status, *(part.reason for part in parts if part.reason)]), "text/plain"
    return HttpResponse(body, status=code, content_type=f"{content_type}; charset=utf-8")
