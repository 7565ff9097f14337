"""SIGTERM ends the run of a process, and the next attempt costs no retry; claims and outcomes are not cut in two."""

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from executions import endings, interruptions
from executions.interruptions import ShutdownRequested
from executions.models import JobExecution
from jobs.enums import ExecutionStatus, Reason, Trigger
from tests.executions.conftest import take_message
from tests.factories import FAILED, a_job, a_run, claimed, ended

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("odd_jobs")]


@pytest.fixture
def listening() -> Iterator[None]:
    interruptions.listen()
    yield
    interruptions.stop_listening()


def terminated(**definition: Any) -> JobExecution:
    run = a_run(a_job(job_type="OddJob", parameters={"does": "is terminated"}, **definition))
    take_message(str(run.id), "OddJob")
    return JobExecution.objects.get(pk=run.pk)


def attempts_of(run: JobExecution) -> list[JobExecution]:
    return list(JobExecution.objects.filter(retry_of=run.id).order_by("retry_attempt"))


@pytest.mark.parametrize("max_retries", [0, 3])
def test_a_run_that_is_cut_off_fails_for_the_shutdown_and_its_next_attempt_may_start_at_once(max_retries: int) -> None:
    run = terminated(max_retries=max_retries, retry_delay_minutes=60)
    assert (run.status, run.reason) == (ExecutionStatus.FAILED, Reason.SHUTDOWN)
    assert "stopped" in run.error_message and "cleaned up" in run.output
    [attempt] = attempts_of(run)
    assert (attempt.trigger, attempt.status) == (Trigger.RETRY, ExecutionStatus.QUEUED)
    assert attempt.available_at == attempt.queued_at


def test_a_run_that_is_cut_off_in_a_librarys_hands_fails_for_the_shutdown_whatever_that_makes_of_it() -> None:
    run = a_run(a_job(job_type="OddJob", parameters={"does": "is terminated in a library"}, max_retries=0))
    take_message(str(run.id), "OddJob")
    assert JobExecution.objects.get(pk=run.pk).reason == Reason.SHUTDOWN
    assert len(attempts_of(run)) == 1


def test_an_attempt_that_was_cut_off_costs_no_retry() -> None:
    run = terminated(max_retries=1, retry_delay_minutes=0)
    [second] = attempts_of(run)
    ended(claimed(second), FAILED)
    third = attempts_of(run)[1]
    ended(claimed(third), FAILED)
    assert [attempt.retry_attempt for attempt in attempts_of(run)] == [1, 2]


def test_the_delay_of_a_retry_counts_only_what_failed() -> None:
    run = terminated(max_retries=3, retry_delay_minutes=1, retry_backoff="Exponential")
    [second] = attempts_of(run)
    failed = ended(claimed(second), FAILED)
    third = attempts_of(run)[1]
    assert 50 < (third.available_at - failed.completed_at).total_seconds() < 70


def test_a_job_that_was_disabled_meanwhile_gets_no_next_attempt() -> None:
    from jobs.models import SYSTEM_USER_ID

    run = a_run(a_job(job_type="OddJob", parameters={"does": "is terminated"}))
    row = claimed(run)
    row.job.disable(by=SYSTEM_USER_ID)
    ended(row, endings.of_shutdown())
    assert attempts_of(run) == []


def test_a_signal_before_the_body_is_heard_when_the_body_would_begin(listening: None) -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(ShutdownRequested), interruptions.interrupting():
        pytest.fail("the body began")


def test_a_signal_after_the_body_cuts_nothing_in_two_and_does_not_end_the_next_run() -> None:
    interruptions.listen()
    with interruptions.interrupting():
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    interruptions.stop_listening()
    with interruptions.interrupting():
        pass


def test_a_second_signal_does_not_disturb_the_cleaning_up(listening: None) -> None:
    with pytest.raises(ShutdownRequested), interruptions.interrupting():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)


def test_afterwards_the_process_hears_the_signal_as_before() -> None:
    before = signal.getsignal(signal.SIGTERM)
    terminated()
    assert signal.getsignal(signal.SIGTERM) is before
