"""Who asks the rules and has alerts told: threads of every beat and of every worker's main process.

They depend on nothing that they watch: with all workers gone each beat still does it, a beat that stands by too, and
with all beats gone each worker. Whoever comes first does it for all.
"""

import logging
import random
import threading
import time
from collections.abc import Callable
from typing import Any

from celery.signals import beat_init, worker_ready, worker_shutdown
from django.conf import settings
from django.db import Error, connection

from executions import audit_feed
from executions.alerts import round, sign_of_life
from executions.notices import courier

logger = logging.getLogger(__name__)

PAUSE_SECONDS = 5.0
JITTER = 0.2  # so that many processes do not come all at once
GOODBYE_SECONDS = 3.0


class Overseer:
    """The threads of one process. They survive whatever goes wrong in them, and end with `stop`."""

    def __init__(self, pause_seconds: float = PAUSE_SECONDS) -> None:
        self._pause_seconds = pause_seconds
        self._ending = threading.Event()
        # A channel that is slow to tell of an alert holds up neither the rules nor the sign of life.
        actions: list[Callable[[], object]] = [round.ask, courier.deliver]
        if settings.SCHEDULER_SIGN_OF_LIFE_URL:
            actions.append(sign_of_life.send)
        if settings.SCHEDULER_AUDIT_SERVICE_URL:
            actions.append(audit_feed.tell)
        self._threads = [
            threading.Thread(target=self._go_on, args=[action], name=_name(action), daemon=True) for action in actions
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Wait a moment for what is just being told; what is cut off then is told by another process."""
        self._ending.set()
        until = time.monotonic() + GOODBYE_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    @property
    def is_alive(self) -> bool:
        return any(thread.is_alive() for thread in self._threads)

    def _go_on(self, action: Callable[[], object]) -> None:
        """Say once that it fails, and once that it does so no more."""
        is_failing = False
        while not self._ending.wait(self._pause_seconds * random.uniform(1, 1 + JITTER)):  # noqa: S311 - guards nothing
            try:
                action()
            except Exception as fault:  # whatever it is: nobody else in this process would do it
                if not is_failing:
                    is_absence = isinstance(fault, Error)
                    logger.warning("%s failed, and goes on: %r", _name(action), fault, exc_info=not is_absence)
                is_failing = True
                connection.close()
            else:
                if is_failing:
                    logger.info("%s works again.", _name(action))
                is_failing = False
        connection.close()


def _name(action: Callable[[], object]) -> str:
    return f"{action.__module__.rsplit('.', 1)[-1]}.{action.__name__}"


_here: Overseer | None = None


@beat_init.connect
@worker_ready.connect
def start(**_kwargs: Any) -> None:
    """In this process, once: a worker may hold a beat too."""
    global _here  # noqa: PLW0603 - one per process
    if _here is None:
        _here = Overseer()
        _here.start()


@worker_shutdown.connect
def stop(**_kwargs: Any) -> None:
    """After the last run of a warm shutdown; a beat says itself when it ends."""
    global _here  # noqa: PLW0603 - one per process
    if _here is not None:
        _here.stop()
        _here = None
