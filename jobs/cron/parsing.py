"""From the text typed to a Cron: the shape of the whole expression, its macros, its zone, and whether it ever fires."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from django.utils.translation import gettext_lazy as _

from jobs.cron.errors import CronError, refusal
from jobs.cron.expression import Cron
from jobs.cron.fields import DAY_OF_WEEK, KINDS, parse_field

DEFAULT_TIME_ZONE = "America/Santo_Domingo"
LONGEST_EXPRESSION = 100
EXAMPLE = "0 3 * * 1-5"
MACROS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}


@lru_cache(maxsize=16384)
def parse(expression: str, time_zone: str | None = None) -> Cron:
    """The expression in that IANA zone (None: DEFAULT_TIME_ZONE). CronError says what is wrong with either."""
    expression = expression.strip(" \t\r\n")
    zone = _zone(DEFAULT_TIME_ZONE if time_zone is None else time_zone)
    texts = _five_texts(expression)
    cron = Cron(expression, zone, *(parse_field(kind, text) for kind, text in zip(KINDS, texts, strict=True)))
    if not cron.fires_ever():
        raise _never_fires(cron)
    return cron


def _five_texts(expression: str) -> list[str]:
    if not expression:
        message = _(
            "The expression is empty. Write minute, hour, day-of-month, month and day-of-week, as in {example}."
        )
        raise refusal("expression", message, example=EXAMPLE)
    if len(expression) > LONGEST_EXPRESSION:
        message = _("The expression is {length} characters long. Use at most {longest}.")
        raise refusal("expression", message, length=len(expression), longest=LONGEST_EXPRESSION)
    odd = next((letter for letter in expression if not letter.isprintable() and letter != "\t"), None)
    if odd is not None:
        message = _("The expression has an invisible character ({code}). Separate the five fields with plain spaces.")
        raise refusal("expression", message, code=f"U+{ord(odd):04X}")
    if expression.startswith("@"):
        return _macro(expression).split()
    texts = expression.split()
    if len(texts) == len(KINDS) + 1:
        message = _(
            "The expression has six fields; seconds and years are not supported. Keep the five fields from minute to"
            " day-of-week."
        )
        raise refusal("expression", message)
    if len(texts) != len(KINDS):
        message = _(
            "The expression has the wrong number of fields: {found} found, five needed. Write minute, hour,"
            " day-of-month, month and day-of-week, as in {example}."
        )
        raise refusal("expression", message, found=len(texts), example=EXAMPLE)
    return texts


def _macro(text: str) -> str:
    if text.lower() == "@reboot":
        raise refusal(
            "expression",
            _("@reboot names no time of day, so nothing can be planned from it. Write when the job should run."),
        )
    if text.lower() not in MACROS:
        message = _("{item} is no macro known here. Use one of {names}, or five fields.")
        raise refusal("expression", message, item=text, names=", ".join(MACROS))
    return MACROS[text.lower()]


def _zone(name: str) -> ZoneInfo:
    """The zone of that name; only listed names reach ZoneInfo, which opens files by name."""
    if name not in _zone_names():
        message = _("{name} is not a time zone. Use an IANA name such as {example}.")
        raise refusal("timeZone", message, name=ascii(name[:40]), example=DEFAULT_TIME_ZONE)
    return ZoneInfo(name)


@lru_cache(maxsize=1)
def _zone_names() -> frozenset[str]:
    return frozenset(available_timezones())


def _never_fires(cron: Cron) -> CronError:
    if not replace(cron, day_of_week=parse_field(DAY_OF_WEEK, "*")).fires_ever():
        message = _(
            "The {field} field never matches: no month of the month field has such a day. Change the day or the month."
        )
        return refusal("dayOfMonth", message)
    message = _(
        "The {field} field never matches: no day that the other fields allow falls so. Both day fields must match; set"
        " one of them to *."
    )
    return refusal("dayOfWeek", message)
