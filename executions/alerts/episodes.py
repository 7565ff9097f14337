"""From when something is wrong until it is over: the findings of a rule open and close its alerts, and each is told."""

import json
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from executions import sessions
from executions.alerts.rule import Rule
from executions.enums import AlertRule
from executions.models import Alert
from executions.notices import outbox

SUBJECT_MAX_LENGTH = 200
# Of one rule, in one round; the rest comes with the next ones. With a hundred thousand jobs late at once no transaction
# should write all of it down.
MOST_AT_ONCE = 2_000
ROWS_PER_STATEMENT = 1_000


@dataclass(frozen=True)
class Difference:
    """What a rule finds and what is open, where they differ: without `id` it is to be opened, without `facts` closed.

    `facts`: as JSON.
    """

    id: uuid.UUID | None
    job_id: uuid.UUID | None
    subject: str
    facts: str | None


def bring_up_to_date(rule: Rule, asked: Mapping[str, Any]) -> None:
    """Open what the rule finds, close what it finds no more, have both told, and keep the facts of the rest.

    `asked`: the parameters of its statement. Call it in a transaction. However many alerts the rule has, only what
    differs leaves the database.
    """
    with connection.cursor() as cursor:
        cursor.execute(_FOUND + rule.query + _COMPARED, {**asked, "rule": rule.name.value, "most": MOST_AT_ONCE})
        differences = [Difference(*row) for row in cursor.fetchall()]
    _open([_alert(rule, each) for each in differences if each.id is None])
    _close([each.id for each in differences if each.id and each.facts is None])
    _keep([each for each in differences if each.id and each.facts])


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
    return alert.id


# --- What people do --------------------------------------------------------------------------------------------------
def acknowledge(alert_id: uuid.UUID, *, by: uuid.UUID, note: str = "") -> Alert:
    """Note that somebody looks after it, who did so first; also of one that is over. Raises Alert.DoesNotExist."""
    new = Alert.objects.filter(id=alert_id, acknowledged_at=None)
    new.update(acknowledged_at=Now(), acknowledged_by=by, note=note)
    return Alert.objects.select_related("job").get(id=alert_id)


# --- How -------------------------------------------------------------------------------------------------------------
def _alert(rule: Rule, found: Difference) -> Alert:
    facts = json.loads(found.facts or "{}")
    about = {"job_id": found.job_id, "subject": found.subject, "facts": facts}
    return Alert(rule=rule.name, severity=rule.severity, opened_at=Now(), **about)


def _open(alerts: Sequence[Alert]) -> None:
    """What somebody else opens at this moment is left to them, to be told too."""
    if alerts:
        Alert.objects.bulk_create(alerts, ignore_conflicts=True, batch_size=ROWS_PER_STATEMENT)
        _tell(outbox.opened, [alert.id for alert in alerts])


def _close(ids: Sequence[uuid.UUID]) -> None:
    if ids:
        Alert.objects.filter(id__in=ids, closed_at=None).update(closed_at=Now())
        _tell(outbox.recovered, ids)


def _keep(changed: Sequence[Difference]) -> None:
    if changed:
        with connection.cursor() as cursor:
            cursor.execute(_KEEP, [[each.id for each in changed], [each.facts for each in changed]])


def _tell(have_told: Callable[[Sequence[Alert]], None], ids: Iterable[uuid.UUID]) -> None:
    """In the transaction that changed them; those that are there."""
    have_told(list(Alert.objects.filter(id__in=ids).select_related("job").order_by("opened_at", "id")))


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
(SELECT id, job_id, subject, found FROM compared WHERE id IS NULL ORDER BY found ->> 'since' LIMIT %(most)s)
UNION ALL
(SELECT id, job_id, subject, found FROM compared WHERE found IS NULL LIMIT %(most)s)
UNION ALL
(SELECT id, job_id, subject, found || jsonb_build_object('since', told -> 'since') FROM compared
    WHERE found - 'since' <> told - 'since' LIMIT %(most)s)
"""  # noqa: S608 - nothing in it comes from outside
_KEEP = """
UPDATE executions_alert AS alert SET facts = changed.facts
FROM unnest(%s::uuid[], %s::text[]::jsonb[]) AS changed(id, facts)
WHERE alert.id = changed.id AND alert.closed_at IS NULL
"""
