"""Cancel, one more attempt, and the end of waiting for a start."""

import uuid
from datetime import timedelta

import pytest
from django.db.models.functions import Now

from executions import control, ledger, turn
from executions.enums import AlertRule
from executions.models import JobExecution, Notice
from jobs.enums import ExecutionStatus, Trigger
from jobs.models import ScheduledJob
from tests.conftest import Caller, assert_problem
from tests.executions.alerts.rounds import ask, the_alert
from tests.factories import (
    FAILED,
    SOMEBODY,
    a_job,
    a_run,
    claimed,
    committing,
    ended,
    fell_due,
    minutes_ago,
    rows_of,
    settle,
    started,
)

pytestmark = pytest.mark.django_db


def again(run: JobExecution) -> JobExecution:
    return JobExecution.objects.get(pk=run.pk)


def due_run(job: ScheduledJob) -> JobExecution:
    """A run of the schedule that waits for a worker."""
    due = fell_due(job, minutes_ago(1))
    (row,) = settle(job, due)
    wait(row, 0)
    return row


def wait(run: JobExecution, seconds: float) -> None:
    """As if it had been free to start for so long."""
    JobExecution.objects.filter(pk=run.pk).update(available_at=Now() - timedelta(seconds=seconds))


# --- Cancel ----------------------------------------------------------------------------------------------------------
def test_a_queued_run_is_cancelled_at_once_and_no_worker_gets_it(api: Caller) -> None:
    run = a_run(a_job())
    answer = api.post(f"/executions/{run.id}/cancel")
    assert (answer.status_code, answer.json()["status"], answer.json()["reason"]) == (202, "Cancelled", "cancelled")
    assert again(run).completed_at
    assert ledger.claim(run.id, token=uuid.uuid4(), worker_name="w", worker_id=None) is None


def test_a_held_run_is_cancelled_too(api: Caller) -> None:
    job = a_job(overlap_policy="Queue")
    started(job)
    held = a_run(job)
    assert held.available_at is None
    assert api.post(f"/executions/{held.id}/cancel").json()["status"] == "Cancelled"


def test_a_running_one_is_asked_to_stop_and_asking_again_changes_nothing(api: Caller) -> None:
    run = started(a_job())
    assert api.post(f"/executions/{run.id}/cancel").json()["status"] == "Running"
    asked_at = again(run).cancel_requested_at
    assert asked_at
    assert api.post(f"/executions/{run.id}/cancel").status_code == 202
    assert again(run).cancel_requested_at == asked_at


def test_what_has_ended_cannot_be_cancelled(api: Caller) -> None:
    run = ended(started(a_job()))
    assert_problem(api.post(f"/executions/{run.id}/cancel"), 409, "EXEC_002")
    assert_problem(api.post(f"/executions/{uuid.uuid4()}/cancel"), 404, "EXEC_001")
    assert again(run).status == ExecutionStatus.COMPLETED


def test_a_run_that_fails_or_is_lost_after_it_was_asked_to_stop_is_not_tried_again(api: Caller) -> None:
    job = a_job(max_retries=3)
    run = started(job)
    api.post(f"/executions/{run.id}/cancel")
    ended(run, FAILED)
    assert len(rows_of(job)) == 1


def test_a_turn_gives_up_on_late_starts() -> None:
    run = due_run(a_job(start_deadline_seconds=60))
    wait(run, 90)
    turn.take()
    assert again(run).status == ExecutionStatus.MISSED


# --- Once more -------------------------------------------------------------------------------------------------------
def test_a_failed_run_is_tried_once_more_after_its_last_attempt(api: Caller) -> None:
    job = a_job(max_retries=1, retry_delay_minutes=0)
    first = ended(started(job), FAILED)
    second = JobExecution.objects.get(retry_attempt=1)
    ended(claimed(second), FAILED)
    with committing():
        answer = api.post(f"/executions/{first.id}/retry")
    assert answer.status_code == 202
    third = answer.json()
    assert answer["Location"].endswith(f"/executions/{third['id']}")
    assert (third["status"], third["trigger"], third["retryAttempt"]) == ("Queued", "Manual", 2)
    assert (third["retryOf"], third["isRetry"]) == (str(first.id), True)
    assert third["triggeredBy"] == str(api.user.id)
    assert third["parameters"] == first.parameters
    assert JobExecution.objects.get(id=third["id"]).rung_at


def test_an_attempt_that_somebody_asked_for_is_not_tried_again_by_itself(api: Caller) -> None:
    job = a_job(max_retries=5)
    run = ended(started(job), ledger.Outcome(ExecutionStatus.FAILED, "error", error_message="for good"))
    attempt = JobExecution.objects.get(id=api.post(f"/executions/{run.id}/retry").json()["id"])
    ended(claimed(attempt), FAILED)
    assert len(rows_of(job)) == 2


