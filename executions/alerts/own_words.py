"""What a job says itself: the job closes it, or what becomes of the job."""

from executions.alerts.rule import Rule
from executions.enums import AlertRule, Severity

# Everything that is open and can still be closed by a run of its job: this rule opens nothing.
_JOB = """
SELECT alert.job_id, alert.subject, alert.opened_at AS since, alert.facts
FROM executions_alert AS alert
JOIN jobs_scheduledjob AS job ON job.id = alert.job_id
WHERE alert.rule = 'job' AND alert.closed_at IS NULL AND (
    job.deleted_at IS NULL AND job.status <> 'Disabled'
    OR EXISTS (SELECT FROM executions_jobexecution AS run WHERE run.job_id = job.id AND run.status = 'Running'))
"""

JOB = Rule(AlertRule.JOB, Severity.ERROR, _JOB)
