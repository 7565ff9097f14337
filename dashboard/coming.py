"""What comes next: the nearest due times of the jobs that are on the schedule."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Func, IntegerField, Subquery

from dashboard.metrics import Hold
from jobs import cron
from jobs.enums import Reason
from jobs.models import ScheduledJob

SHOWN_FIELDS = ("name", "cron_expression", "time_zone", "status", "paused_until", "next_execution_at")
SHOWN_OF_ONE_JOB = 3  # a job of every minute would fill the list alone
# A beat fires within a second, and another one takes over within 15 s of its death.
LATE_AFTER = timedelta(seconds=30)


@dataclass(frozen=True)
class Coming:
    """`will_be_skipped`: why, when the job is paused or the schedule held at that time; empty when it will run.

    `is_late`: it should have been fired by now.
    """

    at: datetime
    job: ScheduledJob
    will_be_skipped: str
    is_late: bool


@dataclass(frozen=True)
class Ahead:
    """`jobs`: how many jobs come in that time; `late`: how many of them should have come by now."""

    times: Sequence[Coming]
    jobs: int
    late: int


def coming(now: datetime, *, hold: Hold | None, within: timedelta, limit: int) -> Ahead:
    """The due times until `now + within`, the nearest first, at most `limit` and a few of each job; one query."""
    due = ScheduledJob.objects.live().filter(next_execution_at__lte=now + within).only(*SHOWN_FIELDS)
    counted = due.annotate(of_all=_number(now + within), of_late=_number(now - LATE_AFTER))
    jobs = list(counted.order_by("next_execution_at")[:limit])
    found = [each for job in jobs for each in _of(job, hold, now=now, until=now + within)]
    times = sorted(found, key=lambda each: (each.at, each.job.name))[:limit]
    numbers = (jobs[0].of_all, jobs[0].of_late) if jobs else (0, 0)  # type: ignore[attr-defined]  # annotated above
    return Ahead(times, *numbers)


def _number(until: datetime) -> Subquery:
    """How many jobs come until then; who is deleted does not come."""
    due = (
        ScheduledJob.objects.filter(next_execution_at__lte=until)
        .order_by()
        .annotate(number=Func(function="count", template="count(*)", output_field=IntegerField()))
    )
    return Subquery(due.values("number"))


def will_be_skipped(job: ScheduledJob, at: datetime, hold: Hold | None) -> str:
    """As things stand: the reason, or nothing."""
    if job.was_paused_at(at):
        return Reason.PAUSED.value
    return Reason.HELD.value if hold and hold.covers(at) else ""


def _of(job: ScheduledJob, hold: Hold | None, *, now: datetime, until: datetime) -> Iterator[Coming]:
    at = job.next_execution_at
    for _number in range(SHOWN_OF_ONE_JOB):
        if at is None or at > until:
            return
        is_late = at < now - LATE_AFTER
        yield Coming(at, job, will_be_skipped(job, at, hold), is_late)
        try:
            at = job.schedule.next_after(now if is_late else at)
        except cron.CronError:  # stored by hand: its page says what is wrong
            return
