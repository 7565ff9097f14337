"""Queues in which runs wait that nobody will take."""

from django.db import connection

from executions.workers import SILENT_AFTER_SECONDS

# A worker that is replaced by a new one is given the time.
UNSERVED_SECONDS = 15


def unserved_queues() -> list[str]:
    """Those in which a run has waited for a while, and that no living worker serves."""
    with connection.cursor() as cursor:
        cursor.execute(_UNSERVED, {"waited": UNSERVED_SECONDS, "silent": SILENT_AFTER_SECONDS})
        return [queue for (queue,) in cursor.fetchall()]


# A retry that was not rung yet waits for its job, not for a worker.
_UNSERVED = """
SELECT DISTINCT queue FROM executions_jobexecution
WHERE status = 'Queued' AND available_at < clock_timestamp() - %(waited)s * interval '1 second'
    AND NOT (trigger = 'Retry' AND rung_at IS NULL)
    AND queue NOT IN (
        SELECT unnest(queues) FROM executions_worker
        WHERE stopped_at IS NULL AND last_seen_at > clock_timestamp() - %(silent)s * interval '1 second')
ORDER BY queue
"""
