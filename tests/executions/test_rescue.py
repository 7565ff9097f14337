"""Runs whose worker is gone are closed; nobody else's are."""

import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now

from executions import rescue, turn, watch
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
    """It names no run until a test says which."""
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
    worker = a_worker(silent_seconds=20)
    run = run_of(worker, seconds_ago=seconds_ago)
    Worker.objects.filter(id=worker.id).update(execution_ids=[uuid.uuid4(), run.id])
    assert rescue.close_lost() == 0


def test_a_run_that_its_living_worker_does_not_name_any_more_is_lost() -> None:
    run = run_of(a_worker(silent_seconds=5), seconds_ago=26)
    assert rescue.close_lost() == 1
    lost = JobExecution.objects.get(id=run.id)
    assert (lost.status, lost.reason) == (ExecutionStatus.FAILED, "worker_lost")
    assert "does not hold this run any more" in lost.error_message


def test_a_run_that_its_living_worker_could_not_name_twice_yet_is_let_alone() -> None:
    run_of(a_worker(silent_seconds=5), seconds_ago=24)
    assert rescue.close_lost() == 0


def test_a_run_that_has_just_begun_is_let_alone_until_its_worker_had_time_to_be_heard() -> None:
    run_of(a_worker(silent_seconds=60), seconds_ago=5)
    assert rescue.close_lost() == 0


def watched(*, since: int, last: int) -> None:
    """The database has been seen to answer from `since` to `last` seconds ago."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO executions_watch (id, since, last_turn_at) VALUES (1,"
            " clock_timestamp() - %s * interval '1 second', clock_timestamp() - %s * interval '1 second')"
            " ON CONFLICT (id) DO UPDATE SET since = excluded.since, last_turn_at = excluded.last_turn_at",
            [since, last],
        )


@pytest.mark.parametrize(("since", "last"), [(0, 0), (25, 0), (1_000, 21)])
def test_who_has_not_watched_for_long_without_a_gap_judges_nobody(since: int, last: int) -> None:
    run = run_of(a_worker(silent_seconds=1_000))
    watched(since=since, last=last)
    turn._rescue()
    assert JobExecution.objects.get(id=run.id).status == ExecutionStatus.RUNNING


def test_the_watch_goes_on_when_another_beat_takes_over() -> None:
    run = run_of(a_worker(silent_seconds=1_000))
    watched(since=60, last=16)
    turn._rescue()
    assert JobExecution.objects.get(id=run.id).reason == "worker_lost"
    assert watch.seconds() > 60


@pytest.mark.django_db(transaction=True)
def test_a_run_that_a_frozen_process_is_just_closing_does_not_hold_up_the_schedule() -> None:
    """Beat waited for its lock without limit, the next beat did so after it, and nothing fired."""
    worker = a_worker(silent_seconds=1_000)
    run, other = run_of(worker), run_of(worker, name="other")
    frozen = connection.copy()
    frozen.set_autocommit(False)
    try:
        with frozen.cursor() as cursor:
            cursor.execute("SELECT FROM jobs_scheduledjob WHERE id = %s FOR NO KEY UPDATE", [run.job_id])
        assert rescue.close_lost() == 1
        assert JobExecution.objects.get(id=run.id).status == ExecutionStatus.RUNNING
        assert JobExecution.objects.get(id=other.id).reason == "worker_lost"
    finally:
        frozen.close()
    assert rescue.close_lost() == 1
