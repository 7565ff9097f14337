"""The body of a run ends at its limit by its own process's clock: once, in the body alone, and the row says so."""

import os
import signal
import time
from collections.abc import Iterator

import pytest
from billiard.exceptions import SoftTimeLimitExceeded
from billiard.pool import soft_timeout_sighandler

from executions import interruptions
from executions.models import JobExecution
from jobs.enums import ExecutionStatus, Reason
from tests.executions.conftest import take_message
from tests.factories import a_job, a_run

PATIENCE_SECONDS = 60


@pytest.fixture
def listening() -> Iterator[None]:
    """As in a child of a worker, whose limits Celery tells by SIGUSR1."""
    before = signal.signal(signal.SIGUSR1, soft_timeout_sighandler)
    interruptions.listen()
    yield
    interruptions.stop_listening()
    signal.signal(signal.SIGUSR1, before)


@pytest.mark.django_db
@pytest.mark.usefixtures("odd_jobs")
@pytest.mark.parametrize("does", ["waits for its limit", "takes too long in a library"])
def test_a_run_ends_at_its_limit_whatever_a_library_makes_of_it_and_though_nobody_signals(does: str) -> None:
    run = a_run(a_job(job_type="OddJob", parameters={"does": does}))
    take_message(str(run.id), "OddJob")  # with a soft limit of one second
    row = JobExecution.objects.get(pk=run.pk)
    assert (row.status, row.reason) == (ExecutionStatus.FAILED, Reason.TIMEOUT)
    assert "1 second" in row.error_message
    assert JobExecution.objects.filter(retry_of=row.id).exists()


def test_a_body_is_interrupted_once_by_whichever_signal_comes_first(listening: None) -> None:
    """Else the hard limit's SIGTERM would make a shutdown, which costs no retry, of a timeout that was not heard."""
    interruptions.limit(0.01)
    with pytest.raises(SoftTimeLimitExceeded), interruptions.interrupting():
        try:
            time.sleep(PATIENCE_SECONDS)
        finally:
            os.kill(os.getpid(), signal.SIGUSR1)
            os.kill(os.getpid(), signal.SIGTERM)
    assert interruptions.cause() is SoftTimeLimitExceeded


def test_a_limit_does_not_cut_the_writing_of_an_outcome_in_two(listening: None) -> None:
    with interruptions.interrupting():
        pass
    interruptions.limit(0.01)
    while signal.getitimer(signal.ITIMER_REAL)[0]:  # until its own has come, too
        os.kill(os.getpid(), signal.SIGUSR1)
    assert interruptions.cause() is SoftTimeLimitExceeded


def test_the_limit_of_a_run_that_is_over_does_not_end_the_process_that_waits_for_its_next(listening: None) -> None:
    """Celery fires it when its broker is back, before it hears of the end of the run."""
    interruptions.limit(0.01)
    interruptions.stop_listening()
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    os.kill(os.getpid(), signal.SIGUSR1)


def test_tasks_that_are_none_of_ours_have_their_limits_as_ever(listening: None) -> None:
    from celery import current_app

    interruptions.stop_listening()

    @current_app.task
    def stock() -> None:
        os.kill(os.getpid(), signal.SIGUSR1)

    assert isinstance(stock.apply().result, SoftTimeLimitExceeded)
