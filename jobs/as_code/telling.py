"""A plan as JSON, the same from the command line and from the API: for each job what changes, and its due times."""

import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.auth import get_user_model
from pydantic.alias_generators import to_camel

from jobs import cron
from jobs.as_code.planning import Action, Change, Drift, Item, Plan
from jobs.enums import JobStatus
from jobs.models import SCHEDULE_FIELDS, ScheduledJob

DUE_TIMES_TOLD = 3
COUNTED = {
    Action.CREATE: "created", Action.CHANGE: "changed", Action.REMOVE: "removed", Action.UNCHANGED: "unchanged",
    Action.REFUSED: "refused", Action.KEPT: "kept",
}  # fmt: skip


def told(plan: Plan, *, is_applied: bool = False) -> dict[str, Any]:
    """`counts` by action, and `jobs` in the plan's order; those unchanged with their key alone."""
    names = _people(plan.items)
    return {
        "set": plan.set_name,
        "at": _utc(plan.at),
        "applied": is_applied,
        "counts": {word: len(plan.of(action)) for action, word in COUNTED.items()},
        "jobs": [_item(item, plan.at, names) for item in plan.items],
    }


def _item(item: Item, now: datetime, names: dict[uuid.UUID, str]) -> dict[str, Any]:
    line = item.definition.entry.mark.line if item.definition else None
    facts: dict[str, Any] = {"key": item.key, "name": item.name, "line": line, "action": item.action.value}
    if item.job is not None and item.job.status != JobStatus.ENABLED and not _touches_status(item):
        facts["status"] = item.job.status  # which the file leaves as it is
    if item.action == Action.UNCHANGED:
        return facts
    facts["changes"] = [_change(change) for change in item.changes]
    if item.action == Action.CREATE and item.definition:
        new = item.definition.job
        facts["definition"] = {"jobType": new.job_type, "cronExpression": new.cron_expression, "status": new.status}
    if item.drift:
        facts["drift"] = _drift(item.drift, names)
    return facts | _due_times(item, now)


def _touches_status(item: Item) -> bool:
    return any(change.field == "status" for change in item.changes)


def _change(change: Change) -> dict[str, Any]:
    return {"field": to_camel(change.field), "before": change.before, "after": change.after}


def _drift(drift: Drift, names: dict[uuid.UUID, str]) -> dict[str, Any]:
    """`changes`: from what the last apply left to what it is now."""
    return {
        "origin": drift.origin.value,
        "changes": [_change(change) for change in drift.changes],
        "by": names.get(drift.by, str(drift.by)) if drift.by else None,
        "at": _utc(drift.at) if drift.at else None,
        "set": drift.set_name or None,
    }


# --- Due times -------------------------------------------------------------------------------------------------------
def _due_times(item: Item, now: datetime) -> dict[str, Any]:
    """The next due times where they change, before and after, each on the clock of its zone; {} where they do not."""
    touched = {change.field for change in item.changes}
    if item.job is not None and not touched & SCHEDULE_FIELDS:
        return {}
    before = _next(_with(item, "before"), now) if item.job else []
    after = _next(_with(item, "after") if item.job else item.wanted.job, now)
    return {"nextExecutions": {"before": before, "after": after}} if before != after else {}


def _with(item: Item, side: str) -> ScheduledJob:
    """The schedule before or after, by the changes: once the plan is brought about, the job itself is the new one."""
    values = {change.field: getattr(change, side) for change in item.changes}
    return ScheduledJob(**{name: values.get(name, getattr(item.job, name)) for name in SCHEDULE_FIELDS})


def _next(job: ScheduledJob, now: datetime) -> list[dict[str, str]]:
    if not job.is_on_schedule:
        return []
    try:
        due_times = islice(job.schedule.between(now, cron.expression.LATEST), DUE_TIMES_TOLD)
    except cron.CronError:
        return []
    zone = ZoneInfo(job.time_zone)
    return [
        {"scheduledFor": _utc(due), "local": due.astimezone(zone).isoformat(), "timeZone": job.time_zone}
        for due in due_times
    ]


def _utc(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _people(items: Iterable[Item]) -> dict[uuid.UUID, str]:
    wanted = {item.drift.by for item in items if item.drift and item.drift.by}
    return dict(get_user_model()._default_manager.filter(pk__in=wanted).values_list("pk", "username"))
