"""A cron expression as a sentence, in English or Spanish."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import product
from typing import Literal

from django.utils import translation
from django.utils.dates import MONTHS, WEEKDAYS
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext_lazy

from jobs.cron.expression import Cron
from jobs.cron.fields import Field, Item, Shape, runs
from jobs.cron.parsing import parse

MOST_TIMES_LISTED = 6
MOST_SPANS_LISTED = 2
ORDINALS = {
    1: pgettext_lazy("which weekday of a month", "first"),
    2: pgettext_lazy("which weekday of a month", "second"),
    3: pgettext_lazy("which weekday of a month", "third"),
    4: pgettext_lazy("which weekday of a month", "fourth"),
    5: pgettext_lazy("which weekday of a month", "fifth"),
}


@lru_cache(maxsize=8192)
def describe(expression: str, language: Literal["en", "es"]) -> str:
    """One sentence without its full stop. CronError when the expression is refused."""
    cron = parse(expression)
    with translation.override(language):
        phrases = (_time(cron), _dates(cron), _weekdays(cron), _months(cron))
        sentence = ", ".join(phrase for phrase in phrases if phrase)
    return sentence[0].upper() + sentence[1:]


def weekday_name(weekday: int) -> str:
    """The weekday's name in the active language; Sunday is 0."""
    return str(WEEKDAYS[(weekday - 1) % 7])


def joined(words: Sequence[str], *, either: bool = False) -> str:
    """Words as a list with "and", or with "or" between the last two."""
    if len(words) == 1:
        return words[0]
    template = _("{list} or {last}") if either else _("{list} and {last}")
    return template.format(list=", ".join(words[:-1]), last=words[-1])


def _time(cron: Cron) -> str:
    minute, hour = cron.minute, cron.hour
    if not cron.runs_in_both_passes:
        times = [_clock(*time) for time in product(sorted(hour.values), sorted(minute.values))]
        if len(times) <= MOST_TIMES_LISTED:
            return _("at {times}").format(times=joined(times))
    if len(minute.values) == 1 and len(hour.items) == 1:
        return _once_an_hour(hour, min(minute.values))
    hours = "" if hour.covers_all() else _hours(hour)
    return ", ".join(phrase for phrase in (_minutes(minute), hours) if phrase)


def _once_an_hour(hour: Field, minute: int) -> str:
    """One minute in a regular row of hours, told by the first and the last time of day."""
    (item,) = hour.items
    if hour.covers_all():
        return _("every hour at minute {minute}").format(minute=minute)
    first, last = (_clock(value, minute) for value in (item.values[0], item.values[-1]))
    if len(item.values) == 1:
        return _("at {times}").format(times=first)
    every = ngettext("every hour", "every {count} hours", item.step).format(count=item.step)
    return _("{every} from {first} to {last}").format(every=every, first=first, last=last)


def _minutes(field: Field) -> str:
    if len(field.items) > 1 or field.items[0].shape is Shape.VALUE:
        text = ngettext("at minute {minutes}", "at minutes {minutes}", len(field.values))
        return text.format(minutes=joined(_turns(field, str)))
    (item,) = field.items
    every = ngettext("every minute", "every {count} minutes", item.step).format(count=item.step)
    if item.shape is Shape.ANY:
        return every
    text = _("{every} from minute {first} to minute {last}")
    return text.format(every=every, first=item.values[0], last=item.values[-1])


def _hours(field: Field) -> str:
    """Spans such as 09:00 to 17:59, or the hours one by one where the spans would be many."""
    turns = _turn_values(field)
    if len(turns) > MOST_SPANS_LISTED:
        return _("in the hours {hours}").format(hours=joined(_turns(field, "{:02}".format)))
    spans = [_("{first} to {last}").format(first=_clock(turn[0], 0), last=_clock(turn[-1], 59)) for turn in turns]
    return _("from {spans}").format(spans=joined(spans))


def _dates(cron: Cron) -> str:
    field = cron.day_of_month
    if field.covers_all():
        is_daily = not cron.runs_in_both_passes and cron.day_of_week.covers_all() and cron.month.covers_all()
        return _("every day") if is_daily else ""
    if len(field.items) == 1 and field.items[0].shape is Shape.ANY:
        return _("every {count} days from day 1 of the month").format(count=field.items[0].step)
    phrases = [_calendar_date(item) for item in field.items if not item.values]
    if field.values:
        text = ngettext("on day {days} of the month", "on days {days} of the month", len(field.values))
        phrases.insert(0, text.format(days=joined(_turns(field, str))))
    return joined(phrases)


def _calendar_date(item: Item) -> str:
    if item.shape is Shape.LAST:
        return _("on the last day of the month")
    if item.shape is Shape.LAST_WEEKDAY:
        return _("on the last working day (Monday to Friday) of the month")
    return _("on the working day (Monday to Friday) nearest to day {day} of the month").format(day=item.first)


def _weekdays(cron: Cron) -> str:
    field = cron.day_of_week
    if field.covers_all():
        return ""
    plain = _turns(field, weekday_name)
    occasions = [_occasion(item) for item in field.items if not item.values]
    if not cron.day_of_month.covers_all():
        return _("but only when it is also {days}").format(days=joined([*plain, *occasions], either=True))
    phrases = [_("on {weekdays}").format(weekdays=joined(plain))] if plain else []
    phrases += [_("on {occasion}").format(occasion=occasion) for occasion in occasions]
    return _("only {phrases}").format(phrases=joined(phrases))


def _occasion(item: Item) -> str:
    weekday = weekday_name(item.first)
    if item.shape is Shape.LAST_OF:
        return _("the last {weekday} of the month").format(weekday=weekday)
    return _("the {ordinal} {weekday} of the month").format(ordinal=ORDINALS[item.nth], weekday=weekday)


def _months(cron: Cron) -> str:
    if cron.month.covers_all():
        return ""
    return _("only in {months}").format(months=joined(_turns(cron.month, lambda month: str(MONTHS[month]))))


def _turns(field: Field, name: Callable[[int], str]) -> list[str]:
    """The field's values by name, three or more in a row as "first to last"."""
    texts: list[str] = []
    for turn in _turn_values(field):
        if len(turn) > 2:
            texts.append(_("{first} to {last}").format(first=name(turn[0]), last=name(turn[-1])))
        else:
            texts += [name(value) for value in turn]
    return texts


def _turn_values(field: Field) -> list[list[int]]:
    """Values in a row, also over the field's end: Friday to Monday, 22 to 2."""
    turns = runs(sorted(field.values))
    if len(turns) > 1 and turns[0][0] == field.kind.low and turns[-1][-1] == field.kind.high:
        turns = [*turns[1:-1], turns[-1] + turns[0]]
    return turns


def _clock(hour: int, minute: int) -> str:
    return f"{hour:02}:{minute:02}"
