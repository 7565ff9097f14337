"""Queued to Running, Running to its end, and the figures that go with it."""

import random
import threading
import uuid
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now

from executions import control, ids, ledger
from executions.ledger import Outcome
from executions.models import JobExecution, Notice, OutputChunk
from jobs.clock import database_now
from jobs.enums import ExecutionStatus, JobStatus, OverlapPolicy, Reason, RetryBackoff, Trigger
from jobs.models import FIGURE_STRIPES, JobFigures, ScheduledJob
from scheduler_project.local.process import eventually
from tests.factories import (
    COMPLETED,
    FAILED,
    SOMEBODY,
    a_job,
    a_run,
    claimed,
    ended,
    fell_due,
    fresh,
    rows_of,
    settle,
    started,
)

pytestmark = pytest.mark.django_db

PATIENCE_SECONDS = 30

QUEUED, RUNNING = ExecutionStatus.QUEUED, ExecutionStatus.RUNNING


def claim(run: JobExecution) -> JobExecution | None:
    return ledger.claim(run.id, token=uuid.uuid4(), worker_name="w", worker_id=None)


# --- Claim -----------------------------------------------------------------------------------------------------------
def test_a_claim_makes_a_queued_row_run_here() -> None:
    run = claimed(a_run(a_job()))
    assert (run.status, run.worker_name) == (RUNNING, "test@here")
    assert run.claim_token and run.started_at and run.machine_name and run.process_id


def test_a_row_is_claimed_once() -> None:
    run = a_run(a_job())
    assert claim(run) is not None
    assert claim(run) is None


def test_a_held_or_waiting_or_finished_or_missing_row_is_not_claimed() -> None:
    job = a_job(overlap_policy=OverlapPolicy.QUEUE)
    active, held = started(job), a_run(job)
    assert claim(held) is None
    ended(active)
    assert claim(active) is None
    JobExecution.objects.filter(pk=held.pk).update(available_at=database_now() + timedelta(minutes=1))
    assert claim(held) is None
    assert ledger.claim(ids.of_request(database_now()), token=uuid.uuid4(), worker_name="", worker_id=None) is None


# --- Close -----------------------------------------------------------------------------------------------------------
def test_a_completed_run_has_its_end_result_and_output() -> None:
    run = ended(started(a_job()), Outcome(ExecutionStatus.COMPLETED, result={"rows": 3}), output="said\n")
    assert (run.status, run.reason, run.result, run.output) == (ExecutionStatus.COMPLETED, "", {"rows": 3}, "said\n")
    assert run.completed_at >= run.started_at
    assert timedelta() <= run.duration < timedelta(seconds=5)
    assert run.error_message is None and run.stack_trace is None


def test_completing_a_run_completes_its_progress_and_failing_it_does_not() -> None:
    for outcome, progress in ((COMPLETED, 100), (FAILED, 40)):
        run = started(a_job(f"job {progress}"))
        JobExecution.objects.filter(pk=run.pk).update(progress=40)
        assert ended(run, outcome).progress == progress
    assert ended(started(a_job("none"))).progress is None


def test_a_late_result_of_a_lost_attempt_is_refused_and_counts_nothing() -> None:
    run = started(a_job())
    ended(run, FAILED)
    assert not ledger.close(run, COMPLETED, output="late")
    row = JobExecution.objects.get(pk=run.pk)
    assert (row.status, row.output) == (ExecutionStatus.FAILED, "")
    assert fresh(ScheduledJob.objects.get()).total_executions == 1


def test_only_the_holder_of_the_token_closes_a_run() -> None:
    run = started(a_job())
    JobExecution.objects.filter(pk=run.pk).update(claim_token="00000000-0000-4000-8000-000000000001")
    assert not ledger.close(run, COMPLETED, output="")
    assert JobExecution.objects.get(pk=run.pk).status == RUNNING
    assert not JobFigures.objects.exists()


def test_closing_takes_the_chunks_of_its_output_away() -> None:
    run, other = started(a_job()), started(a_job("other"))
    for owner in (run, other):
        OutputChunk.objects.create(execution_id=owner.id, text="x")
    ended(run)
    left = OutputChunk.objects.filter(execution_id__in=[run.id, other.id])
    assert list(left.values_list("execution_id", flat=True)) == [other.id]


def test_text_that_postgresql_cannot_hold_is_stored_all_the_same() -> None:
    odd = "nul \x00 half \ud800 ñ \\u0000 end"
    outcome = Outcome(
        ExecutionStatus.FAILED, "error", result={"k\x00": odd}, error_message=odd, stack_trace=odd, can_retry=True
    )
    run = ended(started(a_job()), outcome, output=odd)
    assert run.output == run.error_message == run.stack_trace == "nul \N{REPLACEMENT CHARACTER} half ? ñ \\u0000 end"
    assert run.result == {"k\N{REPLACEMENT CHARACTER}": run.output}
    assert fresh(run.job).last_execution_error == run.error_message


