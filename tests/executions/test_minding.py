"""A worker's main process minds children that its main loop does not hear: real processes, and no Celery."""

import os
import signal
import time
import uuid
from collections.abc import Callable, Iterator

import pytest
from billiard.context import ForkContext
from celery.worker import state

from executions import children, orphans
from executions.children import Holder
from executions.minding import Minder
from executions.models import JobExecution
from jobs.enums import ExecutionStatus, Reason
from scheduler_project.local.process import eventually
from tests.factories import a_job, started

PATIENCE_SECONDS = 60
WORKER = uuid.UUID(int=7)

pytestmark = pytest.mark.django_db


@pytest.fixture
def child(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., int]]:
    """Forks one, as a pool does, that holds a run until it is killed; its process number."""
    monkeypatch.setattr(children, "_shared", None)
    children.share()
    pool = []

    def hold(run: JobExecution, *, since: float, hard_limit_seconds: float) -> None:
        children._write(run.id.bytes, since, hard_limit_seconds, os.getpid())
        time.sleep(PATIENCE_SECONDS * 10)

    def make(
        run: JobExecution, *, seconds_ago: float = 0.0, hard_limit_seconds: float = 0.0, has_claimed: bool = True
    ) -> int:
        about = {"since": time.monotonic() - seconds_ago, "hard_limit_seconds": hard_limit_seconds}
        process = ForkContext().Process(target=hold, args=[run], kwargs=about)
        process.index = len(pool)
        process.start()
        pool.append(process)
        assert eventually(lambda: len(list(children.holders())) == len(pool), PATIENCE_SECONDS)
        if has_claimed:
            JobExecution.objects.filter(pk=run.pk).update(process_id=process.pid)
        return int(process.pid)

    yield make
    for process in pool:
        os.kill(process.pid, signal.SIGKILL)
        process.join()


def held_run(**definition: object) -> JobExecution:
    run = started(a_job(**definition))
    JobExecution.objects.filter(pk=run.pk).update(worker_id=WORKER)
    return run


def closed_by(minder: Minder, run: JobExecution) -> Callable[[], bool]:
    def is_closed() -> bool:
        minder.look()
        orphans.write_down()
        run.refresh_from_db()
        return run.is_finished

    return is_closed


def test_a_run_is_answered_for_while_its_process_lives_though_celery_knows_nothing_of_it(
    child: Callable[..., int],
) -> None:
    """Taken in the moment when the broker went away: Celery forgets it, and its start is unread in a pipe."""
    run, minder = held_run(), Minder(WORKER)
    child(run, hard_limit_seconds=3_600)
    assert not state.active_requests and not state.reserved_requests
    assert minder.look() == {run.id}
    orphans.write_down()
    assert JobExecution.objects.get(pk=run.pk).status == ExecutionStatus.RUNNING


def test_a_run_that_was_let_go_is_not_answered_for(child: Callable[..., int]) -> None:
    children.hold(uuid.uuid4(), hard_limit_seconds=None)
    children.let_go()
    assert Minder(WORKER).look() == set()


def test_a_run_whose_process_died_is_closed_with_what_killed_it_and_is_nobody_elses_until_then(
    child: Callable[..., int],
) -> None:
    run, minder = held_run(), Minder(WORKER, dead_seconds=0.5)
    process_id = child(run)
    os.kill(process_id, signal.SIGKILL)
    assert eventually(lambda: not children.living(), PATIENCE_SECONDS)
    assert minder.look() == {run.id}
    assert eventually(closed_by(minder, run), PATIENCE_SECONDS)
    assert (run.status, run.reason) == (ExecutionStatus.FAILED, Reason.WORKER_LOST)
    assert "SIGKILL" in run.error_message
    assert JobExecution.objects.filter(retry_of=run.id).exists()
    assert minder.look() == set()
    # It is for Celery's loop to collect.
    assert os.waitid(os.P_PID, process_id, os.WEXITED | os.WNOWAIT)


def test_a_child_that_died_before_its_claim_takes_no_run_from_the_one_that_has_it(child: Callable[..., int]) -> None:
    """Two messages of one run, rung twice: both children noted it, and one of them was killed before it asked."""
    run, minder = held_run(), Minder(WORKER, dead_seconds=0)
    dead = child(run, has_claimed=False)
    living = child(run)
    os.kill(dead, signal.SIGKILL)
    assert eventually(lambda: [one.process_id for one in children.living()] == [living], PATIENCE_SECONDS)
    assert minder.look() == {run.id}
    orphans.write_down()
    run.refresh_from_db()
    assert run.status == ExecutionStatus.RUNNING
    os.kill(living, signal.SIGKILL)
    assert eventually(closed_by(minder, run), PATIENCE_SECONDS)
    assert run.reason == Reason.WORKER_LOST


def test_a_process_that_has_another_run_by_now_is_not_ended_for_the_one_before(child: Callable[..., int]) -> None:
    before, now = held_run(name="before"), held_run(name="now")
    process_id = child(now)
    overdue = Holder(before.id, process_id, time.monotonic() - 100, 10.0)
    Minder(WORKER)._end(overdue)
    assert [one.process_id for one in children.living()] == [process_id]


def test_a_run_beyond_its_hard_limit_has_its_process_ended_and_says_the_seconds(child: Callable[..., int]) -> None:
    run, in_time = held_run(name="overdue"), held_run(name="in time")
    process_id, minder = child(run, seconds_ago=100, hard_limit_seconds=90), Minder(WORKER)
    child(in_time, seconds_ago=100, hard_limit_seconds=99)  # Celery still has a moment to do it
    assert minder.look() == {run.id, in_time.id}
    orphans.write_down()
    run.refresh_from_db()
    assert (run.status, run.reason) == (ExecutionStatus.FAILED, Reason.TIMEOUT)
    assert "timeout of 60 seconds" in run.error_message
    assert eventually(lambda: [one.process_id for one in children.living()] != [process_id], PATIENCE_SECONDS)
    assert [one.execution_id for one in children.living()] == [in_time.id]


def test_a_process_of_somebody_else_under_the_same_number_is_not_the_child() -> None:
    assert not Holder(uuid.uuid4(), os.getppid(), 0.0, 0.0).is_alive()
