"""The rule on runs of a job that finally failed, one after another."""

from executions.alerts.rule import Rule
from executions.attempts import LATER
from executions.enums import AlertRule, Severity

# A run is all of its attempts, whose ids begin with the same 48 bits. Its last one decides, but for one that somebody
# has asked for and that is not over: what was finally failed stays so until then. Everything but Completed and Failed
# decides nothing, so what was skipped, missed or cancelled neither counts nor breaks; but a further attempt that
# could not begin in time leaves its run failed. OFFSET 0 has each run look for
# its later attempts by their ids; as a join it would read all of the job's history.
_DECIDED = f"""
    SELECT run.id, run.status, run.completed_at FROM executions_jobexecution AS run
    WHERE job.has_moved AND run.job_id = job.id
        AND (run.status IN ('Completed', 'Failed') OR run.status = 'Missed' AND run.retry_attempt > 0)
        AND NOT EXISTS ({LATER} AND NOT (later.trigger = 'Manual' AND later.status IN ('Queued', 'Running')) OFFSET 0)
"""  # noqa: S608 - of constants alone
_FIRST = "'00000000-0000-0000-0000-000000000000'::uuid"
_NEWEST = "ORDER BY run.id DESC LIMIT greatest(job.most, %(counted)s) + 1"

# Looked at are the jobs of which a run has ended since the last round, back to the newest success and no further; the
# others are as they were. An alert that is open lasts until the newest run that is decided has completed, also when its
# older rows are gone by then.
_QUERY = f"""
WITH open AS (
    SELECT job_id, facts, (facts ->> 'limit')::int AS told_limit FROM executions_alert
    WHERE rule = 'consecutive_failures' AND closed_at IS NULL
), ended AS (
    SELECT DISTINCT job_id FROM executions_jobexecution
    WHERE completed_at > %(since)s
        AND (status = 'Failed' OR status = 'Missed' AND retry_attempt > 0
            OR status = 'Completed' AND job_id IN (SELECT job_id FROM open))
), looked_at AS (
    SELECT job.id, allowed.most, open.facts AS told, open.told_limit = allowed.most AS is_told,
        ended.job_id IS NOT NULL OR open.told_limit <> allowed.most AS has_moved
    FROM ended FULL JOIN open USING (job_id)
    JOIN jobs_scheduledjob AS job ON job.id = job_id AND job.deleted_at IS NULL AND job.status <> 'Disabled'
    CROSS JOIN LATERAL (SELECT coalesce(job.max_consecutive_failures, %(failures)s) AS most) AS allowed
)
SELECT job.id AS job_id, '' AS subject, coalesce(streak.since, statement_timestamp()) AS since,
    CASE WHEN streak.failures > 0 THEN jsonb_build_object(
        'failures', streak.failures, 'isAtLeast', streak.failures > greatest(job.most, %(counted)s), 'limit', job.most,
        'executionId', streak.last_id, 'lastError', coalesce(nullif(left(
            split_part(btrim(last.error_message, E' \\t\\r\\n'), E'\\n', 1), 200), ''), last.reason))
    ELSE job.told END AS facts
FROM looked_at AS job
LEFT JOIN LATERAL (
    SELECT id FROM ({_DECIDED} {_NEWEST}) AS decided WHERE status = 'Completed' ORDER BY id DESC LIMIT 1
) AS success ON true
LEFT JOIN LATERAL (
    SELECT count(*) AS failures, min(completed_at) AS since, (array_agg(id ORDER BY id DESC))[1] AS last_id
    FROM ({_DECIDED} AND run.id > coalesce(success.id, {_FIRST}) {_NEWEST}) AS failed
) AS streak ON true
LEFT JOIN executions_jobexecution AS last ON last.id = streak.last_id
WHERE NOT job.has_moved OR streak.failures > job.most
    OR job.is_told AND (streak.failures > 0 OR success.id IS NULL)
"""  # noqa: S608 - nothing in it comes from outside

CONSECUTIVE_FAILURES = Rule(AlertRule.CONSECUTIVE_FAILURES, Severity.ERROR, _QUERY)
