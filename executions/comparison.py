"""The due times that the revisions planned against the rows of the ledger, job by job and slice by slice.

A slice is read by one statement, and so as of one moment: what fires, changes or ends meanwhile is either wholly in it
or not at all.
"""

import json
import uuid
from bisect import insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from django.db import connection

from executions import ids
from executions.partitions import LEDGER
from jobs.clock import database_now
from jobs.cron import CronError
from jobs.models import ScheduledJob
from jobs.planned import Period

UNACCOUNTED, UNPLANNED = "unaccounted", "unplanned"
EXAMPLES_KEPT = 20
JOBS_PER_SLICE = 100
# A due time comes at most once a minute: that bounds what one slice of jobs and time can hold.
DUE_TIMES_PER_SLICE = 200_000
# Beat needs a moment to settle what has come; after that a due time that waits for it is told.
PENDING_AFTER = timedelta(seconds=60)
_SECOND, _MILLISECOND = timedelta(seconds=1), timedelta(milliseconds=1)


@dataclass(frozen=True, order=True)
class Difference:
    """A due time that no row tells of (unaccounted), or a row of the schedule that nothing planned (unplanned)."""

    due_time: datetime
    kind: str
    job_key: str
    job_id: uuid.UUID

    def told(self) -> dict[str, str]:
        """In JSON."""
        due_time = f"{self.due_time:%Y-%m-%dT%H:%M:%SZ}"
        return {"kind": self.kind, "jobId": str(self.job_id), "jobKey": self.job_key, "dueTime": due_time}


@dataclass
class Comparison:
    """Of the due times in (after, until]. `planned` are those that must have a row: what is pending is not among them.

    `examples` are the oldest differences; `unreadable` names the jobs, with the fault, that had a schedule which cannot
    be read: what it planned is left out.
    """

    after: datetime
    until: datetime
    jobs: set[uuid.UUID] = field(default_factory=set)
    planned: int = 0
    rows: int = 0
    pending: int = 0
    unaccounted: int = 0
    unplanned: int = 0
    examples: list[Difference] = field(default_factory=list)
    unreadable: dict[str, str] = field(default_factory=dict)

    @property
    def is_clean(self) -> bool:
        return not self.unaccounted and not self.unplanned


