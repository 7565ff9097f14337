"""What a person should know about an expression and its next due times: clock changes, double days, uneven steps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from heapq import merge
from itertools import groupby, islice
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from django.utils.dates import WEEKDAYS
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from jobs.cron.expression import LATEST, MONTH_LENGTHS, Cron, clamped
from jobs.cron.fields import DAY_OF_MONTH, DAY_OF_WEEK, HOUR, MINUTE, MONTH, Shape, parse_field
from jobs.cron.localdays import ONE_DAY, ONE_MINUTE, ONE_SECOND, changes, offset_at

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise as Text

CLOCK_CHANGES_AHEAD = timedelta(days=366)
DATES_SHOWN = 3


@dataclass(frozen=True, slots=True)
class NextExecution:
    """A due time as UTC and as the zone's clock shows it; `remark` is None when there is nothing special about it.

    The remark is lazy: `str()` gives it in the language active at that moment.
    """

    scheduled_for: datetime
    local: datetime
    remark: Text | None


def preview(cron: Cron, count: int, after: datetime) -> list[NextExecution]:
    """The next `count` due times after the instant."""
    due_times = islice(cron.between(after, LATEST), count)
    return [NextExecution(due, due.astimezone(cron.zone), _remark(cron, due)) for due in due_times]


def lint(cron: Cron, after: datetime) -> list[Text]:
    """Remarks about the whole expression, lazy as above; clock changes of the year after the instant included."""
    return [*_double_days(cron, after), *_uneven_steps(cron), *_short_months(cron), *_clock_changes(cron, after)]


def reads_otherwise_in_crontab(cron: Cron) -> bool:
    """Whether classic crontab would take either day field, where here both must match.

    Classic crontab itself asks for both as soon as one of them begins with a star.
    """
    fields = (cron.day_of_month, cron.day_of_week)
    return not any(field.covers_all() or field.text.startswith("*") for field in fields)


def _remark(cron: Cron, due: datetime) -> Text | None:
    remarks = [*_clock_remark(cron, due), *_double_day_remark(cron, due)]
    if len(remarks) == 2:
        return format_lazy("{} {}", *remarks)
    return remarks[0] if remarks else None


def _clock_remark(cron: Cron, due: datetime) -> Iterator[Text]:
    wall = due.astimezone(cron.zone)
    skipped = _named_minutes(cron, _shift(cron.zone, due))
    if skipped:
        message = (
            _("The clock jumps from {start} to {end}: what was due in between, from {skipped} on, runs once, now.")
            if len(skipped) > 1 or cron.shows_due(due)
            else _("The clock jumps from {start} to {end}: {skipped} does not exist this day and runs now.")
        )
        yield _told(message, wall, _shift(cron.zone, due), skipped)
    elif wall.fold:
        yield format_lazy(_("The clock went back: this is the second {time} of the day."), time=f"{wall:%H:%M}")
    elif wall.utcoffset() != wall.replace(fold=1).utcoffset() and not cron.runs_in_both_passes:
        message = _("The clock goes back and shows {time} twice: it runs the first time only.")
        yield format_lazy(message, time=f"{wall:%H:%M}")


def _double_day_remark(cron: Cron, due: datetime) -> Iterator[Text]:
    if reads_otherwise_in_crontab(cron):
        wall = due.astimezone(cron.zone)
        message = _("Both day fields match: it is {weekday} and day {day} of the month.")
        yield format_lazy(message, weekday=WEEKDAYS[wall.weekday()], day=wall.day)


def _double_days(cron: Cron, after: datetime) -> Iterator[Text]:
    if reads_otherwise_in_crontab(cron):
        readings = (
            replace(cron, day_of_month=parse_field(DAY_OF_MONTH, "*")),
            replace(cron, day_of_week=parse_field(DAY_OF_WEEK, "*")),
        )
        either = merge(*(reading.between(after, LATEST) for reading in readings))
        message = _(
            "Day-of-month and day-of-week must both match: next on {both}. Classic crontab would take either: {either}."
        )
        yield format_lazy(
            message, both=_next_dates(cron, cron.between(after, LATEST)), either=_next_dates(cron, either)
        )


def _next_dates(cron: Cron, due_times: Iterator[datetime]) -> str:
    days = groupby(due.astimezone(cron.zone).date() for due in due_times)
    return ", ".join(day.isoformat() for day, _same_day in islice(days, DATES_SHOWN))


def _uneven_steps(cron: Cron) -> Iterator[Text]:
    """Steps that do not divide their field: the row starts anew where the field does."""
    messages = {
        MINUTE: _("A step of {step} minutes starts anew each hour: from minute {last} to {first} it is {gap}."),
        HOUR: _("A step of {step} hours starts anew each day: from hour {last} to {first} it is {gap}."),
        DAY_OF_MONTH: _(
            "A step of {step} days starts anew on day {first} of each month, however long the month before."
        ),
        MONTH: _("A step of {step} months starts anew each year: from month {last} to {first} it is {gap}."),
        DAY_OF_WEEK: _("A step of {step} weekdays starts anew each week: from weekday {last} to {first} it is {gap}."),
    }
    for field in cron.fields:
        if len(field.items) > 1 or field.items[0].shape not in (Shape.ANY, Shape.FROM):
            continue
        step, first, last = field.items[0].step, min(field.values), max(field.values)
        gap = first + field.kind.size - last
        if first != last and (gap != step or (field.kind is DAY_OF_MONTH and step > 1)):
            yield format_lazy(messages[field.kind], step=step, gap=gap, first=first, last=last)


def _short_months(cron: Cron) -> Iterator[Text]:
    days = [item.first for item in cron.day_of_month.items if item.shape in (Shape.VALUE, Shape.NEAREST)]
    longest, months = max(days, default=0), sorted(cron.month.values)
    if months == [2] and days and min(days) > min(MONTH_LENGTHS[2]):
        yield _("February has a day 29 in leap years only. Use L for the last day of the month.")
    elif any(longest > min(MONTH_LENGTHS[month]) for month in months):
        yield format_lazy(_("Months without a day {day} skip it. Use L for the last day of the month."), day=longest)


def _clock_changes(cron: Cron, after: datetime) -> Iterator[Text]:
    """Runs that the next year's clock changes move, join or repeat, unless the row goes evenly through them."""
    start = clamped(after)
    end = start + min(CLOCK_CHANGES_AHEAD, LATEST - start)
    for change in changes(cron.zone, start, end, probe_every=ONE_DAY):
        shift = _shift(cron.zone, change)
        forwards = shift[0] < shift[1]
        touched = _named_minutes(cron, shift if forwards else shift[::-1])
        if not touched:
            continue
        if forwards and not (cron.runs_in_both_passes and cron.shows_due(change)):
            message = _("On {date} the clock jumps from {start} to {end}: what is due at {skipped} runs at {end}.")
        elif not forwards and not cron.runs_in_both_passes:
            message = _("On {date} the clock goes back from {start} to {end}: {skipped} comes twice and runs once.")
        elif not forwards and not cron.hour.covers_all():
            message = _("On {date} the clock goes back from {start} to {end}: {skipped} comes twice and runs twice.")
        else:
            continue
        yield _told(message, change.astimezone(cron.zone), shift, touched)


def _shift(zone: ZoneInfo, instant: datetime) -> tuple[datetime, datetime]:
    """What the clock would show at the instant without a change of offset just then, and what it does show."""
    without, shown = (instant + offset_at(zone, moment) for moment in (instant - ONE_SECOND, instant))
    return without.replace(tzinfo=None), shown.replace(tzinfo=None)


def _named_minutes(cron: Cron, wall_times: tuple[datetime, datetime]) -> list[datetime]:
    """The minutes the expression names in the wall-clock span, its end excluded."""
    begins, ends = wall_times
    minutes = (begins + count * ONE_MINUTE for count in range(max(0, -((begins - ends) // ONE_MINUTE))))
    return [minute for minute in minutes if cron.names_wall_time(minute)]


def _told(message: Text, wall: datetime, shift: tuple[datetime, datetime], minutes: list[datetime]) -> Text:
    """The message with the change it tells of; times of another date than `wall` carry their date."""
    start, end, first = (
        f"{time:%H:%M}" if time.date() == wall.date() else f"{time:%Y-%m-%d %H:%M}" for time in (*shift, minutes[0])
    )
    return format_lazy(message, date=wall.date().isoformat(), start=start, end=end, skipped=first)
