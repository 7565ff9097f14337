"""The numbers of the system: one function a number, one query each, `now` an argument."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Count, Exists, OuterRef, TextField, UUIDField, Value
from django.db.models.functions import Cast, Coalesce, Concat, Left

from dashboard import history
from executions import accounting
from executions.models import ExecutionQuerySet, JobExecution, LedgerCheck, Worker
from executions.workers import SILENT_AFTER_SECONDS
from jobs.enums import ExecutionStatus, JobStatus
from jobs.models import ScheduledJob

DAY = timedelta(hours=24)


@dataclass(frozen=True)
class NextExecution:
    job_name: str
    scheduled_at: datetime


@dataclass(frozen=True)
class Hold:
    """The whole schedule is held, since then and until then (None: until it is released)."""

    began_at: datetime
    until: datetime | None
    reason: str

    def covers(self, due: datetime) -> bool:
        return self.began_at <= due and (self.until is None or due < self.until)


@dataclass(frozen=True)
class LedgerAccount:
    """What the last check of the ledger found (`executions.accounting`)."""

    unaccounted: int
    unplanned: int
    checked_until: datetime
    finished_at: datetime


@dataclass(frozen=True)
class Moment:
    """All that has one value for the whole system. `now`: by the database's clock. `ledger`: None before a check."""

    now: datetime
    open_alerts: int
    hold: Hold | None
    next_execution: NextExecution | None
    ledger: LedgerAccount | None


def moment() -> Moment:
    """By one statement: it stands around every page."""
    with connection.cursor() as cursor:
        cursor.execute(_MOMENT)
        row = cursor.fetchone()
    now, open_alerts, *others = row
    return Moment(
        now,
        open_alerts,
        Hold(*others[:3]) if others[0] else None,
        NextExecution(*others[3:5]) if others[3] else None,
        LedgerAccount(*others[5:]) if others[7] else None,
    )


def jobs_by_status() -> dict[str, int]:
    """How many live jobs have each status; every status has its number."""
    found = ScheduledJob.objects.live().order_by().values_list("status").annotate(Count("id"))
    return dict.fromkeys(JobStatus.values, 0) | dict(found)


def open_executions_by_status() -> dict[str, int]:
    """How many executions are Queued and Running."""
    wanted: list[str] = [ExecutionStatus.QUEUED, ExecutionStatus.RUNNING]
    found = JobExecution.objects.filter(status__in=wanted).order_by().values_list("status").annotate(Count("id"))
    return dict.fromkeys(wanted, 0) | dict(found)


def finished_executions_by_status(now: datetime) -> dict[str, int]:
    """How many executions ended in each way in the 24 hours before `now`; each attempt counts."""
    return _by_status(history.last_day(now))


def last_day(now: datetime) -> tuple[dict[str, int], timedelta]:
    """`finished_executions_by_status` and `average_execution_time`, together by one query."""
    ended = history.last_day(now)
    return _by_status(ended), ended.average


def recent_failures(now: datetime) -> int:
    """How many runs finally failed in the 24 hours before `now`: Failed, and no further attempt was made."""
    failed = JobExecution.objects.filter(
        status=ExecutionStatus.FAILED, completed_at__gt=now - DAY, completed_at__lte=now
    )
    return failed.exclude(Exists(next_attempt())).count()


def average_execution_time(now: datetime) -> timedelta:
    """Over the runs that ended in the 24 hours before `now`, in whole seconds; zero when there was none."""
    return history.last_day(now).average


def next_execution() -> NextExecution | None:
    """The nearest due time that will run: one that falls in a pause will not."""
    return moment().next_execution


def workers_alive(now: datetime) -> int:
    """How many workers have been heard of lately."""
    lately = now - timedelta(seconds=SILENT_AFTER_SECONDS)
    return Worker.objects.filter(stopped_at=None, last_seen_at__gt=lately).count()


def open_alerts() -> int:
    return moment().open_alerts


def last_ledger_check() -> LedgerCheck | None:
    """The newest comparison of planned due times with the rows of the ledger; None before the first."""
    return accounting.last()


def next_attempt() -> ExecutionQuerySet:
    """For `Exists`: the next attempt of an outer row. The ids of all attempts share their first 48 bits."""
    first_bits = Left(Cast(OuterRef("id"), TextField()), 13)
    return JobExecution.objects.filter(
        job_id=OuterRef("job_id"),
        id__gte=Cast(Concat(first_bits, Value("-0000-0000-000000000000")), UUIDField()),
        id__lte=Cast(Concat(first_bits, Value("-ffff-ffff-ffffffffffff")), UUIDField()),
        retry_of=Coalesce(OuterRef("retry_of"), OuterRef("id")),
        retry_attempt__gt=OuterRef("retry_attempt"),
    )


def _by_status(ended: history.Ended) -> dict[str, int]:
    return dict.fromkeys(ExecutionStatus.values, 0) | ended.counts


_MOMENT = """
SELECT clock_timestamp(), (SELECT count(*) FROM executions_alert WHERE closed_at IS NULL),
    hold.began_at, hold.until, hold.reason, coming.name, coming.next_execution_at,
    ledger.unaccounted, ledger.unplanned, ledger.checked_until, ledger.finished_at
FROM (SELECT) AS always
LEFT JOIN jobs_schedulehold AS hold
    ON hold.ended_at IS NULL AND (hold.until IS NULL OR hold.until > clock_timestamp())
LEFT JOIN (
    SELECT name, next_execution_at FROM jobs_scheduledjob
    WHERE next_execution_at IS NOT NULL
        AND (status = 'Enabled' OR status = 'Paused' AND paused_until <= next_execution_at)
    ORDER BY next_execution_at, name LIMIT 1
) AS coming ON true
LEFT JOIN (SELECT * FROM executions_ledgercheck ORDER BY id DESC LIMIT 1) AS ledger ON true
"""
