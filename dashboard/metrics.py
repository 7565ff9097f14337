"""The numbers of the system: one function a number, one query each, `now` an argument."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Avg, Count, Exists, F, OuterRef, Q, TextField, UUIDField, Value
from django.db.models.functions import Cast, Coalesce, Concat, Left

from executions import accounting
from executions.models import Alert, ExecutionQuerySet, JobExecution, LedgerCheck, Worker
from executions.workers import SILENT_AFTER_SECONDS
from jobs.enums import ExecutionStatus, JobStatus
from jobs.models import ScheduledJob

DAY = timedelta(hours=24)


@dataclass(frozen=True)
class NextExecution:
    job_name: str
    scheduled_at: datetime


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
    finished = JobExecution.objects.filter(completed_at__gt=now - DAY, completed_at__lte=now)
    found = finished.order_by().values_list("status").annotate(Count("id"))
    return dict.fromkeys(ExecutionStatus.values, 0) | dict(found)


def recent_failures(now: datetime) -> int:
    """How many runs finally failed in the 24 hours before `now`: Failed, and no further attempt was made."""
    failed = JobExecution.objects.filter(
        status=ExecutionStatus.FAILED, completed_at__gt=now - DAY, completed_at__lte=now
    )
    return failed.exclude(Exists(_next_attempt())).count()


def average_execution_time(now: datetime) -> timedelta:
    """Over the runs that ended in the 24 hours before `now`, in whole seconds; zero when there was none."""
    ran = JobExecution.objects.filter(completed_at__gt=now - DAY, completed_at__lte=now, duration__isnull=False)
    average: timedelta | None = ran.aggregate(average=Avg("duration"))["average"]
    return timedelta(seconds=round(average.total_seconds())) if average else timedelta()


def next_execution() -> NextExecution | None:
    """The nearest due time that will run: one that falls in a pause will not."""
    runs = Q(status=JobStatus.ENABLED) | Q(status=JobStatus.PAUSED, paused_until__lte=F("next_execution_at"))
    coming = ScheduledJob.objects.live().filter(runs, next_execution_at__isnull=False)
    found = coming.order_by("next_execution_at", "name").values_list("name", "next_execution_at").first()
    return NextExecution(found[0], found[1]) if found and found[1] else None


def workers_alive(now: datetime) -> int:
    """How many workers have been heard of lately."""
    lately = now - timedelta(seconds=SILENT_AFTER_SECONDS)
    return Worker.objects.filter(stopped_at=None, last_seen_at__gt=lately).count()


def open_alerts() -> int:
    return Alert.objects.filter(closed_at=None).count()


def last_ledger_check() -> LedgerCheck | None:
    """The newest comparison of planned due times with the rows of the ledger; None before the first."""
    return accounting.last()


def _next_attempt() -> ExecutionQuerySet:
    """The row of the next attempt. All attempts share the first 48 bits of the id: that finds it in its partition."""
    first_bits = Left(Cast(OuterRef("id"), TextField()), 13)
    return JobExecution.objects.filter(
        job_id=OuterRef("job_id"),
        id__gte=Cast(Concat(first_bits, Value("-0000-0000-000000000000")), UUIDField()),
        id__lte=Cast(Concat(first_bits, Value("-ffff-ffff-ffffffffffff")), UUIDField()),
        retry_of=Coalesce(OuterRef("retry_of"), OuterRef("id")),
        retry_attempt__gt=OuterRef("retry_attempt"),
    )
