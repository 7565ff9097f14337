"""A real worker with one child, in which jobs run as they do for users: from run-now to the row in the ledger."""

import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import psutil

from benchmarks import memory
from benchmarks.stage import Stage
from executions import dispatch
from executions.models import JobExecution, Worker
from jobs.enums import ExecutionStatus
from jobs.models import SYSTEM_USER_ID, ScheduledJob
from scheduler_project.local import commands
from scheduler_project.local.process import eventually

READY_SECONDS = 120
RUN_SECONDS = 6 * 3600
REST_SECONDS, LOOK_SECONDS = 1.0, 0.05
ONCE_A_YEAR = "0 0 1 1 *"
UNDER_WAY = (ExecutionStatus.QUEUED, ExecutionStatus.RUNNING)


@dataclass(frozen=True)
class Child:
    """The process that runs the jobs of a worker."""

    pid: int
    idle_bytes: int

    def run(self, job_type: str, parameters: Mapping[str, Any]) -> JobExecution:
        """One run of a job of its own, to its end. Raises RuntimeError unless it is Completed."""
        job = ScheduledJob.define(
            by=SYSTEM_USER_ID, name=f"{job_type} {uuid.uuid4()}", job_type=job_type, parameters=dict(parameters),
            cron_expression=ONCE_A_YEAR, timeout_seconds=86_400, max_retries=0,
        )  # fmt: skip
        row = dispatch.run_now(job, dispatch.RunRequest(by=SYSTEM_USER_ID))
        deadline = time.monotonic() + RUN_SECONDS
        while row.status in UNDER_WAY and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)
            row.refresh_from_db()
        if row.status != ExecutionStatus.COMPLETED or row.process_id != self.pid:
            raise RuntimeError(f"{job_type} ended as {row.status} in process {row.process_id}: {row.error_message}")
        return row

    @property
    def growth_bytes(self) -> int:
        """By how much it was larger at most than before its first run."""
        return memory.peak(self.pid) - self.idle_bytes


def seconds_of(row: JobExecution) -> float:
    """As the ledger counts: from its claim to its record."""
    return (row.duration or timedelta()).total_seconds()


@contextmanager
def working(stage: Stage, environment: Mapping[str, str]) -> Iterator[Child]:
    """A fresh worker, consuming and at rest."""
    known = set(Worker.objects.values_list("id", flat=True))
    process = stage.python("worker", *commands.worker(1), environment=environment)
    process.start()
    try:
        is_there = Worker.objects.exclude(id__in=known)
        eventually(lambda: is_there.exists() or not process.is_running, READY_SECONDS)
        if not process.is_running or not is_there.exists():
            raise RuntimeError(f"The worker did not start.\n{process.last_lines()}")
        assert process.running
        child = _only_child(process.running.pid)
        yield Child(child, _at_rest(child))
    finally:
        process.stop()


def _only_child(pid: int) -> int:
    eventually(lambda: bool(psutil.Process(pid).children()), READY_SECONDS)
    (child,) = psutil.Process(pid).children()
    return child.pid


def _at_rest(pid: int) -> int:
    """Its size once that does not change any more."""
    size, since = memory.resident(pid), time.monotonic()
    while time.monotonic() - since < REST_SECONDS:
        time.sleep(LOOK_SECONDS)
        if (now := memory.resident(pid)) != size:
            size, since = now, time.monotonic()
    return size
