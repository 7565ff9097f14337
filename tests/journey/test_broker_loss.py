"""The broker dies with work in flight: the worker consumes again and nothing is lost."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from executions import dispatch
from executions.models import JobExecution
from jobs.enums import ExecutionStatus, OverlapPolicy
from jobs.models import SYSTEM_USER_ID, ScheduledJob
from scheduler_project.local.valkey import Valkey
from tests.journey.conftest import System, until

pytestmark = pytest.mark.journey

CONSUMES_AGAIN_WITHIN_SECONDS = 15


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
