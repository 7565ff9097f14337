"""Runs whose worker is gone: closed as lost and tried again by policy, by its silence and never by their age alone."""

import logging

from django.db import OperationalError, transaction
from django.utils.translation import gettext as _
from psycopg.errors import LockNotAvailable

from executions import ledger, tracing
from executions.ledger import Outcome
from executions.models import JobExecution
from executions.workers import BEAT_SECONDS, SILENT_AFTER_SECONDS
from jobs import log_context, sessions
from jobs.enums import ExecutionStatus, Reason

logger = logging.getLogger(__name__)

# After an outage of the database every worker looks silent: who judges must have seen the database answer for so long
# that a living worker has written again.
WATCHED_FOR_SECONDS = 30.0
UNNAMED_AFTER_SECONDS = 2 * BEAT_SECONDS
MOST_AT_ONCE = 100
# Nobody's run holds up the schedule: its process may be frozen in the middle of closing it.
LONGEST_WAIT_SECONDS = 1


def close_lost() -> int:
    """Close the Running rows whose worker has stopped or is silent, or lives and does not name them; return how many.

    A late result of theirs is refused.
    """
    facts = {"silent": SILENT_AFTER_SECONDS, "unnamed": UNNAMED_AFTER_SECONDS, "most": MOST_AT_ONCE}
    return sum(_close(execution) for execution in JobExecution.objects.raw(_LOST, facts))


def _close(execution: JobExecution) -> bool:
    with log_context.bound(**tracing.log_ids(execution)):
        return _close_as_lost(execution)


def _close_as_lost(execution: JobExecution) -> bool:
    if execution.is_worker_alive:  # type: ignore[attr-defined]  # a column of the query
        text = _("The worker %(name)s does not hold this run any more: the process that ran it is gone.")
    else:
        text = _("The worker %(name)s is gone: it has not been heard of for %(seconds)d seconds.")
    message = text % {"name": execution.worker_name, "seconds": SILENT_AFTER_SECONDS}
    logger.warning("Execution %s is lost: %s", execution.id, message)
    outcome = Outcome(ExecutionStatus.FAILED, Reason.WORKER_LOST, error_message=message, can_retry=True)
    try:
        with transaction.atomic():
            sessions.give_up_waiting(LONGEST_WAIT_SECONDS)
            return ledger.close(execution, outcome, output=ledger.output_so_far(execution.id))
    except OperationalError as fault:
        if not isinstance(fault.__cause__, LockNotAvailable):
            raise
        logger.warning("Execution %s is held by somebody at this moment; the next turn tries again.", execution.id)
        return False


# The worker's own clock plays no part. A run is named by its worker's heartbeat from its second beat on, at the latest.
_LOST = """
SELECT run.*, worker.id IS NOT NULL AS is_worker_alive
FROM executions_jobexecution AS run
LEFT JOIN executions_worker AS worker ON worker.id = run.worker_id AND worker.stopped_at IS NULL
    AND worker.last_seen_at > clock_timestamp() - %(silent)s * interval '1 second'
WHERE run.status = 'Running' AND run.worker_id IS NOT NULL AND (
    worker.id IS NULL AND run.started_at < clock_timestamp() - %(silent)s * interval '1 second'
    OR run.started_at < worker.last_seen_at - %(unnamed)s * interval '1 second' AND run.id <> ALL(worker.execution_ids))
ORDER BY run.id LIMIT %(most)s
"""
