"""Runs whose worker is gone are closed; nobody else's are."""

import uuid
from datetime import timedelta

import pytest
from django.db.models.functions import Now

from executions import rescue, turn
from executions.models import JobExecution, Worker
from jobs.enums import ExecutionStatus, Trigger
from tests.factories import a_job, started

pytestmark = pytest.mark.django_db


def run_of(worker: Worker, *, seconds_ago: int = 300, **definition: object) -> JobExecution:
    run = started(a_job(**definition))
    JobExecution.objects.filter(id=run.id).update(
        worker_id=worker.id, worker_name=worker.name, started_at=Now() - timedelta(seconds=seconds_ago)
    )
    return run


def a_worker(*, silent_seconds: int, has_stopped: bool = False) -> Worker:
    return Worker.objects.create(
        id=uuid.uuid4(), name="celery@there", machine_name="there", process_id=7, queues=["default"], processes=1,
        started_at=Now(), last_seen_at=Now() - timedelta(seconds=silent_seconds),
        stopped_at=Now() if has_stopped else None,
    )  # fmt: skip


def test_a_run_of_a_silent_worker_is_closed_as_lost_and_tried_again() -> None:
    run = run_of(a_worker(silent_seconds=46))
    assert rescue.close_lost() == 1
    lost, retry = JobExecution.objects.order_by("retry_attempt")
    assert (lost.id, lost.status, lost.reason) == (run.id, ExecutionStatus.FAILED, "worker_lost")
    assert "celery@there" in lost.error_message
    assert (retry.status, retry.trigger, retry.retry_of) == (ExecutionStatus.QUEUED, Trigger.RETRY, run.id)
    assert rescue.close_lost() == 0


def test_a_run_left_by_a_worker_that_has_stopped_is_lost_too() -> None:
    run_of(a_worker(silent_seconds=0, has_stopped=True))
    assert rescue.close_lost() == 1


@pytest.mark.parametrize("seconds_ago", [0, 300, 100_000])
def test_a_run_of_a_living_worker_is_let_alone_however_old_it_is(seconds_ago: int) -> None:
    run_of(a_worker(silent_seconds=20), seconds_ago=seconds_ago)
    assert rescue.close_lost() == 0


def test_a_run_that_has_just_begun_is_let_alone_until_its_worker_had_time_to_be_heard() -> None:
    run_of(a_worker(silent_seconds=60), seconds_ago=5)
    assert rescue.close_lost() == 0


def test_who_has_not_watched_for_long_judges_nobody() -> None:
    run = run_of(a_worker(silent_seconds=1_000))
    turn.take()
    assert JobExecution.objects.get(id=run.id).status == ExecutionStatus.RUNNING
