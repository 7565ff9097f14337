"""Whether the main loop of a worker still takes the messages; it may fail to while the heartbeat goes on."""

import time
from typing import Any

from celery.worker import state

from executions.vitals.neglect import Neglect

# What the loop does with a broker that has just frozen ends by a timeout of 30 s.
SILENT_AFTER_SECONDS = 90.0


class MainLoop:
    """Of the worker whose `consumer` this is. Asked from another thread."""

    def __init__(self, consumer: Any) -> None:
        self.consumer = consumer
        self.answered_at = time.monotonic()
        self.neglect = Neglect(consumer)

    def doing(self) -> str:
        """Ask it, and say what it does; "" when it has not answered for long, or lets runs wait that it could take.

        Looking for its broker, or stopping, it need do neither. Raises the database's errors.
        """
        if state.should_stop is not None:
            return self._excused("waits for its runs to stop")
        if self.consumer.connection is None:
            return self._excused("looks for its broker")
        if self.consumer.hub is None:
            return self._excused("has no loop that could be asked")
        self.consumer.hub.call_soon(self._answer)
        is_silent = time.monotonic() - self.answered_at > SILENT_AFTER_SECONDS
        return "" if is_silent or self.neglect.is_seen() else "takes messages"

    def _excused(self, doing: str) -> str:
        self._answer()
        self.neglect.forgive()
        return doing

    def _answer(self) -> None:
        self.answered_at = time.monotonic()
