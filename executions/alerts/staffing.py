"""The rules on workers that are gone, and on queues that wait for one."""

from executions.alerts.rule import Rule
from executions.enums import AlertRule, Severity

# One that was started after its last sign, and serves its queues, has taken its place.
_WORKER_LOST = """
SELECT DISTINCT ON (lost.name) NULL::uuid AS job_id, lost.name AS subject, lost.last_seen_at AS since,
    jsonb_build_object('machine', lost.machine_name, 'process', lost.process_id, 'queues', to_jsonb(lost.queues),
        'runs', cardinality(lost.execution_ids)) AS facts
FROM executions_worker AS lost
WHERE lost.stopped_at IS NULL
    AND lost.last_seen_at < statement_timestamp() - %(silent)s * interval '1 second'
    AND lost.last_seen_at > statement_timestamp() - %(missed)s * interval '1 second'
    AND NOT EXISTS (
        SELECT FROM executions_worker AS living
        WHERE living.stopped_at IS NULL
            AND living.last_seen_at > statement_timestamp() - %(silent)s * interval '1 second'
            AND living.started_at > lost.last_seen_at AND living.queues @> lost.queues)
ORDER BY lost.name, lost.last_seen_at DESC
"""

# Free to start is what `ExecutionQuerySet.active` counts of what waits. A retry is free from when it was admitted on,
# of which its last ring is all that is known.
_FREE = """
    SELECT run.queue, CASE WHEN run.trigger = 'Retry' THEN greatest(run.available_at, run.rung_at)
        ELSE run.available_at END AS since
    FROM executions_jobexecution AS run
    WHERE run.status = 'Queued' AND run.available_at < statement_timestamp()
        AND NOT (run.trigger = 'Retry' AND run.rung_at IS NULL)
"""

_NO_WORKER = f"""
WITH free AS ({_FREE})
SELECT NULL::uuid AS job_id, free.queue AS subject, min(free.since) AS since,
    jsonb_build_object('queue', free.queue, 'waiting', count(*)) AS facts
FROM free
WHERE free.since < statement_timestamp() - %(unserved)s * interval '1 second'
    AND free.queue NOT IN (
        SELECT unnest(living.queues) FROM executions_worker AS living
        WHERE living.stopped_at IS NULL
            AND living.last_seen_at > statement_timestamp() - %(silent)s * interval '1 second')
GROUP BY free.queue
"""  # noqa: S608 - nothing in it comes from outside

# An alert that is open lasts until the oldest is half as old as the limit: a queue that stands at its limit would
# otherwise be told of again and again.
_WAITING_TOO_LONG = f"""
WITH free AS ({_FREE}), open AS (
    SELECT subject FROM executions_alert WHERE rule = 'waiting_too_long' AND closed_at IS NULL
)
SELECT NULL::uuid AS job_id, free.queue AS subject, min(free.since) AS since,
    jsonb_build_object('queue', free.queue, 'waiting', count(*), 'limitSeconds', %(waiting)s) AS facts
FROM free
GROUP BY free.queue
HAVING min(free.since) < statement_timestamp() - interval '1 second'
    * CASE WHEN free.queue IN (SELECT subject FROM open) THEN %(waiting)s / 2.0 ELSE %(waiting)s END
"""  # noqa: S608 - nothing in it comes from outside

WORKER_LOST = Rule(AlertRule.WORKER_LOST, Severity.ERROR, _WORKER_LOST, is_about_silence=True)
NO_WORKER = Rule(AlertRule.NO_WORKER, Severity.CRITICAL, _NO_WORKER, is_about_silence=True)
WAITING_TOO_LONG = Rule(AlertRule.WAITING_TOO_LONG, Severity.WARNING, _WAITING_TOO_LONG)