@pytest.mark.parametrize("text", ["\\\x00", "\\\\\x00", "\x00\x00", "\\u0000", "\\\\u0000"])
def test_backslashes_before_a_nul_do_not_hide_it(text: str) -> None:
    run = ended(started(a_job()), Outcome(ExecutionStatus.COMPLETED, result={"v": text}))
    assert run.result == {"v": text.replace("\x00", "\N{REPLACEMENT CHARACTER}")}


# --- Retry -----------------------------------------------------------------------------------------------------------
def retry_of(run: JobExecution) -> JobExecution | None:
    return JobExecution.objects.filter(retry_of=run.first_attempt, retry_attempt=run.retry_attempt + 1).first()


def test_a_failed_run_leaves_its_next_attempt_as_a_row_of_its_own() -> None:
    job = a_job(cron_expression="0 3 * * *", retry_delay_minutes=7, misfire_grace_seconds=86_400, priority=8)
    due = fell_due(job, database_now() - timedelta(days=1))
    [row] = settle(job, due + timedelta(seconds=1))
    failed = ended(claimed(row), FAILED)
    retry = retry_of(failed)
    assert retry.id == ids.of_retry(row.id, 1)
    assert (retry.status, retry.trigger, retry.retry_attempt, retry.retry_of) == (QUEUED, Trigger.RETRY, 1, row.id)
    assert (retry.scheduled_for, retry.priority, retry.job_name) == (due, 8, "job")
    assert abs(retry.available_at - failed.completed_at - timedelta(minutes=7)) < timedelta(seconds=2)
    assert retry.rung_at is None
    assert claim(retry) is None


def test_attempts_end_with_the_jobs_number_of_retries() -> None:
    run = a_run(a_job(max_retries=2, retry_delay_minutes=0))
    attempts = [ended(claimed(run), FAILED)]
    while retry := retry_of(attempts[-1]):
        attempts.append(ended(claimed(retry), FAILED))
    assert [row.retry_attempt for row in attempts] == [0, 1, 2]
    assert len({row.id for row in attempts}) == 3
    assert {row.retry_of for row in attempts[1:]} == {run.id}
    assert fresh(run.job).failed_executions == 3


def test_a_retry_that_succeeds_is_the_last() -> None:
    run = a_run(a_job(retry_delay_minutes=0))
    ended(claimed(retry_of(ended(claimed(run), FAILED))), COMPLETED)
    assert len(rows_of(run.job)) == 2


@pytest.mark.parametrize(
    "outcome", [COMPLETED, Outcome(ExecutionStatus.FAILED, "error"), Outcome(ExecutionStatus.CANCELLED)]
)
def test_nothing_else_than_a_failure_worth_it_is_tried_again(outcome: Outcome) -> None:
    run = ended(started(a_job()), outcome)
    assert retry_of(run) is None


def test_a_job_without_retries_has_none() -> None:
    assert retry_of(ended(started(a_job(max_retries=0)), FAILED)) is None


@pytest.mark.parametrize("verb", ["disable", "retire"])
def test_a_job_taken_off_the_schedule_meanwhile_is_not_tried_again(verb: str) -> None:
    job = a_job()
    run = started(job)
    getattr(job, verb)(by=SOMEBODY)
    assert ended(run, FAILED).status == ExecutionStatus.FAILED
    assert retry_of(run) is None


def test_the_policy_of_the_moment_of_failing_counts() -> None:
    job = a_job(max_retries=0)
    run = started(job)
    job.redefine(by=SOMEBODY, max_retries=1, retry_delay_minutes=30, retry_backoff=RetryBackoff.EXPONENTIAL)
    failed = ended(run, FAILED)
    wait = retry_of(failed).available_at - failed.completed_at
    assert timedelta(minutes=27) <= wait <= timedelta(minutes=33, seconds=2)


def test_a_retry_keeps_the_parameters_of_its_first_attempt() -> None:
    job = a_job(job_type="FailingJob", parameters={"message": "old"})
    run = started(job)
    job.redefine(by=SOMEBODY, parameters={"message": "new"})
    ended(run, FAILED)
    assert retry_of(run).parameters == {"message": "old"}


# --- What is told of a failure ---------------------------------------------------------------------------------------
LOST = Outcome(ExecutionStatus.FAILED, Reason.WORKER_LOST, error_message="gone", can_retry=True)
PERMANENT = Outcome(ExecutionStatus.FAILED, Reason.ERROR, error_message="it never will")
STOPPED = Outcome(ExecutionStatus.FAILED, Reason.SHUTDOWN, can_retry=True, costs_retry=False)
CANCELLED = Outcome(ExecutionStatus.CANCELLED, Reason.CANCELLED)


