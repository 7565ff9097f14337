"""What a notice says, in the language then active."""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from django.utils.translation import gettext as _

from executions.alerts import wording as alerts
from executions.enums import NoticeKind, Severity
from executions.models import Alert
from executions.notices.contents import Item
from jobs import cron
from jobs.admin.display import zone_of
from jobs.models import ScheduledJob

logger = logging.getLogger(__name__)


def title(item: Item) -> str:
    """One line."""
    match item.notice.kind:
        case NoticeKind.OPENED:
            return _of(alerts.title, item.notice.alert)
        case NoticeKind.RECOVERED:
            return _("Recovered: %(title)s") % {"title": _of(alerts.title, item.notice.alert)}
        case NoticeKind.RUN_FAILED:
            return _("%(job)s has failed") % {"job": _job_name(item)}
    return _("Test of SchedulerService's alerts")


def sentences(item: Item) -> list[str]:
    """What happened, in paragraphs; a run's error is not among them."""
    alert = item.notice.alert
    match item.notice.kind:
        case NoticeKind.OPENED:
            return [_of(alerts.message, alert)]
        case NoticeKind.RECOVERED:
            return [_of(alerts.recovery, alert), *(_news(alert) if item.is_news and alert else [])]
        case NoticeKind.RUN_FAILED:
            return [_failure(item)]
    return [_("Somebody has asked for this test. Alerts and failed runs will reach you in the same way.")]


def severity(item: Item) -> str:
    match item.notice.kind:
        case NoticeKind.OPENED:
            return item.notice.alert.severity if item.notice.alert else Severity.ERROR.value
        case NoticeKind.RUN_FAILED:
            return Severity.ERROR.value
    return Severity.INFO.value


def digest_title(count: int) -> str:
    return _("SchedulerService: %(count)d alerts and failed runs") % {"count": count}


def digest_summary(kinds: Mapping[str, int]) -> str:
    """How many of each kind."""
    return ", ".join(f"{kind.label}: {kinds[kind]}" for kind in NoticeKind if kinds.get(kind))


def digest_lines(items: Sequence[Item]) -> list[str]:
    return [f"{clock(item.notice.created_at)}  {title(item)}" for item in items]


def and_more(count: int) -> str:
    return _("and %(count)d more") % {"count": count}


def clock(instant: datetime | None, job: ScheduledJob | None = None) -> str:
    """As the clock of the job's zone shows it, else the business's, which is then not named."""
    if instant is None:
        return "–"
    zone = job.time_zone if job else cron.DEFAULT_TIME_ZONE
    named = "" if zone == cron.DEFAULT_TIME_ZONE else f" ({zone})"
    return f"{instant.astimezone(zone_of(zone)):%Y-%m-%d %H:%M}{named}"


def _failure(item: Item) -> str:
    run = item.run
    if run is None:
        return _("A run of %(job)s has finally failed.") % {"job": _job_name(item)}
    text = _("The run of %(job)s of %(at)s has finally failed at %(ended)s. Attempts: %(attempts)d.")
    return text % {
        "job": _job_name(item),
        "at": clock(run.reference_time, item.notice.job),
        "ended": clock(run.completed_at, item.notice.job),
        "attempts": run.retry_attempt + 1,
    }


def _news(alert: Alert) -> list[str]:
    text = _("You had not been told while it lasted, from %(opened)s to %(closed)s:")
    lasted = {"opened": clock(alert.opened_at, alert.job), "closed": clock(alert.closed_at, alert.job)}
    return [text % lasted, _of(alerts.message, alert)]


def _job_name(item: Item) -> str:
    if item.run:
        return item.run.job_name
    return item.notice.job.name if item.notice.job else "–"


def _of(text: Callable[[Alert], str], alert: Alert | None) -> str:
    """An alert whose facts do not fit its sentences is told all the same."""
    if alert is None:
        return "–"
    try:
        return text(alert)
    except Exception:
        logger.exception("The alert %s cannot be worded.", alert.pk)
        return f"{alert.get_rule_display()}: {alert.subject}"
