"""Jobs, due times and executions as the words of a table, from their JSON."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from executions.command_line.place import Json

NOTHING = "-"
JOB_COLUMNS = ("KEY", "STATUS", "SCHEDULE", "ZONE", "NEXT", "LAST", "RESULT")
RUN_COLUMNS = ("DUE OR ASKED", "STATUS", "REASON", "TRIGGER", "ATTEMPT", "STARTED", "DURATION", "ID", "ERROR")
SHOWN_FIRST = ("key", "name", "description", "jobType", "parameters", "cronExpression", "timeZone", "status")
INSTANTS = frozenset({"pausedUntil", "lastExecutionAt", "nextExecutionAt", "createdAt", "lastModifiedAt"})


def job_row(job: Json) -> tuple[str, ...]:
    zone = str(job["timeZone"])
    return (
        job["key"], job["status"], job["cronExpression"], zone, clock(job["nextExecutionAt"], zone),
        clock(job["lastExecutionAt"], zone), job["lastExecutionStatus"] or NOTHING,
    )  # fmt: skip


def job_facts(job: Json) -> Iterable[tuple[str, str]]:
    """Every field under the name that files and the API give it; instants on the clock of the job's zone."""
    for name in dict.fromkeys([*SHOWN_FIRST, *job]):
        value = job[name]
        yield name, clock(value, str(job["timeZone"])) if name in INSTANTS else plain(value)


def due_row(due: Json) -> tuple[str, str]:
    return f"{datetime.fromisoformat(due['local']):%a %Y-%m-%d %H:%M}", due["remark"] or ""


def run_row(run: Json, zone: str) -> tuple[str, ...]:
    return (
        clock(run["scheduledFor"] or run["queuedAt"], zone), run["status"], run["reason"] or NOTHING, run["trigger"],
        str(run["retryAttempt"] + 1), clock(run["startedAt"], zone), run["duration"] or NOTHING, run["id"],
        run["errorMessage"] or "",
    )  # fmt: skip


def run_facts(run: Json, zone: str) -> Iterable[tuple[str, str]]:
    for name in ("id", "jobName", "status", "reason", "startedAt", "completedAt", "duration", "errorMessage", "result"):
        if run[name] is not None:
            yield name, clock(run[name], zone) if name.endswith("At") else plain(run[name])


def clock(instant: str | None, zone_name: str) -> str:
    """On the clock of that zone, with its offset where the zone is unknown here."""
    if instant is None:
        return NOTHING
    try:
        return f"{datetime.fromisoformat(instant).astimezone(ZoneInfo(zone_name)):%Y-%m-%d %H:%M:%S}"
    except (ZoneInfoNotFoundError, ValueError):
        return f"{datetime.fromisoformat(instant).astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"


def plain(value: Any) -> str:
    """A value as a file would have it, on one line."""
    if isinstance(value, str):
        return value or NOTHING
    if value is None or value == []:
        return NOTHING
    return json.dumps(value, ensure_ascii=False)
