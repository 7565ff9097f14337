"""A message at a worker, through Celery's own tracer: claimed, run and recorded, or ignored without a trace."""

import uuid
from typing import Any

import pytest
from billiard.exceptions import TimeLimitExceeded, WorkerLostError
from celery import current_app
from celery.app.task import Context
from celery.signals import task_failure, task_revoked
from django.db import connection

from executions import bell, claims, control, endings, kept, orphans, signals, workers
from executions.ledger import Outcome
from executions.models import JobExecution, OutputChunk
from jobs.enums import ExecutionStatus, Reason, Trigger
from tests.executions.conftest import take_message
from tests.factories import SOMEBODY, a_job, a_run, claimed, fresh, started

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("odd_jobs")]

RUNNING, COMPLETED, FAILED = ExecutionStatus.RUNNING, ExecutionStatus.COMPLETED, ExecutionStatus.FAILED


def again(run: JobExecution) -> JobExecution:
    return JobExecution.objects.get(pk=run.pk)


def taken(does: str, **definition: Any) -> tuple[JobExecution, str]:
    """The row of an OddJob after its message was taken, and what Celery saw."""
    run = a_run(a_job(job_type="OddJob", parameters={"does": does}, **definition))
    _result, state = take_message(str(run.id), "OddJob")
    return again(run), state


# --- Claimed ---------------------------------------------------------------------------------------------------------
def test_a_message_for_a_queued_row_runs_it_to_its_end() -> None:
    row, state = taken("returns figures")
    assert (row.status, state) == (COMPLETED, "SUCCESS")
    assert row.result == {
        "at": "2026-01-01T00:00:00Z", "day": "2026-01-01", "sum": "1.50", "id": str(uuid.UUID(int=1)),
        "text": "ñ\N{REPLACEMENT CHARACTER} ? \\u0000", "key\N{REPLACEMENT CHARACTER}": True,
    }  # fmt: skip
    assert row.started_at and row.completed_at and row.duration is not None
    assert row.worker_name == "test@here"
    assert fresh(row.job).successful_executions == 1


def test_the_process_holds_no_claim_afterwards_however_it_ended() -> None:
    for n, does in enumerate(("returns nothing", "fails", "exits", "crashes unprintably")):
        row, _state = taken(does, name=f"job {n}")
        assert claims.held(str(row.id)) is None


def test_a_second_message_for_the_same_row_does_nothing_and_is_no_success() -> None:
    row, _state = taken("returns nothing")
    _result, state = take_message(str(row.id), "OddJob")
    assert state == "IGNORED"
    assert again(row).completed_at == row.completed_at
    assert fresh(row.job).total_executions == 1


def test_a_message_for_a_row_that_another_process_runs_is_ignored() -> None:
    run = started(a_job(job_type="OddJob"))
    assert take_message(str(run.id), "OddJob")[1] == "IGNORED"
    row = again(run)
    assert (row.status, row.claim_token) == (RUNNING, run.claim_token)


@pytest.mark.parametrize("task_id", ["garbage", "", None, "7b2d6a8e-0f5c-4c1d-9a51-3f5f0d0f5c11", 7, "\x00", "0" * 32])
def test_a_message_with_a_garbage_id_is_ignored(task_id: Any) -> None:
    _result, state = take_message(task_id, "OddJob")
    assert state == "IGNORED"
    assert not JobExecution.objects.exists()


def test_a_message_in_capital_letters_is_for_the_same_row() -> None:
    run = a_run(a_job(job_type="OddJob"))
    take_message(str(run.id).upper(), "OddJob")
    assert again(run).status == COMPLETED


def test_a_message_whose_arguments_do_not_fit_ends_its_row_all_the_same() -> None:
    from celery.app.trace import build_tracer

    run = a_run(a_job(job_type="OddJob", max_retries=0))
    trace = build_tracer("OddJob", current_app.tasks["OddJob"], app=current_app)
    trace(str(run.id), ("garbage",), {}, {"id": str(run.id), "task": "OddJob"})
    assert again(run).status == FAILED


# --- Ended -----------------------------------------------------------------------------------------------------------
def test_a_failure_is_recorded_with_its_output_and_leaves_the_next_attempt() -> None:
    row, state = taken("fails", retry_delay_minutes=3)
    assert (row.status, row.reason, row.error_message, state) == (FAILED, Reason.ERROR, "it broke", "FAILURE")
    assert "it broke" in row.output and "JobError" in row.stack_trace
    [retry] = JobExecution.objects.filter(retry_of=row.id)
    assert (retry.trigger, retry.retry_attempt, retry.status) == (Trigger.RETRY, 1, ExecutionStatus.QUEUED)


@pytest.mark.parametrize("does", ["fails for good", "returns nan", "returns a number", "returns a set", "is cancelled"])
def test_an_end_that_trying_again_cannot_better_leaves_no_next_attempt(does: str) -> None:
    row, _state = taken(does)
    assert row.is_finished
    assert not JobExecution.objects.filter(retry_of=row.id).exists()