def compare(after: datetime, until: datetime, *, only: Sequence[uuid.UUID] | None = None) -> Comparison:
    """Compare for all jobs, deleted ones too, or for those of the ids `only`. What is not past yet is left out, and so
    are the months that the ledger does not hold any more."""
    after = max(after, ledger_begins() - _SECOND).replace(microsecond=0)
    found = Comparison(after, max(after, min(until, database_now()).replace(microsecond=0)))
    jobs = list(ScheduledJob.objects.order_by("id").values_list("id", flat=True)) if only is None else only
    for first in range(0, len(jobs), JOBS_PER_SLICE):
        batch = jobs[first : first + JOBS_PER_SLICE]
        for begin, end in _slices(found.after, found.until, timedelta(minutes=DUE_TIMES_PER_SLICE // len(batch))):
            differences = [each for past in _read(batch, begin, end) for each in _count(past, found)]
            # A month may have been dropped since it was asked for: what it held is not missed.
            begins = ledger_begins() if differences else begin
            _note([each for each in differences if each.due_time >= begins], found)
    return found


def ledger_begins() -> datetime:
    """The beginning of the oldest month that the ledger holds; this moment when it holds none."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT min(relname) FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid"
            " WHERE inhparent = %s::regclass",
            [LEDGER],
        )
        name = cursor.fetchone()[0]
    if name is None:
        return database_now()
    year, month = name.removeprefix(f"{LEDGER}_").split("_")
    return datetime(int(year), int(month), 1, tzinfo=UTC)


# --- One job in one slice --------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class _Past:
    """What a slice holds of one job. `pending_from`: due times from then on are not settled yet."""

    job_id: uuid.UUID
    key: str
    pending_from: datetime | None
    periods: list[Period]
    rows: list[uuid.UUID]
    after: datetime
    until: datetime
    read_at: datetime


def _count(past: _Past, found: Comparison) -> Iterator[Difference]:
    """Count what the slice holds of this job, and yield the differences."""
    planned, blind = _planned(past, found)
    rows = {row for row in past.rows if not any(period.covers(ids.instant(row)) for period in blind)}
    missing = {planned[key] for key in planned.keys() - rows}
    waiting = {due for due in missing if past.pending_from and due >= past.pending_from}
    found.planned += len(planned) - len(waiting)
    found.rows += len(rows)
    found.pending += sum(due < past.read_at - PENDING_AFTER for due in waiting)
    if planned or rows:
        found.jobs.add(past.job_id)
    for due in missing - waiting:
        yield Difference(due, UNACCOUNTED, past.key, past.job_id)
    for row in rows - planned.keys():
        yield Difference(ids.instant(row), UNPLANNED, past.key, past.job_id)


def _planned(past: _Past, found: Comparison) -> tuple[dict[uuid.UUID, datetime], list[Period]]:
    """The due times under the ids that their rows must have, and the periods that cannot say theirs."""
    planned, blind = {}, []
    for period in past.periods:
        try:
            for due in period.due_times(past.after, past.until):
                planned[ids.of_due_time(past.job_id, due)] = due
        except CronError as fault:
            blind.append(period)
            found.unreadable[past.key] = str(fault)
    return planned, blind


def _note(differences: Sequence[Difference], found: Comparison) -> None:
    for each in differences:
        found.unaccounted += each.kind == UNACCOUNTED
        found.unplanned += each.kind == UNPLANNED
        insort(found.examples, each)
        del found.examples[EXAMPLES_KEPT:]


def _slices(after: datetime, until: datetime, span: timedelta) -> Iterator[tuple[datetime, datetime]]:
    while after < until:
        yield after, min(after + span, until)
        after += span


# --- Reading ---------------------------------------------------------------------------------------------------------
def _read(jobs: Sequence[uuid.UUID], after: datetime, until: datetime) -> list[_Past]:
    with connection.cursor() as cursor:
        cursor.execute(
            _READ,
            {
                "jobs": list(jobs),
                "after": after,
                "until": until,
                "low": ids.floor(after + _MILLISECOND),
                "high": ids.floor(until + _MILLISECOND),
            },
        )
        return [
            _Past(job_id, key, pending_from, _periods(periods), rows, after, until, read_at)
            for job_id, key, pending_from, periods, rows, read_at in cursor.fetchall()
        ]


def _periods(told: str | None) -> list[Period]:
    """Those whose due times are in the ledger."""
    periods = [Period(_instant(begin), end and _instant(end), *then) for begin, end, *then in json.loads(told or "[]")]
    return [period for period in periods if period.is_on_schedule]


def _instant(told: str) -> datetime:
    return datetime.fromisoformat(told)


# One statement on purpose. The first attempts of the schedule are known by what they stand for and how they came about,
# so that one under a wrong id is found too.
_READ = f"""
SELECT job.id, job.key, job.next_execution_at,
    (SELECT jsonb_agg(jsonb_build_array(revision.begins, revision.ends, revision.status,
            revision.definition->>'cron_expression', revision.definition->>'time_zone') ORDER BY revision.version)
        FROM (SELECT version, status, definition, effective_from AS begins,
                lead(effective_from) OVER (ORDER BY version) AS ends
            FROM jobs_schedulerevision WHERE job_id = job.id) AS revision
        WHERE revision.begins < %(until)s AND (revision.ends IS NULL OR revision.ends > %(after)s)),
    ARRAY(SELECT run.id FROM {LEDGER} AS run
        WHERE run.job_id = job.id AND run.id >= %(low)s AND run.id < %(high)s
            AND run.scheduled_for IS NOT NULL AND run.retry_attempt = 0 AND run.trigger IN ('Schedule', 'CatchUp')),
    clock_timestamp()
FROM jobs_scheduledjob AS job WHERE job.id = ANY(%(jobs)s)
"""  # noqa: S608 - the table's name is our own
