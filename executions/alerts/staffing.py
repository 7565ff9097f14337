"""The rules on workers that are gone, and on queues that wait for one."""

from executions.alerts.rule import Rule
from executions.alerts.waiting import FREE
from executions.enums import AlertRule, Severity

# Who was started again under its name is back; every other one that was started after somebody's last sign, and serves
# its queues, has taken one place and no more. Of those that served the same queues the last one to fall silent has the
# fewest to choose from and is first: `short` falls where nobody is left.
_WORKER_LOST = """
WITH living AS (
    SELECT name, queues, started_at FROM executions_worker
    WHERE stopped_at IS NULL AND last_seen_at > statement_timestamp() - %(silent)s * interval '1 second'
), silent AS (
    SELECT DISTINCT ON (name) * FROM executions_worker
    WHERE stopped_at IS NULL
        AND last_seen_at < statement_timestamp() - %(silent)s * interval '1 second'
        AND last_seen_at > statement_timestamp() - %(missed)s * interval '1 second'
    ORDER BY name, last_seen_at DESC
), gone AS (
    SELECT * FROM silent WHERE NOT EXISTS (
        SELECT FROM living WHERE living.name = silent.name AND living.started_at > silent.last_seen_at
            AND living.queues @> silent.queues)
), counted AS (
    SELECT *, least(0, (
        SELECT count(*) FROM living WHERE living.started_at > gone.last_seen_at AND living.queues @> gone.queues
            AND living.name NOT IN (SELECT name FROM silent)
    ) - row_number() OVER (PARTITION BY queues ORDER BY last_seen_at DESC, name)) AS short
    FROM gone
), compared AS (
    SELECT *, min(short) OVER (PARTITION BY queues ORDER BY last_seen_at DESC, name
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS short_before
    FROM counted
)
SELECT NULL::uuid AS job_id, name AS subject, last_seen_at AS since, jsonb_build_object('machine', machine_name,
    'process', process_id, 'queues', to_jsonb(queues), 'runs', cardinality(execution_ids)) AS facts
FROM compared WHERE short < coalesce(short_before, 0)
"""

_NO_WORKER = f"""
WITH free AS ({FREE})
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
WITH free AS ({FREE}), open AS (
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
