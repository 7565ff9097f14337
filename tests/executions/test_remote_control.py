"""A process is ended for the run that was to be cancelled, and for none that has come into it since."""

import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from celery.worker import state
from django.db import connection

from executions import control, remote_control
from executions.models import JobExecution
from tests.factories import a_job, ended, started

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE_SECONDS = 60


class Request:
    """Celery's, as far as it is used here."""

    def __init__(self, run: JobExecution) -> None:
        self.id, self.was_ended = str(run.id), False

    def terminate(self, _pool: object, _signal: str) -> None:
        self.was_ended = True


class Worker:
    """Of one loop that takes its callbacks when the test says so."""

    pool = None

    def __init__(self) -> None:
        self.callbacks: list[Callable[[], None]] = []

    def call_soon(self, callback: Callable[..., None], *arguments: Any) -> None:
        self.callbacks.append(lambda: callback(*arguments))

    def hears_that_it_should_end(self, request: Request) -> None:
        """Return once the ledger was asked."""
        remote_control.revoke(SimpleNamespace(consumer=self), [request.id], terminate=True, signal="SIGKILL")
        for thread in threading.enumerate():
            if thread.name == "revoke":
                thread.join(PATIENCE_SECONDS)

    def loop(self) -> None:
        for callback in self.callbacks:
            callback()


@pytest.fixture
def running() -> Iterator[Request]:
    """A run that somebody wants to end, and that this worker holds."""
    run = started(a_job())
    control.cancel(run)
    request = Request(run)
    state.active_requests.add(request)  # type: ignore[arg-type]
    yield request
    state.active_requests.discard(request)  # type: ignore[arg-type]
    connection.close()


def test_the_process_of_a_run_that_should_end_is_ended(running: Request) -> None:
    worker = Worker()
    worker.hears_that_it_should_end(running)
    worker.loop()
    assert running.was_ended


def test_a_run_that_has_ended_by_itself_costs_no_other_its_process(running: Request) -> None:
    """Celery has not heard of its end yet."""
    ended(JobExecution.objects.get(id=running.id))
    worker = Worker()
    worker.hears_that_it_should_end(running)
    worker.loop()
    assert not running.was_ended


def test_a_run_that_ends_before_the_loop_comes_to_it_costs_no_other_its_process(running: Request) -> None:
    """From here on its process may have the next run."""
    worker = Worker()
    worker.hears_that_it_should_end(running)
    state.active_requests.discard(running)  # type: ignore[arg-type]
    worker.loop()
    assert not running.was_ended
