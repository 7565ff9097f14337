"""A plan for people: what changes of each job, with due times before and after, and at the end how many of each."""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from executions.command_line.console import Console
from executions.command_line.place import Json

SIGNS = {
    "create": ("+", "SUCCESS"), "change": ("~", "WARNING"), "remove": ("-", "ERROR"), "refused": ("!", "ERROR"),
    "kept": ("=", "NOTICE"),
}  # fmt: skip
WHAT = {
    "create": "new", "change": "changed", "remove": "no longer in the file: disabled, with its history",
    "refused": "refused", "kept": "left as it is",
}  # fmt: skip
ORIGINS = {
    "edited": "edited since the last apply",
    "deleted": "deleted since the last apply",
    "notApplied": "exists already, and was never applied from a file",
    "otherSet": "stands in the file of the set {set}",
}
COUNTS = ("created", "changed", "removed", "kept", "refused", "unchanged")
REMEDY = (
    "Take edits into the file, or overwrite them with --take-over KEY (--take-over-all), or leave those jobs as they"
    " are with --keep-edits."
)


def show(plan: Json, console: Console) -> None:
    for job in plan["jobs"]:
        if job["action"] in SIGNS:
            sign, style = SIGNS[job["action"]]
            console.line(f"{sign} {job['key']}: {WHAT[job['action']]}{_state(job)}", style)
            for line in _lines(job):
                console.line(f"    {line}")
        elif "status" in job:
            console.line(f"  {job['key']}: is {job['status']}, of which the file says nothing; left so")
    counts = ", ".join(f"{plan['counts'][word]} {word}" for word in COUNTS if plan["counts"][word])
    done = "Applied" if plan["applied"] else "Plan"
    console.line(f"{done}, set {plan['set']}: {counts or 'no jobs'}.", "MIGRATE_HEADING")
    if plan["counts"]["refused"]:
        console.line(REMEDY)


def _state(job: Json) -> str:
    return f" ({job['status']} now, left so)" if "status" in job else ""


def _lines(job: Json) -> Iterator[str]:
    drift = job.get("drift")
    if drift:
        who = f" by {drift['by']}" if drift["by"] else ""
        when = f" at {drift['at'][:19].replace('T', ' ')} UTC" if drift["at"] else ""
        yield ORIGINS[drift["origin"]].format(set=drift["set"]) + who + when
        yield from (f"  {text}" for text in _changes(drift["changes"]))
    if job["action"] == "create":
        new = job["definition"]
        yield f"{new['jobType']}, {new['cronExpression']}, {new['status']}"
    elif job["action"] != "kept":
        title = "the file would make it" if job["action"] == "refused" and job["line"] else ""
        yield from filter(None, [title])
        yield from (f"{'  ' if title else ''}{text}" for text in _changes(job["changes"]))
    for side, times in job.get("nextExecutions", {}).items():
        if times or job["action"] != "create":
            yield f"next {side}: {_times(times)}"


def _changes(changes: Iterable[Json]) -> Iterator[str]:
    for change in changes:
        before, after = change["before"], change["after"]
        if isinstance(before, dict) and isinstance(after, dict):
            for name in dict.fromkeys([*before, *after]):
                if before.get(name) != after.get(name) or (name in before) != (name in after):
                    yield f"{change['field']}.{name}: {_of(before, name)} -> {_of(after, name)}"
        else:
            yield f"{change['field']}: {_value(before)} -> {_value(after)}"


def _of(values: Json, name: str) -> str:
    return _value(values[name]) if name in values else "(not set)"


def _value(value: Any) -> str:
    return value if isinstance(value, str) and value.strip() else json.dumps(value, ensure_ascii=False)


def _times(times: list[Json]) -> str:
    if not times:
        return "never"
    shown = ", ".join(f"{datetime.fromisoformat(time['local']):%a %Y-%m-%d %H:%M}" for time in times)
    return f"{shown} ({times[0]['timeZone']})"
