"""Whether this service works: `/health/live` (the process), `/health/ready` and `/health` (what it needs)."""

import json
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from django.db import Error, connection
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from kombu.exceptions import OperationalError

from executions import accounting
from executions.models import LedgerCheck
from jobs import holds
from jobs.holds import ScheduleHold
from jobs.models import ScheduledJob
from scheduler_project.celery import app

HEALTHY, DEGRADED, UNHEALTHY = "Healthy", "Degraded", "Unhealthy"
ANSWER_SECONDS = 2.0
# Beat fires within a second or two of a due time, and another beat takes over within 15 s.
OVERDUE_SECONDS = 60


@dataclass(frozen=True)
class Part:
    """One thing that was looked at. `reason` is empty when it is well."""

    name: str
    status: str
    reason: str = ""


@never_cache
@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """The process answers; nothing else is asked, so that no outage elsewhere has it restarted."""
    return _answer(request, [Part("process", HEALTHY)])


@never_cache
@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """Without the database nothing works: 503. Without broker or beat pages and API do: 200, and the reason."""
    return _answer(request, [_database_and_schedule(), _broker()])


def _database_and_schedule() -> Part:
    try:
        seconds, remarks = _within(ANSWER_SECONDS, "database", _schedule)
    except (Error, TimeoutError) as fault:
        return Part("database", UNHEALTHY, _("The database cannot be reached: %s") % _line(fault))
    if seconds is not None and seconds < -OVERDUE_SECONDS:
        text = _("Nothing fires: a due time is %d seconds overdue. Is beat running?")
        remarks = [text % -seconds, *remarks]
    return Part("schedule", DEGRADED, " ".join(remarks)) if remarks else Part("database", HEALTHY)


def _broker() -> Part:
    try:
        _within(ANSWER_SECONDS, "broker", _reach_broker)
    except (OperationalError, OSError) as fault:
        return Part("broker", DEGRADED, _("The broker cannot be reached: %s") % _line(fault))
    return Part("broker", HEALTHY)


def _schedule() -> tuple[float | None, list[str]]:
    """The seconds to the next due time, and what is to be said of a hold and of the ledger's last check."""
    try:
        said = [_of_hold(holds.current()), _of_ledger(accounting.last())]
        return ScheduledJob.seconds_to_next(), [sentence for sentence in said if sentence]
    finally:
        connection.close()


def _of_hold(hold: ScheduleHold | None) -> str:
    if hold is None:
        return ""
    text = _("The schedule is held since %(since)s UTC.") % {"since": f"{hold.began_at:%Y-%m-%d %H:%M}"}
    return f"{text} {hold.reason}".strip()


def _of_ledger(check: LedgerCheck | None) -> str:
    if check is None or not (check.unaccounted or check.unplanned):
        return ""
    text = _("The ledger is not complete: %(unaccounted)d due times unaccounted, %(unplanned)d rows unplanned.")
    return text % {"unaccounted": check.unaccounted, "unplanned": check.unplanned}


def _reach_broker() -> None:
    with app.connection_for_write() as broker:
        broker.ensure_connection(max_retries=1, interval_start=0, timeout=int(ANSWER_SECONDS))


# --- A question that may never be answered ---------------------------------------------------------------------------
_asked: dict[str, Future[Any]] = {}
_asking = threading.Lock()


def _within(seconds: float, name: str, question: Callable[[], Any]) -> Any:
    """The question's answer. Raises TimeoutError when it takes longer; whoever asks meanwhile waits for the same one.

    So a part that hangs holds one thread, however often somebody looks.
    """
    with _asking:
        answer = _asked.get(name)
        if answer is None or answer.done():
            answer = _asked[name] = Future()
            threading.Thread(target=_ask, args=(question, answer), name=f"health-{name}", daemon=True).start()
    try:
        return answer.result(timeout=seconds)
    except TimeoutError:
        raise TimeoutError(_("no answer within %d seconds") % seconds) from None


def _ask(question: Callable[[], Any], answer: Future[Any]) -> None:
    try:
        answer.set_result(question())
    except BaseException as fault:  # it is raised where somebody waits for it
        answer.set_exception(fault)


# --- The answer ------------------------------------------------------------------------------------------------------
def _answer(request: HttpRequest, parts: list[Part]) -> HttpResponse:
    status = next((each for each in (UNHEALTHY, DEGRADED) if any(part.status == each for part in parts)), HEALTHY)
    code = 503 if status == UNHEALTHY else 200
    if request.accepts("text/plain") and not _prefers_json(request):
        lines = [status, *(part.reason for part in parts if part.reason)]
        return HttpResponse("\n".join(lines), status=code, content_type="text/plain; charset=utf-8")
    entries = {part.name: {"status": part.status, "reason": part.reason or None} for part in parts}
    return HttpResponse(
        json.dumps({"status": status, "entries": entries}), status=code, content_type="application/json"
    )


def _prefers_json(request: HttpRequest) -> bool:
    return request.get_preferred_type(["text/plain", "application/json"]) == "application/json"


def _line(fault: BaseException) -> str:
    return " ".join(str(fault).split())[:200]
