"""From when something is wrong until it is over: the findings of a rule open and close its alerts, and each is told."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from executions.alerts.rule import Rule
from executions.enums import AlertRule
from executions.models import Alert
from executions.notices import outbox
from jobs import sessions
from jobs.deeds import Deed
from jobs.failpoints import failpoint

SUBJECT_MAX_LENGTH = 200
# Of one rule, in one round; the rest comes with the next ones. A hundred thousand jobs that are late at once all have
# their alerts after two minutes, for 0.4 ms of processor each, and no round lasts for more than some seconds.
MOST_AT_ONCE = 10_000
TOLD_PER_STATEMENT = 1_000


def bring_up_to_date(rule: Rule, asked: Mapping[str, Any], *, most: int = MOST_AT_ONCE) -> bool:
    """Open what the rule finds, close what it finds no more, have both told, and keep the facts of the rest.

    `asked`: the parameters of its statement. Call it in a transaction. Returns whether that was all: of each, no more
    than `most` are taken. What somebody else opens or closes at this moment is left to them, to be told too.
    """
    facts = {**asked, "rule": rule.name.value, "severity": rule.severity.value, "most": most}
    with connection.cursor() as cursor:
        cursor.execute(_FOUND + rule.query + _COMPARED + _CHANGED, facts)
        opened, closed = cursor.fetchone()
    _tell(outbox.opened, opened)
    _tell(outbox.recovered, closed)
    return len(opened) < most and len(closed) < most


# --- What a job says itself ------------------------------------------------------------------------------------------
def open_for_job(job_id: uuid.UUID, subject: str, message: str) -> uuid.UUID:
    """The alert of this job about `subject`: the one that is open, or a new one, which is then told."""
    known = _open_of_job(job_id, subject)
    if alert := known.first():
        return alert.id
    new = Alert(rule=AlertRule.JOB, job_id=job_id, subject=_bounded(subject), message=message, opened_at=Now())
    with transaction.atomic():
        sessions.end_if_frozen()
        # Somebody else may open the same one meanwhile: the constraint leaves one.
        Alert.objects.bulk_create([new], ignore_conflicts=True)
        alert = known.first()
        if alert == new:
            _tell(outbox.opened, [new.id])
        failpoint("alert.before_commit")
    return alert.id if alert else new.id  # who opened it may have closed it already


def close_for_job(job_id: uuid.UUID, subject: str) -> uuid.UUID | None:
    """Close that alert and have it told; None when there is none."""
    known = _open_of_job(job_id, subject)
    if not known.exists():
        return None
    with transaction.atomic():
        sessions.end_if_frozen()
        alert = known.select_for_update().first()
        if alert is None:
            return None
        _close([alert.id])
        failpoint("alert.before_commit")
    return alert.id


# --- What people do --------------------------------------------------------------------------------------------------
def acknowledge(alert_id: uuid.UUID, *, by: uuid.UUID, note: str = "") -> Alert:
    """Note that somebody looks after it, who did so first; also of one that is over. Raises Alert.DoesNotExist."""
    new = Alert.objects.filter(id=alert_id, acknowledged_at=None)
    with transaction.atomic():
        sessions.end_if_frozen()
        is_first = new.update(acknowledged_at=Now(), acknowledged_by=by, note=note)
        alert = Alert.objects.select_related("job").get(id=alert_id)
        if is_first:
            about = {"rule": alert.rule, "job_id": alert.job_id, "acknowledged_at": alert.acknowledged_at, "note": note}
            name = alert.job.name if alert.job else alert.subject or alert.rule
            Deed("AlertAcknowledged", "Alert", alert.id, name, after=about, by=by, at=alert.acknowledged_at).tell()
    return alert


# --- How -------------------------------------------------------------------------------------------------------------
def _close(ids: Sequence[uuid.UUID]) -> None:
    Alert.objects.filter(id__in=ids, closed_at=None).update(closed_at=Now())
    _tell(outbox.recovered, ids)


def _tell(have_told: Callable[[Sequence[Alert]], None], ids: Sequence[uuid.UUID]) -> None:
    """In the transaction that changed them; those that are there, a part at a time."""
    for begin in range(0, len(ids), TOLD_PER_STATEMENT):
        some = Alert.objects.filter(id__in=ids[begin : begin + TOLD_PER_STATEMENT])
        have_told(list(some.select_related("job").order_by("opened_at", "id")))


def _open_of_job(job_id: uuid.UUID, subject: str) -> QuerySet[Alert]:
    return Alert.objects.filter(rule=AlertRule.JOB, job_id=job_id, subject=_bounded(subject), closed_at=None)


def _bounded(subject: str) -> str:
    return subject[:SUBJECT_MAX_LENGTH]


# What is found and what is open are laid side by side by grouping: a join of the two would be planned without knowing
# how many there are, and the plan for a few takes minutes for a hundred thousand.
_FOUND = "WITH found_by_rule AS ("
_COMPARED = f"""), side_by_side AS (
    SELECT job_id, left(subject, {SUBJECT_MAX_LENGTH}) AS subject, NULL::uuid AS id, NULL::jsonb AS told,
        facts || jsonb_build_object('since', to_char(since AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')) AS found
    FROM found_by_rule
    UNION ALL
    SELECT job_id, subject, id, facts, NULL FROM executions_alert WHERE rule = %(rule)s AND closed_at IS NULL
), compared AS MATERIALIZED (
    SELECT job_id, subject, (array_agg(id) FILTER (WHERE id IS NOT NULL))[1] AS id,
        (array_agg(told) FILTER (WHERE told IS NOT NULL))[1] AS told,
        (array_agg(found) FILTER (WHERE found IS NOT NULL))[1] AS found
    FROM side_by_side GROUP BY job_id, subject
)
"""  # noqa: S608 - nothing in it comes from outside
_CHANGED = """
, opened AS (
    INSERT INTO executions_alert (id, rule, job_id, subject, severity, message, facts, opened_at, note)
    SELECT gen_random_uuid(), %(rule)s, job_id, subject, %(severity)s, '', found, statement_timestamp(), ''
    FROM compared WHERE id IS NULL ORDER BY found ->> 'since' LIMIT %(most)s
    ON CONFLICT DO NOTHING RETURNING id
), closed AS (
    UPDATE executions_alert AS alert SET closed_at = statement_timestamp()
    FROM (SELECT id FROM compared WHERE found IS NULL LIMIT %(most)s) AS over
    WHERE alert.id = over.id AND alert.closed_at IS NULL RETURNING alert.id
), kept AS (
    UPDATE executions_alert AS alert SET facts = changed.found || jsonb_build_object('since', alert.facts -> 'since')
    FROM (SELECT id, found FROM compared WHERE found - 'since' <> told - 'since' LIMIT %(most)s) AS changed
    WHERE alert.id = changed.id AND alert.closed_at IS NULL
)
SELECT ARRAY(SELECT id FROM opened), ARRAY(SELECT id FROM closed)
"""
