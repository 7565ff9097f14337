"""Attempts at a job: made by the zygote, killed there, and closed here by the verbs that a worker closes them with."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from django.db import connection

from executions import dispatch, orphans
from executions.ledger import Outcome
from executions.models import JobExecution
from jobs.enums import ExecutionStatus, Reason
from jobs.models import ScheduledJob
from scheduler_project.local.process import eventually
from tests.factories import SOMEBODY, a_job

ROOT = Path(__file__).resolve().parent.parent.parent
MOST_RETRIES = 20  # SPEC §2
KILLED = -9
SESSIONS_SECONDS = 20


@dataclass(frozen=True)
class Order:
    """One attempt to be made. `failpoint`: name[:n], where it dies by itself; `kill_after`: in seconds."""

    execution: JobExecution
    failpoint: str = ""
    kill_after: float | None = None


@dataclass(frozen=True)
class Attempt:
    """One that was made. `row`: as it is in the ledger after all; `seconds`: from the fork to the end."""

    row: JobExecution
    was_killed: bool
    seconds: float


@dataclass
class Attempts:
    """`settings`: of the service, for each child. `databases`: whose sessions end with a child."""

    process: "subprocess.Popen[str]"
    settings: Mapping[str, Any] = field(default_factory=dict)
    databases: Sequence[str] = ()

    def make(self, *orders: Order) -> list[Attempt]:
        """All at once. A killed one is lost to its worker, which closes it; its retry, if any, is free to start."""
        answers = self._ask([self._words(order) for order in orders])
        killed = [answer["exit"] == KILLED for answer in answers]
        if any(killed):
            self._wait_for_sessions()
        for order, was_killed in zip(orders, killed, strict=True):
            if was_killed:
                orphans.hand_over(order.execution.id, LOST, worker_id=None)
        orphans.write_down()
        dispatch.admit_retries()
        return [
            Attempt(JobExecution.objects.get(pk=order.execution.pk), was_killed, answer["seconds"])
            for order, was_killed, answer in zip(orders, killed, answers, strict=True)
        ]

    def to_the_end(self, execution: JobExecution | None) -> JobExecution | None:
        """Undisturbed, with all the attempts that it takes; the last one's row. None of None."""
        last = execution
        while execution:
            last = self.make(Order(execution))[0].row
            execution = next_attempt(last)
        return last

    def _words(self, order: Order) -> dict[str, Any]:
        return {
            "execution": str(order.execution.id), "jobType": order.execution.job_type, "settings": self.settings,
            "failpoint": order.failpoint, "killAfter": order.kill_after,
        }  # fmt: skip

    def _ask(self, attempts: list[dict[str, Any]]) -> list[dict[str, Any]]:
        ways_in, ways_out = self.process.stdin, self.process.stdout
        assert ways_in and ways_out
        print(json.dumps(attempts), file=ways_in, flush=True)
        answer = ways_out.readline()
        assert answer, "the zygote has ended; its log says why"
        answers: list[dict[str, Any]] = json.loads(answer)
        assert all(each["exit"] in (0, KILLED) for each in answers), "a child has crashed by itself; the log says why"
        return answers

    def _wait_for_sessions(self) -> None:
        """A statement that had left the child is still carried out: in the service a retry's delay lies between."""
        eventually(lambda: not self._sessions(), SESSIONS_SECONDS)

    def _sessions(self) -> int:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = ANY(%s) AND pid <> pg_backend_pid()",
                [[*self.databases, connection.settings_dict["NAME"]]],
            )
            return int(cursor.fetchall()[0][0])


LOST = Outcome(ExecutionStatus.FAILED, Reason.WORKER_LOST, error_message="Killed by the test.", can_retry=True)


@contextmanager
def zygote(log: Path) -> Iterator[Attempts]:
    """A new one, on this process's database. It ends with the context, or with this process, however that ends."""
    of_ours = connection.settings_dict
    url = f"postgresql://{of_ours['USER']}:{of_ours['PASSWORD']}@{of_ours['HOST']}:{of_ours['PORT']}/{of_ours['NAME']}"
    with log.open("a") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.crashes.zygote"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, text=True, cwd=ROOT,
            env={**os.environ, "DATABASE_URL": url},
        )  # fmt: skip
    try:
        yield Attempts(process)
    finally:
        _close(process.stdin, process.stdout)
        process.wait()


def _close(*pipes: IO[str] | None) -> None:
    for pipe in pipes:
        if pipe:
            pipe.close()


def new_run(job_type: str, parameters: Mapping[str, Any]) -> JobExecution:
    """The first run of a job of its own, which tries again at once, as often as a job may."""
    name = f"{job_type} {ScheduledJob.objects.count()}"
    job = a_job(
        name, job_type=job_type, parameters=dict(parameters), overlap_policy="Allow", max_retries=MOST_RETRIES,
        retry_delay_minutes=0,
    )  # fmt: skip
    return another_run(job)


def another_run(job: ScheduledJob) -> JobExecution:
    return dispatch.run_now(job, dispatch.RunRequest(by=SOMEBODY))


def next_attempt(last: JobExecution) -> JobExecution | None:
    """The same row again, if who was to run it died before he had claimed it: the service rings again for it."""
    if last.status == ExecutionStatus.QUEUED:
        return last
    rows = JobExecution.objects.filter(retry_of=last.first_attempt, status=ExecutionStatus.QUEUED)
    return rows.order_by("-retry_attempt").first()
