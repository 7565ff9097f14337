"""The parts that are looked at, all at once: a part that hangs costs its time, and only once."""

import time
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass

from django.db import Error, connection
from django.utils.translation import gettext as _

from dashboard import asking
from executions.bell import BROKER_ERRORS
from executions.vitals import reach
from scheduler_project.health import remarks
from scheduler_project.health.facts import Facts, gather

HEALTHY, DEGRADED, UNHEALTHY = "Healthy", "Degraded", "Unhealthy"
ANSWER_SECONDS = 2.0


@dataclass(frozen=True)
class Part:
    """One thing that was looked at. `reason` is empty when it is well."""

    name: str
    status: str = HEALTHY
    reason: str = ""


def look() -> list[Part]:
    """Without the database nothing works. Without broker, beat or workers pages and API do, and say why."""
    until = time.monotonic() + ANSWER_SECONDS
    database, broker = asking.ask("health database", _knock), asking.ask("health broker", reach.broker)
    facts, its_database = asking.ask("health facts", gather), _of_database(database, until)
    is_there = its_database.status == HEALTHY
    return [its_database, *(_of_facts(facts, until) if is_there else []), _of_broker(broker, until)]


def _knock() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _of_database(asked: Future[None], until: float) -> Part:
    try:
        asking.within(until - time.monotonic(), asked)
    except (Error, TimeoutError) as fault:
        return Part("database", UNHEALTHY, _("The database cannot be reached: %s") % _line(fault))
    return Part("database")


def _of_facts(asked: Future[Facts], until: float) -> Iterator[Part]:
    """A table that somebody has locked, or a slow count, is no reason to take the pages away."""
    try:
        facts = asking.within(until - time.monotonic(), asked)
    except (Error, TimeoutError) as fault:
        yield Part("facts", DEGRADED, _("What the database knows cannot be read just now: %s") % _line(fault))
        return
    for name, say in remarks.OF.items():
        reason = say(facts)
        yield Part(name, DEGRADED if reason else HEALTHY, reason)


def _of_broker(asked: Future[None], until: float) -> Part:
    try:
        asking.within(until - time.monotonic(), asked)
    except BROKER_ERRORS as fault:
        return Part("broker", DEGRADED, _("The broker cannot be reached: %s") % _line(fault))
    return Part("broker")


def _line(fault: BaseException) -> str:
    return " ".join(str(fault).split())[:200] or _("no answer within %d seconds") % ANSWER_SECONDS
