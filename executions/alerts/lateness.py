"""The rules on runs that take too long, and on due times whose run did not start in its window."""

from executions.alerts.rule import Rule
from executions.enums import AlertRule, Severity

_RUNNING_TOO_LONG = """
SELECT run.job_id, run.id::text AS subject, run.started_at AS since,
    jsonb_build_object('executionId', run.id, 'limitSeconds', allowed.seconds, 'worker', run.worker_name) AS facts
FROM executions_jobexecution AS run
JOIN jobs_scheduledjob AS job ON job.id = run.job_id
CROSS JOIN LATERAL (SELECT coalesce(job.max_duration_seconds, %(duration)s) AS seconds) AS allowed
WHERE run.status = 'Running' AND run.started_at < statement_timestamp() - allowed.seconds * interval '1 second'
"""

# Three ways in which the run of a due time is not there when its window is over, one row a job, in this order:
#   1. its row waits; one that was made this moment is given one, unless an alert is open: it is not over by being made;
#   2. no beat has fired it, and neither a pause nor a hold keeps it;
#   3. it was missed, and no newer run has started or waits. As nothing can start it any more, the end of its window is
#      not waited for, unless a newer due time comes within it. Looked at are the jobs of which something has moved
#      since the last round. An alert that is open lasts until a run starts.
_NOT_STARTED = """
WITH open AS (
    SELECT job_id, facts FROM executions_alert WHERE rule = 'not_started' AND closed_at IS NULL
), waiting AS (
    SELECT DISTINCT ON (run.job_id) run.job_id, run.scheduled_for AS due, jsonb_build_object(
        'why', CASE WHEN run.available_at IS NULL THEN 'held' ELSE 'queued' END, 'executionId', run.id,
        'status', run.status, 'reason', NULL, 'queue', run.queue) AS facts
    FROM executions_jobexecution AS run
    JOIN jobs_scheduledjob AS job ON job.id = run.job_id
    WHERE run.status = 'Queued' AND run.retry_attempt = 0 AND run.trigger IN ('Schedule', 'CatchUp')
        AND run.scheduled_for < statement_timestamp() - job.grace_seconds * interval '1 second'
        AND (run.queued_at < statement_timestamp() - %(moment)s * interval '1 second'
            OR run.job_id IN (SELECT job_id FROM open))
    ORDER BY run.job_id, run.id
), unfired AS (
    SELECT job.id AS job_id, job.next_execution_at AS due, jsonb_build_object(
        'why', 'notFired', 'executionId', NULL, 'status', NULL, 'reason', NULL, 'queue', job.queue) AS facts
    FROM jobs_scheduledjob AS job
    WHERE job.next_execution_at < statement_timestamp() AND job.next_execution_at
            < statement_timestamp() - greatest(job.grace_seconds, %(moment)s) * interval '1 second'
        AND job.status = 'Enabled' AND NOT EXISTS (
            SELECT FROM jobs_schedulehold AS hold WHERE hold.began_at <= job.next_execution_at
                AND (coalesce(hold.ended_at, hold.until) IS NULL
                    OR coalesce(hold.ended_at, hold.until) > job.next_execution_at))
), moved AS (
    SELECT job_id FROM executions_jobexecution WHERE completed_at > %(since)s
        AND (status = 'Missed' OR status <> 'Skipped' AND job_id IN (SELECT job_id FROM open))
    UNION
    SELECT job_id FROM executions_jobexecution WHERE status = 'Running' AND job_id IN (SELECT job_id FROM open)
), missed AS (
    SELECT job.id AS job_id, newest.scheduled_for AS due, jsonb_build_object(
        'why', 'missed', 'executionId', newest.id, 'status', newest.status, 'reason', newest.reason,
        'queue', newest.queue) AS facts
    FROM moved
    JOIN jobs_scheduledjob AS job ON job.id = moved.job_id
    CROSS JOIN LATERAL (
        SELECT run.id, run.status, run.reason, run.queue, run.scheduled_for FROM executions_jobexecution AS run
        WHERE run.job_id = job.id AND (run.started_at IS NOT NULL OR run.retry_attempt = 0 AND (
            run.status = 'Missed' OR run.status = 'Queued' AND run.trigger IN ('Schedule', 'CatchUp')))
        ORDER BY run.id DESC LIMIT 1
    ) AS newest
    CROSS JOIN LATERAL (SELECT newest.scheduled_for + job.grace_seconds * interval '1 second' AS ends_at) AS its_window
    WHERE newest.status = 'Missed' AND (job.id IN (SELECT job_id FROM open)
        OR its_window.ends_at < statement_timestamp() OR job.next_execution_at IS NULL
        OR job.next_execution_at > its_window.ends_at)
), as_it_was AS (
    SELECT job_id, statement_timestamp() AS due, facts FROM open WHERE job_id NOT IN (SELECT job_id FROM moved)
        AND facts ->> 'why' = 'missed'
)
SELECT DISTINCT ON (late.job_id) late.job_id, '' AS subject, late.due AS since, late.facts
FROM (
    SELECT 1 AS place, * FROM waiting UNION ALL SELECT 2, * FROM unfired
    UNION ALL SELECT 3, * FROM missed UNION ALL SELECT 4, * FROM as_it_was
) AS late
JOIN jobs_scheduledjob AS job ON job.id = late.job_id AND job.deleted_at IS NULL AND job.status <> 'Disabled'
ORDER BY late.job_id, late.place
"""

RUNNING_TOO_LONG = Rule(AlertRule.RUNNING_TOO_LONG, Severity.WARNING, _RUNNING_TOO_LONG)
NOT_STARTED = Rule(AlertRule.NOT_STARTED, Severity.ERROR, _NOT_STARTED, is_about_silence=True)
