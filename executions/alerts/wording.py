"""What is told of an alert, in the language then active: the sentences of its rule with its facts in them."""

from datetime import datetime, timedelta
from typing import Any

from executions.alerts.sentences import OF_ENABLED_JOBS, TELLINGS, not_watched
from executions.enums import AlertRule, Channel
from executions.models import Alert
from jobs import cron
from jobs.admin.display import duration, zone_of
from jobs.enums import JobStatus, Reason

NOTHING = "–"


def title(alert: Alert) -> str:
    """One line, without a full stop. What a mail's subject may not hold is left to the gateways."""
    return TELLINGS[AlertRule(alert.rule)].title(_words(alert))


def message(alert: Alert) -> str:
    """What is wrong, since when, and where to look."""
    return TELLINGS[AlertRule(alert.rule)].message(_words(alert))


def recovery(alert: Alert) -> str:
    """That it is over, and how long it lasted."""
    words, job, rule = _words(alert), alert.job, AlertRule(alert.rule)
    if rule in OF_ENABLED_JOBS and job and (job.deleted_at or job.status == JobStatus.DISABLED):
        return not_watched(words)
    return TELLINGS[rule].recovery(words)


class _Words(dict[str, Any]):
    """What is put into the sentences; a dash for what is not known."""

    def __missing__(self, name: str) -> str:
        return NOTHING


def _words(alert: Alert) -> _Words:
    facts, zone = alert.facts, alert.job.time_zone if alert.job else cron.DEFAULT_TIME_ZONE
    reason, channel = facts.get("reason"), alert.subject
    return _Words(
        {name: value for name, value in facts.items() if value not in (None, "")},
        job=alert.job.name if alert.job else NOTHING,
        subject=alert.subject,
        said=alert.message,
        since=_clock(facts.get("since"), zone),
        limit=_span(facts.get("limitSeconds")),
        queues=", ".join(facts.get("queues") or [NOTHING]),
        channel=Channel(channel).label if channel in Channel.values else channel,
        reason=Reason(reason).label if reason in Reason.values else NOTHING,
        lasted=duration(alert.closed_at - alert.opened_at if alert.closed_at else None),
    )


def _clock(instant: str | None, zone: str) -> str:
    """As the clock of that zone shows it, the zone named: whoever reads it may be anywhere."""
    if instant is None:
        return NOTHING
    local = datetime.fromisoformat(instant).astimezone(zone_of(zone))
    return f"{local:%Y-%m-%d %H:%M:%S} ({zone})" if local.second else f"{local:%Y-%m-%d %H:%M} ({zone})"


def _span(seconds: int | None) -> str:
    return NOTHING if seconds is None else duration(timedelta(seconds=seconds))