@pytest.mark.parametrize(
    "does",
    ["crashes", "exits", "crashes unprintably", "validates", "fails oddly", "fails without words", "takes too long"],
)
def test_every_other_end_is_a_failure_with_words_and_a_next_attempt(does: str) -> None:
    row, _state = taken(does)
    assert row.status == FAILED and row.error_message
    assert JobExecution.objects.filter(retry_of=row.id).exists()


def test_a_soft_time_limit_is_recorded_as_a_timeout_with_its_seconds() -> None:
    row, _state = taken("takes too long")
    assert (row.reason, "1 second" in row.error_message) == (Reason.TIMEOUT, True)


def test_a_cancelled_run_is_neither_a_success_nor_a_failure_in_the_figures() -> None:
    row, _state = taken("is cancelled")
    assert (row.status, row.reason) == (ExecutionStatus.CANCELLED, Reason.CANCELLED)
    job = fresh(row.job)
    assert (job.total_executions, job.successful_executions, job.failed_executions) == (1, 0, 0)


def test_a_job_disabled_while_it_runs_is_recorded_and_not_tried_again() -> None:
    job = a_job(job_type="OddJob", parameters={"does": "fails"})
    run = a_run(job)
    signals.on_prerun(task_id=str(run.id), task=current_app.tasks["OddJob"])
    job.disable(by=SOMEBODY)
    sender = current_app.tasks["OddJob"]
    signals.on_failure(sender=sender, task_id=str(run.id), exception=RuntimeError("x"))
    signals.on_postrun(sender=sender, task_id=str(run.id))
    assert again(run).status == FAILED
    assert not JobExecution.objects.filter(retry_of=run.id).exists()


def test_a_late_result_is_refused() -> None:
    run = a_run(a_job(job_type="OddJob"))
    task = current_app.tasks["OddJob"]
    signals.on_prerun(task_id=str(run.id), task=task)
    JobExecution.objects.filter(pk=run.pk).update(status=FAILED, reason=Reason.WORKER_LOST, completed_at=run.queued_at)
    task.push_request(id=str(run.id))
    try:
        signals.on_success(sender=task, result={"late": True})
    finally:
        task.pop_request()
        signals.on_postrun(sender=task, task_id=str(run.id))
    row = again(run)
    assert (row.status, row.reason, row.result) == (FAILED, Reason.WORKER_LOST, None)
    assert fresh(row.job).total_executions == 0


@pytest.mark.django_db(transaction=True)
def test_an_outcome_that_the_database_cannot_take_does_not_hold_its_process_for_ever() -> None:
    job = a_job(job_type="OddJob")
    run = claimed(a_run(job))
    claim = claims.take(run)
    try:
        # jsonb holds no string of 256 MB; here it is the type of the row's end that does not fit.
        signals._record(claim, Outcome(COMPLETED, reason="r" * 500))
    finally:
        claims.release(str(run.id))
    row = again(run)
    assert row.status == FAILED
    assert "could not be recorded" in row.error_message


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_died_since_the_last_run_costs_neither_claim_nor_record() -> None:
    run = a_run(a_job(job_type="OddJob"))
    _kill_connection()
    take_message(str(run.id), "OddJob")
    assert again(run).status == COMPLETED


@pytest.mark.django_db(transaction=True)
def test_an_outcome_is_tried_again_when_the_connection_dies_under_it() -> None:
    run = a_run(a_job(job_type="OddJob"))
    task = current_app.tasks["OddJob"]
    signals.on_prerun(task_id=str(run.id), task=task)
    _kill_connection()
    signals.on_failure(sender=task, task_id=str(run.id), exception=RuntimeError("x"))
    signals.on_postrun(sender=task, task_id=str(run.id))
    assert again(run).status == FAILED


@pytest.mark.django_db(transaction=True)
def test_an_outcome_that_was_kept_is_forgotten_once_it_is_recorded() -> None:
    run = a_run(a_job(job_type="OddJob"))
    task = current_app.tasks["OddJob"]
    signals.on_prerun(task_id=str(run.id), task=task)
    kept.keep(claims.held(str(run.id)), Outcome(COMPLETED))
    _kill_connection()
    signals.on_failure(sender=task, task_id=str(run.id), exception=RuntimeError("x"))
    signals.on_postrun(sender=task, task_id=str(run.id))
    assert again(run).status == FAILED and kept.of(run.id) is None


def _kill_connection() -> None:
    other = connection.copy()
    connection.ensure_connection()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        [pid] = cursor.fetchone()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    other.close()


@pytest.mark.django_db(transaction=True)
def test_a_database_that_is_away_at_the_claim_means_no_claim_and_no_run() -> None:
    run = a_run(a_job(job_type="OddJob"))
    settings, connection.settings_dict = connection.settings_dict, {**connection.settings_dict, "PORT": "1"}
    connection.close()
    try:
        _result, state = take_message(str(run.id), "OddJob")
    finally:
        connection.close()
        connection.settings_dict = settings
    assert state == "IGNORED"
    assert again(run).status == ExecutionStatus.QUEUED


