"""The stream of finished runs: executions that a worker had, by the instant of their end."""

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db.models import Case, F, Func, IntegerField, Q, QuerySet, When
from django.db.models.functions import Left

from executions.audit_feed.streams import Position, Record, resource, who
from executions.models import JobExecution
from jobs.enums import ExecutionStatus
from jobs.gateways.audit import ERROR_MAX_UNITS, AuditEntry
from jobs.gateways.notifications import Severity
from jobs.models import ScheduledJob

SEVERITIES: Mapping[str, Severity] = {
    ExecutionStatus.COMPLETED: "Info", ExecutionStatus.CANCELLED: "Warning", ExecutionStatus.FAILED: "Error",
}  # fmt: skip
RESULT_MAX_BYTES = 4_096  # as stored; a larger one is not even read
MOST_FIGURES = 20
FIRST_KEY = str(uuid.UUID(int=0))
FIELDS = (
    "id", "job_id", "job_name", "job_type", "status", "reason", "trigger", "triggered_by", "scheduled_for",
    "started_at", "completed_at", "duration", "retry_attempt", "retry_of", "parameters__dryRun",
)  # fmt: skip


def beginning(now: datetime) -> Position:
    return Position(now, FIRST_KEY)


def after(position: Position, *, until: datetime, most: int) -> list[Record]:
    is_small = Q(result_size__lte=RESULT_MAX_BYTES)
    rows = list(
        _ended(position, until)
        .annotate(result_size=Func(F("result"), function="pg_column_size", output_field=IntegerField()))
        .annotate(figures=Case(When(is_small, then=F("result"))), error=Left("error_message", ERROR_MAX_UNITS + 1))
        .order_by("completed_at", "id")
        .values(*FIELDS, "figures", "error")[:most]
    )
    keys = dict(ScheduledJob.objects.filter(id__in={row["job_id"] for row in rows}).values_list("id", "key"))
    return [
        Record(Position(row["completed_at"], str(row["id"])), partial(entry, row, job_key=keys.get(row["job_id"])))
        for row in rows
    ]


def caught_up(position: Position, until: datetime) -> Position:
    return Position(until, FIRST_KEY) if until > position.at else position


def give_up(position: Position, before: datetime) -> tuple[int, Position]:
    return _ended(position, before).count(), Position(before, FIRST_KEY)


def entry(row: Mapping[str, Any], *, job_key: str | None) -> AuditEntry:
    """What is told of a row: who, what, when and how many, but neither parameters nor what the run said."""
    is_success = row["status"] == ExecutionStatus.COMPLETED
    return AuditEntry(
        f"JOB_{row['status'].upper()}",
        resource(row["job_type"]),
        success=is_success,
        user_id=who(row["triggered_by"]),
        severity=SEVERITIES[row["status"]],
        error_message=None if is_success else row["error"] or row["reason"] or row["status"],
        duration_ms=None if row["duration"] is None else round(row["duration"] / timedelta(milliseconds=1)),
        correlation_id=str(row["id"]),
        data={
            "jobId": row["job_id"], "jobKey": job_key, "jobName": row["job_name"], "executionId": row["id"],
            "retryAttempt": row["retry_attempt"], "retryOf": row["retry_of"], "trigger": row["trigger"],
            "scheduledFor": row["scheduled_for"], "startedAt": row["started_at"], "completedAt": row["completed_at"],
            "reason": row["reason"] or None, "dryRun": row["parameters__dryRun"] is True or None,
            "result": _figures(row["figures"]) or None,
        },
    )  # fmt: skip


def _ended(position: Position, until: datetime) -> QuerySet[JobExecution]:
    """Those after the position that a worker had, by the index on `completed_at`."""
    return JobExecution.objects.filter(
        Q(completed_at__gt=position.at) | Q(id__gt=position.key),
        completed_at__gte=position.at, completed_at__lt=until, status__in=SEVERITIES, started_at__isnull=False,
    )  # fmt: skip


def _figures(result: Any) -> dict[str, Any]:
    """The counts in a result. Words in it may be somebody's address."""
    named = result.items() if isinstance(result, dict) else ()
    return dict([(name, value) for name, value in named if isinstance(value, bool | int | float)][:MOST_FIGURES])
