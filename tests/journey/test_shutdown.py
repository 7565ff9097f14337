"""A worker is stopped under load, as each deploy does it: nothing is lost, doubled, or charged to the retries."""

import os
import signal
from pathlib import Path
from typing import Any

import psutil
import pytest

from executions import dispatch
from executions.models import JobExecution, Worker
from jobs.enums import ExecutionStatus, OverlapPolicy, Reason
from jobs.models import SYSTEM_USER_ID, ScheduledJob
from scheduler_project.local.process import Process
from tests.journey.conftest import System, until

pytestmark = pytest.mark.journey

LIMIT = {"SCHEDULER_SHUTDOWN_SECONDS": "2"}


def start_run(name: str, job_type: str, diary: Path, seconds: float, **definition: Any) -> JobExecution:
    job = ScheduledJob.define(
        by=SYSTEM_USER_ID, name=name, job_type=job_type, cron_expression="0 0 1 1 *", max_retries=0,
        overlap_policy=OverlapPolicy.ALLOW, parameters={"path": str(diary), "seconds": seconds}, **definition,
    )  # fmt: skip
    return dispatch.run_now(job, dispatch.RunRequest(by=SYSTEM_USER_ID))


def again(run: JobExecution) -> JobExecution:
    return JobExecution.objects.get(id=run.id)


def next_attempt(run: JobExecution) -> JobExecution | None:
    return JobExecution.objects.filter(retry_of=run.id).first()


def is_down(worker: Process) -> bool:
    return not worker.is_running


def test_what_ends_within_the_limit_ends_as_ever_and_what_waits_is_left_to_the_next_worker(
    system: System, tmp_path: Path
) -> None:
    diary = tmp_path / "diary"
    worker = system.start_worker(SCHEDULER_SHUTDOWN_SECONDS="60")
    runs = [start_run(f"job {n}", "DiaryJob", diary, 3) for n in range(6)]
    until(lambda: diary.exists() and len(diary.read_text().splitlines()) == 2, worker)
    worker.send(signal.SIGTERM)
    until(lambda: is_down(worker), worker)
    assert worker.exit_code == 0
    statuses = sorted(again(run).status for run in runs)
    assert statuses[:2] == [ExecutionStatus.COMPLETED] * 2
    assert set(statuses[2:]) <= {ExecutionStatus.COMPLETED, ExecutionStatus.QUEUED}
    assert Worker.objects.get().stopped_at
    second, beat = system.start_worker(), system.start_beat()
    until(lambda: all(again(run).status == ExecutionStatus.COMPLETED for run in runs), second, beat, seconds=120)
    assert len(diary.read_text().splitlines()) == len(runs)


def test_what_goes_on_beyond_the_limit_is_ended_and_has_one_next_attempt(system: System, tmp_path: Path) -> None:
    worker = system.start_worker(**LIMIT)
    run = start_run("long", "DiaryJob", tmp_path / "long", 600)
    deaf = start_run("deaf", "DeafJob", tmp_path / "deaf", 600)
    until(lambda: (tmp_path / "long").exists() and (tmp_path / "deaf").exists(), worker)
    worker.send(signal.SIGTERM)
    until(lambda: is_down(worker), worker)
    for row in (again(run), again(deaf)):
        assert (row.status, row.reason) == (ExecutionStatus.FAILED, Reason.SHUTDOWN)
        attempt = next_attempt(row)
        assert attempt and (attempt.status, attempt.retry_attempt) == (ExecutionStatus.QUEUED, 1)
    assert "dear diary" in again(run).output
    system.start_worker(), system.start_beat()
    until(lambda: len((tmp_path / "long").read_text().splitlines()) == 2)


def test_a_run_that_holds_on_to_its_process_is_killed_and_has_its_next_attempt_all_the_same(
    system: System, tmp_path: Path
) -> None:
    worker = system.start_worker(**LIMIT)
    run = start_run("stubborn", "StubbornJob", tmp_path / "diary", 600)
    until((tmp_path / "diary").exists, worker)
    worker.send(signal.SIGTERM)
    until(lambda: is_down(worker), worker)
    assert (again(run).status, again(run).reason) == (ExecutionStatus.FAILED, Reason.SHUTDOWN)
    assert next_attempt(run)


def test_a_second_wish_to_stop_ends_the_runs_at_once_and_says_so(system: System, tmp_path: Path) -> None:
    worker = system.start_worker()
    run = start_run("long", "DiaryJob", tmp_path / "diary", 600)
    until((tmp_path / "diary").exists, worker)
    worker.send(signal.SIGTERM)
    worker.send(signal.SIGQUIT)
    until(lambda: is_down(worker), worker)
    assert (again(run).status, again(run).reason) == (ExecutionStatus.FAILED, Reason.SHUTDOWN)
    assert next_attempt(run)


def test_a_signal_to_the_process_of_one_run_ends_that_run_alone(system: System, tmp_path: Path) -> None:
    worker = system.start_worker()
    run = start_run("long", "DiaryJob", tmp_path / "diary", 600)
    until((tmp_path / "diary").exists, worker)
    os.kill(again(run).process_id or 0, signal.SIGTERM)
    until(lambda: again(run).is_finished, worker)
    assert again(run).reason == Reason.SHUTDOWN
    quick = start_run("quick", "DiaryJob", tmp_path / "quick", 0)
    until(lambda: again(quick).status == ExecutionStatus.COMPLETED, worker)


def test_a_worker_that_is_killed_takes_its_children_with_it(system: System, tmp_path: Path) -> None:
    worker = system.start_worker()
    run = start_run("long", "DiaryJob", tmp_path / "diary", 600)
    until((tmp_path / "diary").exists, worker)
    child = psutil.Process(again(run).process_id)
    psutil.Process(child.ppid()).kill()
    until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, worker)
