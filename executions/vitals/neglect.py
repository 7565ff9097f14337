"""Whether a worker takes nothing though there is something to take: connected, and deaf all the same."""

import logging
import time
from typing import Any

from celery.worker import state
from django.db import connection

from executions import bell
from executions.alerts.waiting import FREE

logger = logging.getLogger(__name__)

NEGLECTED_AFTER_SECONDS = 180.0


class Neglect:
    """Of the worker whose `consumer` this is. Asked at each heartbeat, from another thread than the one that takes."""

    def __init__(self, consumer: Any) -> None:
        self.consumer = consumer
        self.has_told = False
        self.forgive()

    def forgive(self) -> None:
        """It had better to do; from now on it should take what there is."""
        self.taken, self.since = state.all_total_count[0], time.monotonic()

    def is_seen(self) -> bool:
        """Raises the database's errors. A broker that cannot be asked has nothing that could be taken."""
        if state.all_total_count[0] != self.taken or not self._has_a_process_free():
            self.forgive()
        is_idle = time.monotonic() - self.since >= NEGLECTED_AFTER_SECONDS
        neglected = self._neglected() if is_idle else []
        if neglected and not self.has_told:
            text = "This worker takes nothing, for %.0f seconds, though it has a process free and runs wait in %s."
            logger.error(text, time.monotonic() - self.since, ", ".join(neglected))
        self.has_told = bool(neglected)
        return self.has_told

    def _has_a_process_free(self) -> bool:
        pool = self.consumer.pool
        return pool is not None and len(state.reserved_requests) < pool.num_processes

    def _neglected(self) -> list[str]:
        """The queues with runs that have waited all the time, and whose messages are there: a lost one is no fault."""
        queues = list(self.consumer.app.amqp.queues.consume_from)
        with connection.cursor() as cursor:
            cursor.execute(_WAITED, {"queues": queues, "waited": NEGLECTED_AFTER_SECONDS})
            waited = [queue for (queue,) in cursor.fetchall()]
        try:
            return [queue for queue in waited if bell.held_by_broker(queue)]
        except bell.BROKER_ERRORS:
            return []


_WAITED = f"""
WITH free AS ({FREE})
SELECT DISTINCT queue FROM free
WHERE queue = ANY(%(queues)s) AND since < statement_timestamp() - %(waited)s * interval '1 second' ORDER BY queue
"""  # noqa: S608 - nothing in it comes from outside
