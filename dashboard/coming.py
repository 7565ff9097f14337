"""What comes next: the nearest due times of the jobs that are on the schedule."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from jobs import cron
from jobs.enums import JobStatus
from jobs.models import ScheduledJob

SHOWN_FIELDS = ("name", "cron_expression", "time_zone", "status", "paused_until", "next_execution_at")
SHOWN_OF_ONE_JOB = 3  # a job of every minute would fill the list alone


@dataclass(frozen=True)
class Coming:
    """`will_be_skipped`: the job is paused at that time."""

    at: datetime
    job: ScheduledJob
    will_be_skipped: bool


def coming(now: datetime, *, within: timedelta, limit: int) -> list[Coming]:
    """The due times until `now + within`, the nearest first, at most `limit` and a few of each job; one query."""
    due = ScheduledJob.objects.live().filter(next_execution_at__lte=now + within).only(*SHOWN_FIELDS)
    jobs = due.order_by("next_execution_at")[:limit]
    found = [each for job in jobs for each in _of(job, until=now + within)]
    return sorted(found, key=lambda each: (each.at, each.job.name))[:limit]


def _of(job: ScheduledJob, *, until: datetime) -> Iterator[Coming]:
    at = job.next_execution_at
    for _number in range(SHOWN_OF_ONE_JOB):
        if at is None or at > until:
            return
        yield Coming(at, job, job.status == JobStatus.PAUSED and job.was_paused_at(at))
        try:
            at = job.schedule.next_after(at)
        except cron.CronError:  # stored by hand: its page says what is wrong
            return
