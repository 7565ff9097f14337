"""Waits for the end of a run, through its retries."""

import time
from uuid import UUID

from executions import ids
from executions.command_line.place import Exit, Json, Place
from jobs.enums import ExecutionStatus

LOOK_SECONDS = 0.5
LOOK_SECONDS_AT_MOST = 5.0
UNDER_WAY = (ExecutionStatus.QUEUED, ExecutionStatus.RUNNING)
EXITS = {ExecutionStatus.COMPLETED: Exit.DONE, ExecutionStatus.FAILED: Exit.RUN_FAILED}


def wait(place: Place, run: Json, *, seconds: float | None) -> Json:
    """The last attempt when it has ended; as it is when `seconds` are over (None: however long it takes)."""
    until = None if seconds is None else time.monotonic() + seconds
    pause = LOOK_SECONDS
    while True:
        run = place.execution(run["id"]) or run
        if run["status"] not in UNDER_WAY:
            following = place.execution(_next_attempt(run)) if run["status"] == ExecutionStatus.FAILED else None
            if following is None:
                return run
            run = following
        if until is not None and time.monotonic() + pause > until:
            return run
        time.sleep(pause)
        pause = min(pause * 1.2, LOOK_SECONDS_AT_MOST)


def outcome(run: Json) -> Exit:
    if run["status"] in UNDER_WAY:
        return Exit.RUN_GOES_ON
    return EXITS.get(run["status"], Exit.RUN_ENDED_OTHERWISE)


def _next_attempt(run: Json) -> str:
    first = UUID(str(run["retryOf"] or run["id"]))
    return str(ids.of_retry(first, run["retryAttempt"] + 1))
