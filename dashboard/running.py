"""What runs now, with how far it is and when its end is expected."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import DurationField, ExpressionWrapper, FloatField, OuterRef, Subquery, Sum
from django.db.models.functions import Cast, NullIf

from executions.models import JobExecution
from jobs.enums import ExecutionStatus
from jobs.models import JobFigures

SHOWN_FIELDS = ("job_id", "job_name", "status", "started_at", "progress", "progress_message")


@dataclass(frozen=True)
class Run:
    """`expected_end`: from the job's average; None for its first run."""

    execution: JobExecution
    started_at: datetime
    expected_end: datetime | None
    is_overdue: bool  # it takes longer than such a run usually does


def now_running(now: datetime, *, limit: int) -> list[Run]:
    """The runs in progress, the longest first, by one query."""
    running = JobExecution.objects.filter(status=ExecutionStatus.RUNNING, started_at__isnull=False)
    found = running.only(*SHOWN_FIELDS).annotate(usual=_usual_duration()).order_by("started_at")[:limit]
    return [
        _run(execution, execution.started_at, execution.usual, now)  # type: ignore[attr-defined]  # annotated above
        for execution in found
        if execution.started_at
    ]


def _usual_duration() -> Subquery:
    """The average of the execution's job; null before its first run has ended."""
    count = NullIf(Cast(Sum("total"), FloatField()), 0.0)
    figures = JobFigures.objects.filter(job_id=OuterRef("job_id")).order_by().values("job_id")
    average = ExpressionWrapper(Sum("duration_total") / count, output_field=DurationField())
    return Subquery(figures.annotate(average=average).values("average"))


def _run(execution: JobExecution, started_at: datetime, usual: timedelta | None, now: datetime) -> Run:
    expected_end = started_at + usual if usual else None
    return Run(execution, started_at, expected_end, expected_end is not None and expected_end < now)