# --- The main process speaks for its children ------------------------------------------------------------------------
@pytest.fixture
def main_process(monkeypatch: pytest.MonkeyPatch) -> uuid.UUID:
    """This process is a worker's main process, as `worker_init` would have it."""
    import os

    me = uuid.uuid4()
    monkeypatch.setattr(workers, "_id", me)
    monkeypatch.setattr(workers, "_main_pid", os.getpid())
    return me


def held_by_child(worker: uuid.UUID, **definition: Any) -> JobExecution:
    run = started(a_job(job_type="OddJob", **definition))
    JobExecution.objects.filter(pk=run.pk).update(worker_id=worker)
    OutputChunk.objects.create(execution_id=run.id, text="so far\n")
    return run


@pytest.mark.parametrize(
    ("fault", "reason"), [(TimeLimitExceeded(31), Reason.TIMEOUT), (WorkerLostError("signal 9"), Reason.WORKER_LOST)]
)
def test_a_child_that_was_killed_leaves_a_failed_row_with_its_output_and_a_next_attempt(
    main_process: uuid.UUID, fault: Exception, reason: str
) -> None:
    run = held_by_child(main_process)
    task_failure.send(sender=current_app.tasks["OddJob"], task_id=str(run.id), exception=fault)
    orphans.write_down()  # as the heartbeat does
    row = again(run)
    assert (row.status, row.reason, row.output) == (FAILED, reason, "so far\n")
    assert JobExecution.objects.filter(retry_of=run.id).exists()


def revoked(run: JobExecution) -> JobExecution:
    request = Context({"id": str(run.id), "task": "OddJob"})
    task_revoked.send(sender=current_app.tasks["OddJob"], request=request, terminated=True, signum=15, expired=False)
    orphans.write_down()
    return again(run)


def test_a_run_that_celery_revoked_is_cancelled(main_process: uuid.UUID) -> None:
    run = held_by_child(main_process)
    control.cancel(run)
    row = revoked(run)
    assert (row.status, row.reason, row.output) == (ExecutionStatus.CANCELLED, Reason.CANCELLED, "so far\n")


def test_a_run_that_celery_revoked_and_nobody_wanted_to_end_is_lost_and_tried_again(main_process: uuid.UUID) -> None:
    """It had come into the process that was to be ended for the run before."""
    row = revoked(held_by_child(main_process))
    assert (row.status, row.reason) == (FAILED, Reason.WORKER_LOST)
    assert JobExecution.objects.filter(retry_of=row.id).exists()


def test_why_a_process_was_ended_stands_though_it_is_then_found_dead(main_process: uuid.UUID) -> None:
    """The database was slow: neither word had been written."""
    run = held_by_child(main_process, max_retries=0)
    orphans.hand_over(run.id, endings.of_shutdown(), worker_id=main_process)
    task_failure.send(sender=current_app.tasks["OddJob"], task_id=str(run.id), exception=WorkerLostError("signal 9"))
    orphans.write_down()
    assert again(run).reason == Reason.SHUTDOWN
    assert JobExecution.objects.filter(retry_of=run.id).exists()


def test_the_main_process_leaves_the_runs_of_other_workers_alone(main_process: uuid.UUID) -> None:
    run = held_by_child(uuid.uuid4())
    task_failure.send(sender=current_app.tasks["OddJob"], task_id=str(run.id), exception=WorkerLostError())
    orphans.write_down()
    assert again(run).status == RUNNING


def test_garbage_ids_do_not_disturb_the_main_process(main_process: uuid.UUID) -> None:
    task = current_app.tasks["OddJob"]
    for receiver_answers in (
        task_failure.send(sender=task, task_id="garbage", exception=WorkerLostError()),
        task_revoked.send(sender=task, request=Context({"id": "garbage"}), terminated=True, signum=15, expired=False),
    ):
        assert not [answer for _receiver, answer in receiver_answers if isinstance(answer, Exception)]


def test_other_tasks_are_none_of_our_business() -> None:
    task = current_app.tasks["celery.chain"]
    signals.on_prerun(task_id=str(uuid.uuid4()), task=task)
    signals.on_failure(sender=task, task_id=str(uuid.uuid4()), exception=RuntimeError())
    signals.on_postrun(sender=task, task_id="x")


def test_the_message_that_the_bell_sends_is_one_that_a_worker_can_take(broker: Any) -> None:
    import json

    run = a_run(a_job(job_type="OddJob", parameters={"does": "returns nothing"}, timeout_seconds=90, priority=9))
    [raw] = broker.lrange("default", 0, -1)
    message = json.loads(raw)
    assert message["headers"]["id"] == str(run.id)
    assert message["headers"]["task"] == "OddJob"
    assert message["headers"]["timelimit"] == [90 + bell.HARD_KILL_GRACE_SECONDS, 90]
