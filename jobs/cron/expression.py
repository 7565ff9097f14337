"""An expression in a zone and its due times: the one clock of the scheduler, with `now` always an argument."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from calendar import monthrange
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from itertools import islice, product
from typing import NamedTuple
from zoneinfo import ZoneInfo

from jobs.cron.days import DAYS_IN_A_WEEK, days_of
from jobs.cron.fields import Field
from jobs.cron.localdays import MINUTES_IN_AN_HOUR, ONE_DAY, Run, Stretch, run_of
from jobs.cron.mirror import celery_text

# A day inside what datetime can hold, so that no zone's offset leads over the edge.
EARLIEST = datetime(2, 1, 1, tzinfo=UTC)
LATEST = datetime(9998, 12, 31, tzinfo=UTC)
MONTH_LENGTHS = {month: (28, 29) if month == 2 else (monthrange(2025, month)[1],) for month in range(1, 13)}


class CrontabSuperset(NamedTuple):
    """The five fields as django-celery-beat's CrontabSchedule takes them; may say more than the expression."""

    minute: str
    hour: str
    day_of_month: str
    month_of_year: str
    day_of_week: str


@dataclass(frozen=True)
class Cron:
    """A parsed expression in its zone. Due times are a set of instants, all given as aware UTC."""

    expression: str
    zone: ZoneInfo
    minute: Field = field(compare=False, repr=False)
    hour: Field = field(compare=False, repr=False)
    day_of_month: Field = field(compare=False, repr=False)
    month: Field = field(compare=False, repr=False)
    day_of_week: Field = field(compare=False, repr=False)

    @property
    def fields(self) -> tuple[Field, ...]:
        """The five fields in their written order."""
        return (self.minute, self.hour, self.day_of_month, self.month, self.day_of_week)

    def next_after(self, instant: datetime) -> datetime | None:
        """The first due time strictly after the instant; None when the calendar (year 9998) ends before it."""
        return next(self.between(instant, LATEST), None)

    def between(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """The due times in (after, until], ascending, one at a time as they are asked for."""
        return self._walk(after, until, newest_first=False)

    def latest(self, count: int, *, until: datetime, after: datetime) -> list[datetime]:
        """The newest `count` due times in (after, until], ascending; walks back from `until` no further than those."""
        return list(islice(self._walk(after, until, newest_first=True), count))[::-1]

    def count_between(self, after: datetime, until: datetime) -> int:
        """How many due times lie in (after, until]; counts day by day, so a year of minutes is cheap."""
        after, until = clamped(after), clamped(until)
        count = 0
        landings: set[datetime] = set()
        for stretch in self._stretches(after, until, newest_first=False):
            minutes = stretch.within(after, until, self._minutes)
            if stretch.jump is None:
                count += len(minutes)
            else:
                landings.update(stretch.instants(minutes))
        return count + sum(not self.shows_due(landing) for landing in landings)

    def matches(self, instant: datetime) -> bool:
        """Whether the instant, to the microsecond, is a due time."""
        just_before = max(instant, EARLIEST) - timedelta.resolution
        return next(self.between(just_before, instant), None) is not None

    def names_wall_time(self, wall: datetime) -> bool:
        """Whether the five fields name that wall-clock minute, whatever the zone's clock makes of it that day."""
        named = wall.hour in self.hour.values and wall.minute in self.minute.values
        return named and self._names_date(wall.date())

    def shows_due(self, instant: datetime) -> bool:
        """Whether the clock shows a due minute at that instant, rather than coming to it by a jump."""
        wall = instant.astimezone(self.zone)
        return wall.second == 0 and self.names_wall_time(wall)

    @cached_property
    def runs_in_both_passes(self) -> bool:
        """Whether minutes that the clock shows twice count twice: `*`, a range or a step in minute or hour."""
        return self.minute.recurs() or self.hour.recurs()

    def fires_ever(self) -> bool:
        """Whether any month of the calendar has a day for it."""
        shapes = product(sorted(self.month.values), range(DAYS_IN_A_WEEK))
        return any(self._days(length, first) for month, first in shapes for length in MONTH_LENGTHS[month])

    def crontab_superset(self) -> CrontabSuperset:
        """The fields in Celery's own grammar, never saying less: L, W and # become `*`."""
        return CrontabSuperset(*(celery_text(field) for field in self.fields))

    def _walk(self, after: datetime, until: datetime, *, newest_first: bool) -> Iterator[datetime]:
        """The due times in (after, until], each once, though several minutes may come at one instant."""
        after, until = clamped(after), clamped(until)
        previous = None
        for stretch in self._stretches(after, until, newest_first=newest_first):
            minutes = stretch.within(after, until, self._minutes)
            for due in stretch.instants(minutes[::-1] if newest_first else minutes):
                if due != previous:
                    yield due
                previous = due

    def _stretches(self, after: datetime, until: datetime, *, newest_first: bool) -> Iterator[Stretch]:
        """The stretches that may hold due times of (after, until], in order of time."""
        first, last = self._run_at(after).first, self._run_at(until).last
        day = self._date_back_from(last) if newest_first else self._date_from(first)
        while day is not None and first <= day <= last:
            run = run_of(self.zone, day)
            for stretch in reversed(run.stretches) if newest_first else run.stretches:
                if self._names_date(stretch.day) and (self.runs_in_both_passes or not stretch.is_repeat):
                    yield stretch
            day = self._date_back_from(run.first - ONE_DAY) if newest_first else self._date_from(run.last + ONE_DAY)

    def _run_at(self, instant: datetime) -> Run:
        return run_of(self.zone, instant.astimezone(self.zone).date())

    def _date_from(self, day: date) -> date | None:
        """The first matching date on or after the day."""
        year, month, earliest = day.year, day.month, day.day
        while year <= LATEST.year:
            days = self._days_in(year, month)
            index = bisect_left(days, earliest)
            if index < len(days):
                return date(year, month, days[index])
            year, month, earliest = (year + 1, 1, 1) if month == 12 else (year, month + 1, 1)
        return None

    def _date_back_from(self, day: date) -> date | None:
        """The last matching date on or before the day."""
        year, month, latest = day.year, day.month, day.day
        while year >= EARLIEST.year:
            days = self._days_in(year, month)
            index = bisect_right(days, latest)
            if index:
                return date(year, month, days[index - 1])
            year, month, latest = (year - 1, 12, 31) if month == 1 else (year, month - 1, 31)
        return None

    def _names_date(self, day: date) -> bool:
        return day.day in self._days_in(day.year, day.month)

    def _days_in(self, year: int, month: int) -> tuple[int, ...]:
        if month not in self.month.values:
            return ()
        first_weekday, length = monthrange(year, month)
        return self._days(length, (first_weekday + 1) % DAYS_IN_A_WEEK)

    def _days(self, length: int, first_weekday: int) -> tuple[int, ...]:
        days = self._days_by_month_shape.get((length, first_weekday))
        if days is None:
            days = days_of(self.day_of_month, self.day_of_week, length, first_weekday)
            self._days_by_month_shape[length, first_weekday] = days
        return days

    @cached_property
    def _days_by_month_shape(self) -> dict[tuple[int, int], tuple[int, ...]]:
        """Filled as months are met: a month's days follow from its length and first weekday alone."""
        return {}

    @cached_property
    def _minutes(self) -> Sequence[int]:
        """The due minutes of a day, counted from midnight, ascending."""
        hours, minutes = sorted(self.hour.values), sorted(self.minute.values)
        return array("H", (hour * MINUTES_IN_AN_HOUR + minute for hour in hours for minute in minutes))


def clamped(instant: datetime) -> datetime:
    """The instant as UTC, within the years the arithmetic covers."""
    if instant.tzinfo is None:
        raise ValueError("due times are reckoned from aware datetimes only")
    return min(max(instant, EARLIEST), LATEST).astimezone(UTC)