def told_of(run: JobExecution) -> list[tuple[str, str, str]]:
    rows = Notice.objects.filter(execution_id=run.id, job_id=run.job_id, kind="RunFailed").order_by("id")
    return list(rows.values_list("state", "channel", "recipient"))


@pytest.mark.parametrize(
    ("outcome", "max_retries", "is_told"),
    [
        (COMPLETED, 0, False), (CANCELLED, 0, False), (FAILED, 0, True), (FAILED, 1, False), (LOST, 0, True),
        (LOST, 1, False), (PERMANENT, 3, True), (STOPPED, 0, False),
    ],
)  # fmt: skip
def test_a_failure_is_told_when_no_further_attempt_follows(outcome: Outcome, max_retries: int, is_told: bool) -> None:
    run = ended(started(a_job(max_retries=max_retries, notify_on_failure=True)), outcome)
    assert told_of(run) == ([("Held", "Administrators", "")] if is_told else [])
    assert bool(retry_of(run)) != is_told or outcome in (COMPLETED, CANCELLED)


def test_of_several_attempts_only_the_last_is_told_and_to_each_address_once() -> None:
    emails = ["ana@example.com", "luis@example.com"]
    job = a_job(max_retries=1, retry_delay_minutes=0, notify_on_failure=True, notification_emails=emails)
    first = ended(started(job), FAILED)
    last = ended(claimed(retry_of(first)), FAILED)
    assert (told_of(first), told_of(last)) == ([], [("Held", "Email", address) for address in emails])
    assert not ledger.close(last, FAILED, output="")
    assert len(told_of(last)) == 2


def test_a_job_that_does_not_ask_for_it_has_nothing_told() -> None:
    ended(started(a_job(max_retries=0)), FAILED)
    assert not Notice.objects.exists()


@pytest.mark.parametrize("verb", ["disable", "retire"])
def test_the_failure_of_a_run_whose_job_was_taken_off_the_schedule_is_told(verb: str) -> None:
    job = a_job(notify_on_failure=True)
    run = started(job)
    getattr(job, verb)(by=SOMEBODY)
    assert len(told_of(ended(run, STOPPED))) == 1


def test_one_more_attempt_that_somebody_asked_for_and_that_fails_is_told_too() -> None:
    job = a_job(max_retries=0, notify_on_failure=True)
    first = ended(started(job), FAILED)
    again = ended(claimed(control.retry(first, by=SOMEBODY)), FAILED)
    assert len(told_of(first)) == len(told_of(again)) == 1


def test_addresses_that_cannot_be_read_do_not_keep_a_run_from_being_closed() -> None:
    job = a_job(max_retries=0, notify_on_failure=True)
    ScheduledJob.objects.filter(pk=job.pk).update(notification_emails={"to": ["ana@example.com"]})
    assert told_of(ended(started(job), FAILED)) == [("Held", "Administrators", "")]


def test_a_completed_run_costs_no_query_for_what_might_have_been_told(django_assert_num_queries) -> None:
    run = started(a_job(notify_on_failure=True))
    with django_assert_num_queries(4):  # the transaction's two, the row with its figures, the chunks
        assert ledger.close(run, COMPLETED, output="")


def test_without_the_transaction_of_the_end_nothing_is_told() -> None:
    run = started(a_job(max_retries=0, notify_on_failure=True))
    with pytest.raises(RuntimeError), transaction.atomic():
        assert ledger.close(run, FAILED, output="")
        raise RuntimeError
    assert told_of(run) == []


# --- Figures ---------------------------------------------------------------------------------------------------------
def test_figures_equal_a_recount_of_the_rows_after_any_sequence_of_verbs_and_outcomes() -> None:
    chance = random.Random(20261123)
    jobs = [a_job(f"job {n}", overlap_policy=OverlapPolicy.ALLOW, retry_delay_minutes=0) for n in range(3)]
    running: list[JobExecution] = []
    outcomes = [
        COMPLETED,
        FAILED,
        Outcome(ExecutionStatus.CANCELLED, Reason.CANCELLED),
        Outcome(ExecutionStatus.FAILED, "timeout"),
    ]
    for _step in range(250):
        job = fresh(chance.choice(jobs))
        match chance.randrange(7):
            case 0 | 1 if job.status != JobStatus.DISABLED:
                a_run(job)
            case 2 | 3:
                running += [row for each in JobExecution.objects.waiting()[:2] if (row := claim(each))]
            case 4 | 5 if running:
                ledger.close(chance.choice(running), chance.choice(outcomes), output="")  # a second time is refused
            case 6:
                chance.choice([job.disable, job.enable])(by=SOMEBODY)
    for job in jobs:
        _assert_figures_are_a_recount(fresh(job))
    assert sum(fresh(job).total_executions for job in jobs) > 20


