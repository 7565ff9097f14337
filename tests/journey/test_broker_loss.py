"""The broker dies with work in flight: the worker consumes again, nothing is lost, and limits hold meanwhile."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import current_app
from kombu import Connection

from executions import dispatch
from executions.models import JobExecution
from jobs.enums import ExecutionStatus, OverlapPolicy, Reason
from jobs.models import SYSTEM_USER_ID, ScheduledJob
from scheduler_project.local import commands
from scheduler_project.local.valkey import Valkey
from tests.journey.conftest import System, until

pytestmark = pytest.mark.journey

CONSUMES_AGAIN_WITHIN_SECONDS = 15
# The promise is a minute; the worker's own heartbeat needs two beats.
NOTICED_WITHIN_SECONDS = 60


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    tmp_path.chmod(0o711)
    engine = Valkey(tmp_path / "valkey-of-this-test")
    engine.start()
    yield engine
    engine.kill()


def test_after_a_kill_of_the_broker_the_worker_consumes_again_and_nothing_is_lost(
    system: System, valkey: Valkey, tmp_path: Path, settings: object
) -> None:
    system.environment["CELERY_BROKER_URL"] = valkey.url()
    diary = tmp_path / "diary"
    job = ScheduledJob.define(
        by=SYSTEM_USER_ID, name="slow", job_type="DiaryJob", cron_expression="0 0 1 1 *",
        overlap_policy=OverlapPolicy.ALLOW, parameters={"path": str(diary), "seconds": 3},
    )  # fmt: skip
    worker, beat = system.start_worker(), system.start_beat()
    runs = [dispatch.run_now(job, dispatch.RunRequest(by=SYSTEM_USER_ID)) for _ in range(6)]
    # These were rung on the suite's own broker; the system's beat finds them unheard and rings on its own.
    JobExecution.objects.update(rung_at=None, rings=0)
    running = JobExecution.objects.filter(status=ExecutionStatus.RUNNING)
    until(lambda: running.count() == 2, worker, beat)

    valkey.kill()
    valkey.start()

    later = dispatch.run_now(job, dispatch.RunRequest(by=SYSTEM_USER_ID))
    JobExecution.objects.filter(id=later.id).update(rung_at=None, rings=0)
    until(
        lambda: running.exclude(id__in=[run.id for run in runs[:2]]).exists(),
        worker,
        beat,
        seconds=CONSUMES_AGAIN_WITHIN_SECONDS,
    )
    done = JobExecution.objects.filter(status=ExecutionStatus.COMPLETED)
    until(lambda: done.count() == len(runs) + 1, worker, beat, seconds=120)
    assert worker.is_running
    assert len(diary.read_text().splitlines()) == len(runs) + 1


def a_run(name: str, job_type: str, **definition: Any) -> JobExecution:
    job = ScheduledJob.define(
        by=SYSTEM_USER_ID, name=name, job_type=job_type, cron_expression="0 0 1 1 *", max_retries=0, **definition
    )
    return dispatch.run_now(job, dispatch.RunRequest(by=SYSTEM_USER_ID))


def ring(valkey: Valkey, run: JobExecution, **limits: float) -> None:
    with Connection(valkey.url()) as broker:
        current_app.send_task(run.job_type, task_id=str(run.id), connection=broker, priority=4, **limits)


def test_while_the_broker_is_away_limits_hold_and_a_dead_child_is_noticed(
    system: System, valkey: Valkey, tmp_path: Path
) -> None:
    """No beat runs here: the worker alone sees to its children, while its main loop looks for the broker."""
    system.environment["CELERY_BROKER_URL"] = valkey.url()
    worker = system.start("worker", commands.worker(4))
    diary = {"path": str(tmp_path / "diary")}
    endless = {**diary, "seconds": 3_600}
    soft, hard = a_run("soft", "DiaryJob", parameters=endless), a_run("hard", "StubbornJob", parameters=endless)
    dead = a_run("dead", "DeafJob", parameters=endless)
    short = a_run("short", "DiaryJob", parameters={**diary, "seconds": 6})
    ring(valkey, soft, soft_time_limit=10, time_limit=40)
    ring(valkey, hard, soft_time_limit=8, time_limit=10)
    ring(valkey, dead)
    ring(valkey, short, soft_time_limit=15, time_limit=45)
    until(lambda: JobExecution.objects.exclude(started_at=None).count() == 4, worker)

    valkey.kill()
    again = JobExecution.objects.get
    os.kill(again(id=dead.id).process_id or 0, signal.SIGKILL)
    running = JobExecution.objects.filter(status=ExecutionStatus.RUNNING)
    until(lambda: not running.exists(), worker, seconds=NOTICED_WITHIN_SECONDS)
    assert again(id=short.id).status == ExecutionStatus.COMPLETED
    assert again(id=soft.id).reason == again(id=hard.id).reason == Reason.TIMEOUT
    assert "after its timeout of 10 seconds" in str(again(id=soft.id).error_message)
    assert again(id=dead.id).reason == Reason.WORKER_LOST
    assert "SIGKILL" in str(again(id=dead.id).error_message)

    valkey.start()
    later = [a_run(f"later {n}", "DiaryJob", parameters=diary) for n in range(4)]
    for run in later:
        ring(valkey, run, soft_time_limit=10, time_limit=40)
    done = JobExecution.objects.filter(id__in=[run.id for run in later], status=ExecutionStatus.COMPLETED)
    until(lambda: done.count() == 4, worker)
    # Its limit is over too, and Celery hears only now that its run is: that must not end the process, which is idle.
    assert "Pool process" not in worker.said()
