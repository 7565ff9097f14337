"""A job that fails again and again, one that runs too long, one that never starts: each is told, and its end is."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from executions import control, dispatch
from executions.models import AlertRound, JobExecution
from jobs.enums import ExecutionStatus
from jobs.models import SYSTEM_USER_ID, ScheduledJob
from scheduler_project.local.ports import LOCALHOST, free_port
from scheduler_project.local.process import Process
from tests.journey.conftest import System, make_due, until

pytestmark = pytest.mark.journey

ONCE_A_YEAR, EVERY_MINUTE = "0 0 1 1 *", "* * * * *"
TOO_LONG_SECONDS = 2


class Listener:
    """The webhook, and somebody who waits for the sign of life."""

    def __init__(self) -> None:
        self.server = HTTPServer(LOCALHOST, free_port())
        self.server.expect_request("/hook").respond_with_handler(self._hear)
        self.server.expect_request("/alive").respond_with_handler(self._feel)
        self.told: list[dict[str, Any]] = []
        self.signs = 0

    def url(self, path: str) -> str:
        return f"http://{LOCALHOST}:{self.server.port}/{path}"

    def count(self, kind: str, **about: Any) -> int:
        """How many of that kind, whose rule, job's name and so on are these."""
        return sum(each["kind"] == kind and all(each[key] == about[key] for key in about) for each in self._flat())

    def _flat(self) -> Iterator[dict[str, Any]]:
        for body in list(self.told):
            for notice in body.get("notices", [body]):
                yield {**notice, "job": (notice["job"] or {}).get("name")}

    def _hear(self, request: Request) -> Response:
        self.told.append(json.loads(request.data))
        return Response(status=204)

    def _feel(self, _request: Request) -> Response:
        self.signs += 1
        return Response(status=204)


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()
    listener.server.start()
    yield listener
    listener.server.stop()


@pytest.fixture
def processes(system: System, listener: Listener) -> tuple[Process, Process]:
    """A worker and a beat."""
    system.environment |= {
        "SCHEDULER_ALERT_WEBHOOK_URL": listener.url("hook"),
        "SCHEDULER_ALERT_WEBHOOK_SECRET": "a secret of this test",
        "SCHEDULER_SIGN_OF_LIFE_URL": listener.url("alive"),
    }
    return system.start_worker(), system.start_beat()


def define(name: str, job_type: str, **definition: Any) -> ScheduledJob:
    definition = {"cron_expression": ONCE_A_YEAR, "max_retries": 0, **definition}
    return ScheduledJob.define(by=SYSTEM_USER_ID, name=name, job_type=job_type, **definition)


def asked_for(job: ScheduledJob) -> JobExecution:
    return dispatch.run_now(job, dispatch.RunRequest(by=SYSTEM_USER_ID))


def status_of(run: JobExecution) -> str:
    return JobExecution.objects.get(id=run.id).status


def test_each_alert_of_a_job_is_told_once_and_so_is_its_end(
    processes: tuple[Process, Process], listener: Listener, tmp_path: Path
) -> None:
    worker, beat = processes
    prices = define("Prices", "FailingJob")
    report = define(
        "Report", "DiaryJob", max_duration_seconds=TOO_LONG_SECONDS,
        parameters={"path": str(tmp_path / "diary"), "seconds": 3_600},
    )  # fmt: skip
    backup = define("Backup", "NoOpJob", cron_expression=EVERY_MINUTE, grace_seconds=5)
    backup.pause(by=SYSTEM_USER_ID)

    # Three failures in a row, and a fourth, are one alert; while it goes on, another run is told of as too long.
    long_run = asked_for(report)
    for _failure in range(4):
        failed = asked_for(prices)
        until(lambda failed=failed: status_of(failed) == ExecutionStatus.FAILED, worker, beat)
    until(lambda: listener.count("Opened", job="Prices") == 1, worker, beat)
    until(lambda: listener.count("Opened", job="Report", rule="running_too_long") == 1, worker, beat)
    assert status_of(long_run) == ExecutionStatus.RUNNING

    # The next success, and the end of the long run, are told, once.
    good = asked_for(prices.redefine(by=SYSTEM_USER_ID, job_type="NoOpJob"))
    control.cancel(long_run)
    until(lambda: status_of(good) == ExecutionStatus.COMPLETED, worker, beat)
    until(lambda: listener.count("Recovered", job="Prices") == listener.count("Recovered", job="Report") == 1, beat)
    assert listener.count("Opened", job="Prices") == listener.count("Opened", job="Report") == 1
    until(lambda: listener.signs >= 1, beat)

    # With its worker gone, a due time that is fired does not start in its window.
    worker.kill()
    backup.resume(by=SYSTEM_USER_ID)
    make_due(backup)
    until(lambda: listener.count("Opened", job="Backup", rule="not_started") == 1, beat, seconds=90)

    # The beat alone gives the sign of life, when the next one is due.
    heard = listener.signs
    AlertRound.objects.update(sign_of_life_at=None)
    until(lambda: listener.signs > heard, beat)
