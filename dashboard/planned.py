"""The due times of all jobs in the days ahead: where several begin at one minute, and what a drawing shows of them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice, pairwise
from typing import NamedTuple
from uuid import UUID

from django.db import connection

from dashboard.metrics import Hold
from jobs import cron
from jobs.enums import JobStatus

DAY = timedelta(days=1)
AHEAD = 7 * DAY
# What comes more often than hourly shares its minute with everything.
FREQUENT = timedelta(minutes=59)
MOST_TIMES = AHEAD // FREQUENT + 1
UNKNOWN_LENGTH = timedelta(seconds=1)


class PlannedJob(NamedTuple):
    """A job that is on the schedule. `usual`: the average of its runs; None before the first.

    A page reads thousands of these: models would be too slow.
    """

    id: UUID
    name: str
    cron_expression: str
    time_zone: str
    status: str
    paused_until: datetime | None
    usual: timedelta | None

    @property
    def length(self) -> timedelta:
        return self.usual or UNKNOWN_LENGTH

    def is_paused_at(self, due: datetime) -> bool:
        return self.status == JobStatus.PAUSED and (self.paused_until is None or due < self.paused_until)


@dataclass(frozen=True)
class Clash:
    """Jobs that begin at the same minute, the longest first: at `first`, and so often in the days ahead."""

    jobs: Sequence[PlannedJob]
    first: datetime
    times: int

    @property
    def weight(self) -> timedelta:
        """For how long two of them are at it together: as long as the second longest takes."""
        return self.jobs[1].length


def planned(now: datetime) -> list[PlannedJob]:
    """All that come within the days ahead; by one query."""
    with connection.cursor() as cursor:
        cursor.execute(_PLANNED, {"until": now + AHEAD})
        return [PlannedJob(*row) for row in cursor.fetchall()]


def will_run(job: PlannedJob, times: Iterable[datetime], hold: Hold | None) -> list[datetime]:
    """Without those that fall in a pause or in the hold, as things stand."""
    if hold is None and job.status != JobStatus.PAUSED:
        return list(times)
    return [due for due in times if not (job.is_paused_at(due) or (hold and hold.covers(due)))]


def due_times(job: PlannedJob, after: datetime, until: datetime) -> list[datetime] | None:
    """At most until a week after `after`. None: it comes too often to tell one from the next."""
    times = _times(job.cron_expression, job.time_zone, after.astimezone(UTC).date().toordinal())
    return None if times is None else [due for due in times if after < due <= until]


def clashes(jobs: Iterable[PlannedJob], now: datetime, hold: Hold | None) -> list[Clash]:
    """Each set of jobs once, those first that keep each other waiting for longest. Frequent jobs are left out."""
    by_minute: dict[datetime, list[PlannedJob]] = defaultdict(list)
    for job in jobs:
        for due in will_run(job, due_times(job, now, now + AHEAD) or (), hold):
            by_minute[due].append(job)
    by_jobs: dict[tuple[PlannedJob, ...], list[datetime]] = defaultdict(list)
    for due, together in by_minute.items():
        if len(together) > 1:
            by_jobs[tuple(together)].append(due)
    found = [
        Clash(sorted(together, key=lambda job: job.length, reverse=True), min(times), len(times))
        for together, times in by_jobs.items()
    ]
    return sorted(found, key=lambda clash: (-clash.weight, -len(clash.jobs), clash.first))


def often(job: PlannedJob, after: datetime, until: datetime) -> tuple[datetime, datetime, int] | None:
    """Of a frequent job: the first and the last due time, and how many there are."""
    try:
        schedule = cron.parse(job.cron_expression, job.time_zone)
    except cron.CronError:
        return None
    first, last = schedule.next_after(after), schedule.latest(1, until=until, after=after)
    return (first, last[0], schedule.count_between(after, until)) if first and last else None


@lru_cache(maxsize=4_096)
def _times(expression: str, zone: str, day: int) -> tuple[datetime, ...] | None:
    """From that day of UTC on, for a day more than is looked ahead: within a day they need no second look."""
    begin = datetime.combine(datetime.fromordinal(day), datetime.min.time(), UTC)
    try:
        coming: Iterator[datetime] = cron.parse(expression, zone).between(begin, begin + AHEAD + DAY)
        found = tuple(islice(coming, MOST_TIMES + 1))
    except cron.CronError:  # stored by hand: the job's page says what is wrong
        return ()
    is_often = len(found) > MOST_TIMES or any(later - one <= FREQUENT for one, later in pairwise(found))
    return None if is_often else found


_PLANNED = """
SELECT job.id, name, cron_expression, time_zone, status, paused_until, figures.usual
FROM jobs_scheduledjob AS job
LEFT JOIN (
    SELECT job_id, sum(duration_total) / nullif(sum(total), 0)::float8 AS usual FROM jobs_jobfigures GROUP BY job_id
) AS figures ON figures.job_id = job.id
WHERE next_execution_at <= %(until)s ORDER BY name, job.id
"""
