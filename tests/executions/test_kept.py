"""An outcome that the database cannot take yet survives the process that reached it, and the next worker writes it."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from executions import claims, kept, ledger, orphans, rescue
from executions.ledger import Outcome
from executions.models import JobExecution
from jobs.enums import ExecutionStatus, Reason
from tests.factories import COMPLETED, a_job, fresh, started

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_folder(settings: Any, tmp_path: Path) -> None:
    settings.SCHEDULER_WORK_DIR = str(tmp_path / "work")


@pytest.fixture
def run() -> Iterator[JobExecution]:
    """A run that a process holds; the database is away when its body is through."""
    run = started(a_job())
    claim = claims.take(run)
    claim.output.add("all done")
    claim.output.progress(90, "nearly")
    kept.keep(claim, Outcome(ExecutionStatus.COMPLETED, result={"count": 7}))
    yield run
    claims.release(str(run.id))


def again(run: JobExecution) -> JobExecution:
    return JobExecution.objects.get(pk=run.pk)


def whose_process_died(run: JobExecution) -> None:
    """The kernel has closed its files."""
    kept._ours.pop(run.id).close()


def test_what_is_read_is_what_was_kept(run: JobExecution) -> None:
    found = kept.of(run.id)
    assert found and (found.claim_token, found.outcome.result) == (run.claim_token, {"count": 7})
    assert "all done" in found.output and found.progress == (90, "nearly")
    kept.forget(run.id)
    assert kept.of(run.id) is None


def test_an_outcome_whose_process_lives_is_that_processs_own_to_write(run: JobExecution) -> None:
    orphans.write_down()
    assert again(run).status == ExecutionStatus.RUNNING


def test_an_outcome_whose_process_is_gone_is_written_by_the_next_worker(run: JobExecution) -> None:
    whose_process_died(run)
    orphans.write_down()
    row = again(run)
    assert (row.status, row.result, row.progress) == (ExecutionStatus.COMPLETED, {"count": 7}, 100)
    assert "all done" in row.output
    assert fresh(row.job).successful_executions == 1
    assert kept.of(run.id) is None


def test_an_outcome_is_written_though_another_process_has_the_number_of_the_one_that_kept_it(run: JobExecution) -> None:
    """A container that is started again, in the middle of an outage, has the same few process numbers as before."""
    whose_process_died(run)
    [path] = kept._folder().glob(f"{run.id}.*")
    path.rename(path.with_name(f"{run.id}.{os.getpid()}.json"))
    orphans.write_down()
    assert again(run).status == ExecutionStatus.COMPLETED and kept.of(run.id) is None


def test_an_outcome_that_is_kept_once_more_is_still_its_processs_own(run: JobExecution) -> None:
    kept.keep(claims.held(str(run.id)), Outcome(ExecutionStatus.FAILED, Reason.ERROR, is_substitute=True))
    assert list(kept.left_behind()) == []
    whose_process_died(run)
    assert [left.outcome.is_substitute for left in kept.left_behind()] == [True]


def test_a_child_killed_at_its_time_limit_with_its_work_done_has_done_its_work(run: JobExecution) -> None:
    orphans.hand_over(run.id, Outcome(ExecutionStatus.FAILED, Reason.TIMEOUT, can_retry=True), worker_id=None)
    orphans.write_down()
    assert (again(run).status, again(run).reason) == (ExecutionStatus.COMPLETED, "")
    assert not JobExecution.objects.filter(retry_of=run.id).exists()


def test_an_outcome_of_a_run_that_was_given_up_meanwhile_is_refused_and_forgotten(run: JobExecution) -> None:
    whose_process_died(run)
    ledger.close(run, Outcome(ExecutionStatus.FAILED, Reason.WORKER_LOST), output="")
    orphans.write_down()
    assert again(run).reason == Reason.WORKER_LOST and kept.of(run.id) is None


def test_a_file_that_is_no_outcome_is_left_alone(run: JobExecution) -> None:
    whose_process_died(run)
    [path] = kept._folder().glob("*.json")
    (path.parent / f"{uuid.uuid4()}.1999999.json").write_text("garbage")
    (path.parent / "garbage.json").write_text("{}")
    orphans.write_down()
    assert again(run).status == ExecutionStatus.COMPLETED


def test_a_folder_that_others_can_write_to_is_not_believed(run: JobExecution) -> None:
    kept._folder().chmod(0o777)
    assert kept.of(run.id) is None
    assert list(kept.left_behind()) == []


def test_a_disk_that_takes_nothing_disturbs_nobody(run: JobExecution, settings: Any) -> None:
    settings.SCHEDULER_WORK_DIR = os.devnull
    kept.keep(claims.Claim(run, claims.RunOutput(run)), COMPLETED)
    kept.forget(run.id)
    assert kept.of(run.id) is None and list(kept.left_behind()) == []


def test_the_rescue_does_not_close_what_a_living_process_still_holds(run: JobExecution) -> None:
    assert rescue.close_lost() == 0
