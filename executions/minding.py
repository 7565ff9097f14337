"""How a worker's main process minds its children from its heartbeat's thread, whatever its main loop is waiting for.

Celery's loop does the same, and sooner, while it has its broker. Whoever comes second finds the run closed.
"""

import logging
import math
import os
import signal
import time
import uuid
from contextlib import suppress

from billiard.common import human_status

from executions import children, endings, orphans
from executions.children import Holder
from executions.ledger import Outcome

logger = logging.getLogger(__name__)

# Celery's loop has so long to do it.
LATE_SECONDS = 5.0
# It knows how a child died, and says so after billiard's 10 s; what is said first stands.
DEAD_SECONDS = 15.0


class Minder:
    """Remembers since when which child has been dead (by `time.monotonic()`; infinite: that has been handed over)."""

    def __init__(
        self, worker_id: uuid.UUID, *, late_seconds: float = LATE_SECONDS, dead_seconds: float = DEAD_SECONDS
    ) -> None:
        self.worker_id = worker_id
        self.late_seconds, self.dead_seconds = late_seconds, dead_seconds
        self._dead_since: dict[tuple[uuid.UUID, int], float] = {}

    def look(self) -> set[uuid.UUID]:
        """End what is beyond its hard limit, hand over what has died; return the runs that this worker answers for."""
        now, before, self._dead_since = time.monotonic(), self._dead_since, {}
        answered_for = set()
        for holder in children.holders():
            key = holder.execution_id, holder.process_id
            if holder.is_alive():
                answered_for.add(holder.execution_id)
                if holder.is_overdue(self.late_seconds):
                    self._end(holder)
                continue
            since = before.get(key, now)
            if since < math.inf:
                answered_for.add(holder.execution_id)
            if now - since >= self.dead_seconds:
                self._bury(holder)
                since = math.inf
            self._dead_since[key] = since
        return answered_for

    def _end(self, holder: Holder) -> None:
        # Looked at again: it may have come to its end meanwhile, and its process have the next run.
        if holder.process_id == os.getpid() or holder not in children.holders():
            return
        with suppress(ProcessLookupError):
            os.kill(holder.process_id, signal.SIGKILL)
        logger.error("The run %s went on beyond its hard limit; its process was ended.", holder.execution_id)
        self._hand_over(holder, endings.of_hard_limit(holder.hard_limit_seconds))

    def _bury(self, holder: Holder) -> None:
        self._hand_over(holder, endings.of_lost_process(_how_it_ended(holder.process_id)))

    def _hand_over(self, holder: Holder, outcome: Outcome) -> None:
        orphans.hand_over(holder.execution_id, outcome, worker_id=self.worker_id, process_id=holder.process_id)


def _how_it_ended(process_id: int) -> str:
    """Asked without collecting it, which is for Celery's loop to do."""
    with suppress(ChildProcessError):
        if end := os.waitid(os.P_PID, process_id, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            return human_status(end.si_status if end.si_code == os.CLD_EXITED else -end.si_status)
    return "?"