@pytest.mark.parametrize("is_running", [False, True])
def test_while_an_attempt_is_under_way_there_is_no_other(api: Caller, is_running: bool) -> None:
    job = a_job(overlap_policy="Allow", max_retries=0)
    first = ended(started(job), FAILED)
    attempt = JobExecution.objects.get(id=api.post(f"/executions/{first.id}/retry").json()["id"])
    if is_running:
        claimed(attempt)
    for run in (first, attempt):
        assert_problem(api.post(f"/executions/{run.id}/retry"), 409, "EXEC_002")
    assert len(rows_of(job)) == 2


def test_a_due_time_that_was_missed_is_run_with_its_own_reference_time(api: Caller) -> None:
    job = a_job(cron_expression="*/5 * * * *", misfire_policy="Skip")
    due = fell_due(job, minutes_ago(30))
    (missed,) = settle(job, due + timedelta(minutes=2))
    assert missed.status == ExecutionStatus.MISSED
    attempt = JobExecution.objects.get(id=api.post(f"/executions/{missed.id}/retry").json()["id"])
    assert attempt.reference_time == due


def test_more_attempts_than_are_looked_up_at_once() -> None:
    job = a_job(max_retries=0)
    run = ended(started(job), FAILED)
    for number in range(1, control.ATTEMPTS_AT_ONCE + 3):
        attempt = control.retry(run, by=SOMEBODY)
        assert attempt.retry_attempt == number
        ended(claimed(attempt), FAILED)


def test_a_retry_obeys_the_job(api: Caller) -> None:
    job = a_job()
    run = ended(started(job), FAILED)
    JobExecution.objects.filter(retry_attempt=1).delete()
    started(job)
    assert_problem(api.post(f"/executions/{run.id}/retry"), 409, "JOB_006")
    job.disable(by=SOMEBODY)
    assert_problem(api.post(f"/executions/{run.id}/retry"), 409, "JOB_005")
    job.retire(by=SOMEBODY)
    assert_problem(api.post(f"/executions/{run.id}/retry"), 404, "JOB_004")


def test_where_runs_queue_one_more_attempt_waits_for_its_turn(api: Caller) -> None:
    job = a_job(overlap_policy="Queue", max_retries=0)
    run = ended(started(job), FAILED)
    started(job)
    attempt = JobExecution.objects.get(id=api.post(f"/executions/{run.id}/retry").json()["id"])
    assert (attempt.available_at, attempt.rung_at) == (None, None)


# --- Too late --------------------------------------------------------------------------------------------------------
def test_a_due_run_that_waits_too_long_is_missed() -> None:
    late, in_time = due_run(a_job(start_deadline_seconds=60)), due_run(a_job("patient", start_deadline_seconds=120))
    for run in (late, in_time):
        wait(run, 90)
    assert control.miss_late_starts() == 1
    assert (again(late).status, again(late).reason) == (ExecutionStatus.MISSED, "start_deadline")
    assert again(late).completed_at
    assert again(in_time).status == ExecutionStatus.QUEUED
    assert control.miss_late_starts() == 0


def test_between_its_deadline_and_the_next_turn_no_worker_gets_it() -> None:
    run = due_run(a_job(start_deadline_seconds=60))
    wait(run, 90)
    assert ledger.claim(run.id, token=uuid.uuid4(), worker_name="w", worker_id=None) is None
    wait(run, 30)
    assert ledger.claim(run.id, token=uuid.uuid4(), worker_name="w", worker_id=None)


def test_what_somebody_asked_for_waits_as_long_as_it_takes() -> None:
    run = a_run(a_job(start_deadline_seconds=1))
    wait(run, 10_000)
    assert control.miss_late_starts() == 0
    assert ledger.claim(run.id, token=uuid.uuid4(), worker_name="w", worker_id=None)


def test_a_retry_of_a_due_run_has_the_deadline_too() -> None:
    job = a_job(start_deadline_seconds=60, retry_delay_minutes=0)
    ended(claimed(due_run(job)), FAILED)
    retry = JobExecution.objects.get(trigger=Trigger.RETRY)
    wait(retry, 90)
    assert control.miss_late_starts() == 1
    assert again(retry).status == ExecutionStatus.MISSED


def test_a_run_that_failed_and_whose_next_attempt_is_missed_has_finally_failed_and_is_told() -> None:
    job = a_job(start_deadline_seconds=60, retry_delay_minutes=0, notify_on_failure=True, max_consecutive_failures=0)
    ended(claimed(due_run(job)), FAILED)
    assert not Notice.objects.exists()
    retry = JobExecution.objects.get(trigger=Trigger.RETRY)
    wait(retry, 90)
    control.miss_late_starts()
    assert Notice.objects.get().execution_id == retry.id
    ask()
    alert = the_alert(AlertRule.CONSECUTIVE_FAILURES)
    assert (alert.facts["failures"], alert.facts["lastError"]) == (1, "start_deadline")


def test_a_job_without_a_deadline_waits_for_ever() -> None:
    wait(due_run(a_job()), 1_000_000)
    assert control.miss_late_starts() == 0