def _assert_figures_are_a_recount(job: ScheduledJob) -> None:
    ran = [row for row in rows_of(job) if row.duration is not None]
    assert job.total_executions == len(ran)
    assert job.successful_executions == sum(row.status == ExecutionStatus.COMPLETED for row in ran)
    assert job.failed_executions == sum(row.status == ExecutionStatus.FAILED for row in ran)
    if ran:
        mean = sum((row.duration for row in ran), timedelta()) / len(ran)
        assert abs(job.average_duration - mean) <= timedelta(microseconds=1)
        last = max(ran, key=lambda row: row.started_at)
        assert (job.last_execution_at, job.last_execution_status, job.last_execution_error) == (
            last.started_at, last.status, last.error_message,
        )  # fmt: skip
    else:
        assert job.average_duration is None and job.last_execution_at is None


def test_the_last_execution_is_the_one_that_started_last_though_it_ended_first() -> None:
    job = a_job(overlap_policy=OverlapPolicy.ALLOW)
    early, late = started(job), started(job)
    ended(late, COMPLETED)
    ended(early, FAILED)
    job = fresh(job)
    assert (job.last_execution_at, job.last_execution_status) == (late.started_at, "Completed")


def test_figures_of_all_stripes_are_added_up() -> None:
    job = a_job()
    for stripe in range(FIGURE_STRIPES):
        JobFigures.objects.create(
            job=job, stripe=stripe, total=2, successful=1, failed=1, duration_total=timedelta(seconds=stripe),
            last_started_at=database_now(), last_status="Completed",
        )  # fmt: skip
    job = fresh(job)
    assert (job.total_executions, job.successful_executions, job.failed_executions) == (32, 16, 16)
    assert job.average_duration == timedelta(seconds=120) / 32


def test_skipped_and_missed_rows_do_not_count() -> None:
    job = a_job(cron_expression="0 3 * * *", misfire_policy="Skip")
    fell_due(job, database_now() - timedelta(days=3))
    settle(job, database_now())
    assert len(rows_of(job)) >= 2
    assert fresh(job).total_executions == 0 and fresh(job).average_duration is None


def test_reading_a_list_of_jobs_with_figures_costs_two_queries(django_assert_num_queries) -> None:
    for n in range(5):
        ended(started(a_job(f"job {n}")))
    with django_assert_num_queries(2):
        assert [job.total_executions for job in ScheduledJob.objects.live().with_figures()] == [1] * 5
        assert connection.vendor == "postgresql"


@pytest.mark.django_db(transaction=True)
def test_a_run_that_fails_while_its_job_makes_way_for_another_ends_without_a_deadlock() -> None:
    """Whoever fires holds the job and wants the run; the end of the run waits for the job before it takes the run."""
    job = a_job(overlap_policy="CancelRunning", cron_expression="0 3 * * *")
    run = started(job)
    closing: list[threading.Thread] = []
    faults: list[Exception] = []

    def close() -> None:
        try:
            ledger.close(run, FAILED, output="")
        except Exception as fault:
            faults.append(fault)
        finally:
            connection.close()

    with transaction.atomic():
        ScheduledJob.objects.select_for_update(no_key=True).get(pk=job.pk)
        closing.append(threading.Thread(target=close))
        closing[0].start()
        assert eventually(_somebody_waits, PATIENCE_SECONDS)
        JobExecution.objects.filter(pk=run.pk).update(cancel_requested_at=Now())
    closing[0].join()
    assert faults == []
    assert JobExecution.objects.get(pk=run.pk).status == ExecutionStatus.FAILED


def test_a_run_that_made_way_for_another_says_so_and_not_that_somebody_asked() -> None:
    run = started(a_job())
    JobExecution.objects.filter(pk=run.pk).update(cancel_requested_at=Now(), reason=Reason.OVERLAP)
    assert ended(run, Outcome(ExecutionStatus.CANCELLED, Reason.CANCELLED)).reason == Reason.OVERLAP


def test_a_run_that_was_to_make_way_and_was_through_before_has_no_reason() -> None:
    run = started(a_job())
    JobExecution.objects.filter(pk=run.pk).update(cancel_requested_at=Now(), reason=Reason.OVERLAP)
    assert ended(run, COMPLETED).reason == ""


def _somebody_waits() -> bool:
    """For this very connection: other processes of the suite lock and wait on the same server."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"
        )
        return bool(cursor.fetchone()[0])


@pytest.mark.parametrize("outcome", [COMPLETED, FAILED])
def test_a_process_that_freezes_while_it_closes_a_run_loses_its_locks(outcome: Outcome) -> None:
    ended(started(a_job()), outcome)
    with connection.cursor() as cursor:
        cursor.execute("SHOW idle_in_transaction_session_timeout")
        assert cursor.fetchone() == ("20s",)
