"""The stream of changes of jobs: their revisions, in the order in which they were written."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from itertools import takewhile
from typing import Any

from django.db.models import Count, F, Max, OuterRef, QuerySet, Subquery
from pydantic.alias_generators import to_camel

from executions.audit_feed.streams import Position, Record, resource, who
from jobs.enums import JobStatus
from jobs.gateways.audit import AuditEntry
from jobs.models import ScheduleRevision

# That they changed is told; what they are may be a secret, or somebody's address.
UNTOLD = frozenset({"parameters", "notification_emails"})
DELETED = "Deleted"
STATUS_ACTIONS: Mapping[str, str] = {
    JobStatus.ENABLED: "JOB_ENABLED", JobStatus.DISABLED: "JOB_DISABLED", JobStatus.PAUSED: "JOB_PAUSED",
    DELETED: "JOB_DELETED",
}  # fmt: skip


def beginning(now: datetime) -> Position:
    return Position(now, str(ScheduleRevision.objects.aggregate(last=Max("id"))["last"] or 0))


def after(position: Position, *, until: datetime, most: int) -> list[Record]:
    previous = ScheduleRevision.objects.filter(job=OuterRef("job"), version=OuterRef("version") - 1)
    rows = (
        _later(position)
        .annotate(before=Subquery(previous.values("definition")), status_before=Subquery(previous.values("status")))
        .order_by("id")
        .values(
            "id", "job_id", "version", "effective_from", "status", "definition", "changed_by_user_id", "before",
            "status_before", job_key=F("job__key"),
        )
    )  # fmt: skip
    # Up to the first that is not ripe: an id behind it may be, and yet the cursor has to stay before it.
    ripe = takewhile(lambda row: row["effective_from"] < until, rows[:most])
    return [Record(Position(row["effective_from"], str(row["id"])), partial(entry, row)) for row in ripe]


def caught_up(position: Position, until: datetime) -> Position:
    return Position(max(position.at, until), position.key)


def give_up(position: Position, before: datetime) -> tuple[int, Position]:
    old = _later(position).filter(effective_from__lt=before).aggregate(count=Count("id"), last=Max("id"))
    return old["count"], Position(before, str(old["last"] or position.key))


def entry(row: Mapping[str, Any]) -> AuditEntry:
    """What is told of a revision: who changed what, from what to what."""
    before, after = row["before"] or {}, row["definition"]
    changed = [name for name in after if name not in before or before[name] != after[name]]
    told = [name for name in changed if name not in UNTOLD]
    return AuditEntry(
        _action(row),
        resource(after["job_type"]),
        user_id=who(row["changed_by_user_id"]),
        correlation_id=str(row["job_id"]),
        data={
            "jobId": row["job_id"], "jobKey": row["job_key"], "jobName": after["name"], "version": row["version"],
            "status": row["status"], "effectiveFrom": row["effective_from"],
            "changedFields": [to_camel(name) for name in changed],
            "before": {to_camel(name): before.get(name) for name in told} if before else None,
            "after": {to_camel(name): after[name] for name in told},
        },
    )  # fmt: skip


def _later(position: Position) -> QuerySet[ScheduleRevision]:
    return ScheduleRevision.objects.filter(id__gt=int(position.key))


def _action(row: Mapping[str, Any]) -> str:
    if row["version"] == 1:
        return "JOB_CREATED"
    if row["status"] == row["status_before"]:
        return "JOB_UPDATED"
    if row["status"] == JobStatus.ENABLED and row["status_before"] == JobStatus.PAUSED:
        return "JOB_RESUMED"
    return STATUS_ACTIONS[row["status"]]
