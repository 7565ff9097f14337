"""Ending the body of a run from outside: for a shutdown (SIGTERM), or at its time limit (SIGUSR1, SIGALRM).

The child keeps its limit itself too: Celery's comes from the worker's main loop, which stands still while it looks for
its broker. Whichever comes first interrupts the body, once; a claim or an outcome is never cut in two.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from billiard.exceptions import SoftTimeLimitExceeded
from billiard.pool import SIG_SOFT_TIMEOUT, soft_timeout_sighandler
from celery import current_task


class ShutdownRequested(BaseException):
    """Raised into the body of a run whose process is asked to end."""


MEANINGS: dict[int, type[BaseException]] = {
    signal.SIGTERM: ShutdownRequested,
    SIG_SOFT_TIMEOUT: SoftTimeLimitExceeded,
    signal.SIGALRM: SoftTimeLimitExceeded,
}


class _Listener:
    """Turns the first of the signals that comes into an exception, but only within the body."""

    def __init__(self) -> None:
        self.wish: type[BaseException] | None = None
        self.is_in_body = False
        self.before: dict[int, Any] = {}

    def listen(self) -> None:
        if threading.current_thread() is threading.main_thread():
            self.wish = None
            self.before = {number: signal.signal(number, self._hear) for number in MEANINGS}

    def limit(self, seconds: float | None) -> None:
        """From now on; None: the run may take as long as it wants."""
        if seconds and self.before:
            signal.setitimer(signal.ITIMER_REAL, seconds)

    def stop_listening(self) -> None:
        if self.before:
            signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in self.before.items():
            signal.signal(number, _limit_of_others if handler is soft_timeout_sighandler else handler)
        self.before = {}
        self.wish = None  # it was for the run that is over

    @contextmanager
    def interrupting(self) -> Iterator[None]:
        self.is_in_body = True
        try:
            if self.wish:
                raise self.wish
            yield
        finally:
            self.is_in_body = False

    def cause(self) -> type[BaseException] | None:
        """What cut the body off, if anything: what it raised since may be what became of that in a library's hands."""
        return self.wish

    def _hear(self, number: int, _frame: Any) -> None:
        self.wish = self.wish or MEANINGS[number]
        if self.is_in_body:
            self.is_in_body = False  # once: what the job does to clean up is not interrupted again
            raise self.wish


def _limit_of_others(_number: int, _frame: Any) -> None:
    """Of a task that is none of ours. One that comes between two tasks was for a run that is over: Celery did not hear
    of its end while the broker was away, and would end an idle process for it."""
    if current_task:
        raise SoftTimeLimitExceeded


_listener = _Listener()
listen, limit, stop_listening = _listener.listen, _listener.limit, _listener.stop_listening
interrupting, cause = _listener.interrupting, _listener.cause
