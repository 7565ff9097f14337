"""The end of a worker: its runs may finish within a limit; beyond it they end as Failed (shutdown) (SPEC §5.6).

A child that is sent SIGTERM ends its run and no more: the next attempt costs none of the job's retries. Celery itself
sends none at a warm shutdown, it waits; this module's main-process part sends it when the limit is over.
"""

import logging
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from celery.signals import worker_shutdown, worker_shutting_down
from celery.worker import state
from django.conf import settings
from django.utils.translation import gettext as _

from executions import claims, orphans, workers
from executions.ledger import Outcome
from jobs.enums import ExecutionStatus, Reason

logger = logging.getLogger(__name__)

# A run that was asked to end has this long to clean up; then its process is killed.
COOPERATION_SECONDS = 10.0


class ShutdownRequested(BaseException):
    """Raised into the body of a run whose process is asked to end."""


def outcome() -> Outcome:
    message = _("The worker was stopped before the run could finish.")
    return Outcome(ExecutionStatus.FAILED, Reason.SHUTDOWN, error_message=message, can_retry=True, costs_retry=False)


# --- In a child ------------------------------------------------------------------------------------------------------
class _Listener:
    """Turns SIGTERM into an exception, but only within the body: a claim or an outcome is never cut in two."""

    def __init__(self) -> None:
        self.was_asked = self.is_in_body = False
        self.before: Any = None

    def listen(self) -> None:
        if threading.current_thread() is threading.main_thread():
            self.was_asked = False
            self.before = signal.signal(signal.SIGTERM, self._hear)

    def stop_listening(self) -> None:
        self.was_asked = False  # the wish was for the run that is over
        if self.before is not None:
            signal.signal(signal.SIGTERM, self.before)
            self.before = None

    @contextmanager
    def interrupting(self) -> Iterator[None]:
        self.is_in_body = True
        try:
            if self.was_asked:
                raise ShutdownRequested
            yield
        finally:
            self.is_in_body = False

    def has_interrupted(self) -> bool:
        """Whether the body was cut off: what it raised since may be what became of that in a library's hands."""
        return self.was_asked

    def _hear(self, _number: int, _frame: Any) -> None:
        self.was_asked = True
        if self.is_in_body:
            self.is_in_body = False  # once: what the job does to clean up is not interrupted again
            raise ShutdownRequested


_listener = _Listener()
listen, stop_listening, interrupting = _listener.listen, _listener.stop_listening, _listener.interrupting
has_interrupted = _listener.has_interrupted

# --- In the main process ---------------------------------------------------------------------------------------------
_has_ended = threading.Event()


@worker_shutting_down.connect
def _limit_the_wait(how: str, **_kwargs: Any) -> None:
    if how == "Warm":
        threading.Thread(target=_end_runs_after_the_limit, name="shutdown", daemon=True).start()


@worker_shutdown.connect
def _note_the_end(**_kwargs: Any) -> None:
    _has_ended.set()


def _end_runs_after_the_limit() -> None:
    if _has_ended.wait(settings.SCHEDULER_SHUTDOWN_SECONDS):
        return
    logger.warning("Runs are still going on after %s s; they are ended.", settings.SCHEDULER_SHUTDOWN_SECONDS)
    _signal_all(signal.SIGTERM)
    if _has_ended.wait(COOPERATION_SECONDS):
        return
    for request in list(state.active_requests):
        if key := claims.execution_id(request.id):
            orphans.hand_over(key, outcome(), worker_id=workers.current_id())
    _signal_all(signal.SIGKILL)


def _signal_all(number: signal.Signals) -> None:
    for request in list(state.active_requests):
        if request.worker_pid:
            with suppress(ProcessLookupError):
                os.kill(request.worker_pid, number)
