"""Queues in which runs wait that nobody will take."""

from django.db import connection

from executions.alerts.waiting import FREE
from executions.workers import SILENT_AFTER_SECONDS

# A worker that is replaced by a new one is given the time.
UNSERVED_SECONDS = 15


def unserved_queues() -> list[str]:
    """Those in which a run has waited for a while, and that no living worker serves."""
    with connection.cursor() as cursor:
        cursor.execute(_UNSERVED, {"waited": UNSERVED_SECONDS, "silent": SILENT_AFTER_SECONDS})
        return [queue for (queue,) in cursor.fetchall()]


_UNSERVED = f"""
SELECT DISTINCT queue FROM ({FREE}) AS free
WHERE since < statement_timestamp() - %(waited)s * interval '1 second'
    AND queue NOT IN (
        SELECT unnest(queues) FROM executions_worker
        WHERE stopped_at IS NULL AND last_seen_at > statement_timestamp() - %(silent)s * interval '1 second')
ORDER BY queue
"""  # noqa: S608 - of constants alone
