"""The rules on the service itself: its beat, its ledger, and whether it is heard."""

from executions.alerts.rule import Rule
from executions.enums import AlertRule, Severity

# Where none has ever led, something must have come due: a stock beat that rings has no lease, and leaves nothing late.
_NO_BEAT = """
SELECT NULL::uuid AS job_id, '' AS subject, coalesce(lease.expires_at, due.since) AS since,
    jsonb_build_object('machine', lease.machine_name, 'process', lease.process_id) AS facts
FROM (SELECT min(next_execution_at) AS since FROM jobs_scheduledjob WHERE next_execution_at IS NOT NULL) AS due
LEFT JOIN executions_beatlease AS lease ON true
WHERE coalesce(lease.expires_at, due.since) < statement_timestamp() - %(leaderless)s * interval '1 second'
"""

_UNACCOUNTED = """
SELECT NULL::uuid AS job_id, '' AS subject, newest.finished_at AS since,
    jsonb_build_object('unaccounted', newest.unaccounted, 'unplanned', newest.unplanned, 'checkId', newest.id) AS facts
FROM (SELECT * FROM executions_ledgercheck ORDER BY id DESC LIMIT 1) AS newest
WHERE newest.unaccounted > 0 OR newest.unplanned > 0
"""

# What waits in vain, and what was refused within a day where nothing has arrived since: an address that is none, or a
# server that takes nothing from us.
_UNTOLD = """
SELECT NULL::uuid AS job_id, notice.channel AS subject, min(notice.created_at) AS since,
    jsonb_build_object('channel', notice.channel, 'waiting', count(*) FILTER (WHERE notice.state = 'Waiting'),
        'refused', count(*) FILTER (WHERE notice.state = 'Refused'), 'lastError', left(
        split_part((array_agg(notice.last_error ORDER BY notice.id DESC) FILTER (WHERE notice.last_error <> ''))[1],
            E'\\n', 1), 200)) AS facts
FROM executions_notice AS notice
WHERE notice.state = 'Waiting' AND notice.tries >= %(tries)s
        AND notice.created_at < statement_timestamp() - %(untold)s * interval '1 second'
    OR notice.state = 'Refused' AND notice.kind <> 'Test'
        AND notice.created_at > statement_timestamp() - interval '1 day'
        AND NOT EXISTS (
            SELECT FROM executions_notice AS later WHERE later.state = 'Sent' AND later.channel = notice.channel
                AND later.recipient = notice.recipient AND later.sent_at > notice.created_at)
GROUP BY notice.channel
"""

NO_BEAT = Rule(AlertRule.NO_BEAT, Severity.CRITICAL, _NO_BEAT, is_about_silence=True)
UNACCOUNTED = Rule(AlertRule.UNACCOUNTED, Severity.ERROR, _UNACCOUNTED)
UNTOLD = Rule(AlertRule.UNTOLD, Severity.ERROR, _UNTOLD)
