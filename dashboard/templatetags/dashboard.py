"""How the pages show things: a status, an instant, a duration, a schedule in words; numbers for drawings."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from dashboard.charts.bars import ORDER
from dashboard.charts.strip import Strip
from dashboard.reader import LABELS, Reader
from dashboard.trends import Trend
from executions.alerts import wording
from executions.models import Alert
from jobs import cron
from jobs.admin import display
from jobs.enums import Reason

register = template.Library()

REASONS: dict[str, Any] = dict(Reason.choices)


@register.simple_tag
def status(value: str, reason: str = "", label: Any = "") -> SafeString:
    """A status as coloured shape and word, with its reason."""
    shown = display.badge(value, label or LABELS.get(value, value))
    words = REASONS.get(reason, reason)
    return format_html('{} <span class="quiet small">{}</span>', shown, words) if reason else shown


@register.simple_tag
def instant(value: datetime | None, zone: str = cron.DEFAULT_TIME_ZONE, seconds: bool = False) -> str:
    """In the job's zone, which is named unless it is the business's own; `times.js` shows another on demand."""
    return display.instant(value, zone, seconds=seconds)


@register.simple_tag
def until(value: datetime | None) -> str:
    """How long until or since, counted by `times.js`; where that does not run, when it is.

    What is written here is the same each time: a page of which nothing has changed is not sent again.
    """
    return display.NOTHING if value is None else _counted("until", value)


@register.simple_tag
def since(value: datetime | None) -> str:
    """How long it has been going on, without a word beside it: a duration that is not over."""
    return display.NOTHING if value is None else _counted("since", value)


def _counted(how: str, value: datetime) -> SafeString:
    wall = Reader.current().at(value, "j M, H:i")
    return format_html('<time datetime="{}" data-{}>{}</time>', value.isoformat(), how, wall)


@register.filter
def duration(value: timedelta | None) -> str:
    return display.duration(value)


@register.filter
def words(cron_expression: str) -> str:
    """The schedule in plain language."""
    return display.sentence(cron_expression)


@register.filter
def pretty_json(value: Any) -> str:
    return format_html('<p class="nothing">{}</p>', display.NOTHING) if value is None else display.pretty_json(value)


@register.simple_tag
def status_word(value: str) -> Any:
    return LABELS.get(value, value)


@register.simple_tag
def strip_words(strip: Strip) -> str:
    """What the drawing shows, for who does not see it: "Of the last 30: 28 Completed, 2 Failed"."""
    counts = Counter(mark.execution.status for mark in strip.marks)
    told = ", ".join(f"{counts[each]} {LABELS[each]}" for each in ORDER if counts[each])
    return _("Of the last %(number)d: %(counts)s") % {"number": len(strip.marks), "counts": told} if told else ""


# --- Alerts ----------------------------------------------------------------------------------------------------------
@register.simple_tag
def alert_title(alert: Alert) -> str:
    return wording.title(alert)


@register.simple_tag
def alert_message(alert: Alert) -> str:
    return wording.message(alert)


@register.simple_tag
def lasted(alert: Alert) -> str:
    return display.duration(alert.closed_at - alert.opened_at) if alert.closed_at else display.NOTHING


@register.simple_tag
def person(people: dict[Any, str], user_id: Any) -> str:
    return people.get(user_id, str(user_id))


@register.simple_tag
def trend(change: Trend | None) -> SafeString | str:
    """How a number of the last day compares with that of the day before."""
    if change is None:
        return ""
    return format_html('<span class="quiet small trend">{}</span>', change.text)
