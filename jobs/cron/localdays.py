"""How a zone's clock shows its days: which wall-clock minutes exist, exist twice, or are skipped, and when they are."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import cast
from zoneinfo import ZoneInfo

ONE_SECOND = timedelta(seconds=1)
ONE_MINUTE = timedelta(minutes=1)
ONE_DAY = timedelta(days=1)
PROBE_EVERY = timedelta(minutes=15)
MINUTES_IN_AN_HOUR = 60
MINUTES_IN_A_DAY = 24 * MINUTES_IN_AN_HOUR


@dataclass(frozen=True, slots=True)
class Stretch:
    """Wall-clock minutes [first, end) of one local day that share one fate.

    `midnight` is when a clock of this offset shows 00:00 of the day. `jump` is set for minutes that a clock going
    forward skips: the first instant after the gap. `is_repeat` marks minutes this clock has already shown once.
    """

    day: date
    midnight: datetime
    first: int = 0
    end: int = MINUTES_IN_A_DAY
    jump: datetime | None = None
    is_repeat: bool = False

    def within(self, after: datetime, until: datetime, minutes: Sequence[int]) -> Sequence[int]:
        """Those of the ascending minutes of the day that fall to this stretch and come in (after, until]."""
        first, end = bisect_left(minutes, self.first), bisect_left(minutes, self.end)
        if self.jump is not None:
            return minutes[first:end] if after < self.jump <= until else minutes[:0]
        first = max(first, bisect_right(minutes, (after - self.midnight) // ONE_MINUTE))
        return minutes[first : min(end, bisect_right(minutes, (until - self.midnight) // ONE_MINUTE))]

    def instants(self, minutes: Sequence[int]) -> Iterator[datetime]:
        """When those minutes come, in their order; skipped minutes all come at the jump."""
        midnight, jump = self.midnight, self.jump
        for minute in minutes:
            yield jump or midnight + timedelta(minutes=minute)


@dataclass(frozen=True, slots=True)
class Run:
    """One ordinary day, or the few days in a row that a change of offset touches; stretches in order of time.

    Days around a change belong together because a clock going back over midnight shows them interleaved.
    """

    first: date
    last: date
    stretches: tuple[Stretch, ...]


@lru_cache(maxsize=8192)
def run_of(zone: ZoneInfo, day: date) -> Run:
    """The run that holds the day. Cached: jobs of one zone ask for the same few days."""
    offset = _steady_offset(zone, day)
    if offset is not None:
        return Run(day, day, (Stretch(day, _utc_midnight(day) - offset),))
    first = last = day
    while _steady_offset(zone, first - ONE_DAY) is None:
        first -= ONE_DAY
    while _steady_offset(zone, last + ONE_DAY) is None:
        last += ONE_DAY
    return Run(first, last, tuple(_stretches(zone, first, last)))


def changes(
    zone: ZoneInfo, start: datetime, end: datetime, *, probe_every: timedelta = PROBE_EVERY
) -> Iterator[datetime]:
    """The instants in (start, end], to the second, from which the zone has another offset than just before.

    Two changes that cancel out between two probes go unseen; no zone has had such within a day since 1900.
    """
    known = start
    while known < end:
        probe = min(known + probe_every, end)
        if offset_at(zone, probe) != offset_at(zone, known):
            low, high = known, probe
            while high - low > ONE_SECOND:
                middle = low + (high - low) // ONE_SECOND // 2 * ONE_SECOND
                if offset_at(zone, middle) == offset_at(zone, low):
                    low = middle
                else:
                    high = middle
            yield high
        known = probe


def offset_at(zone: ZoneInfo, instant: datetime) -> timedelta:
    """Local time minus UTC at that instant."""
    return cast(timedelta, instant.astimezone(zone).utcoffset())


def _steady_offset(zone: ZoneInfo, day: date) -> timedelta | None:
    """The day's one offset, or None when it changes during the day or at either edge."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    edges = (midnight, midnight + ONE_DAY)
    offsets = {edge.replace(fold=fold).utcoffset() for edge in edges for fold in (0, 1)}
    return offsets.pop() if len(offsets) == 1 else None


def _stretches(zone: ZoneInfo, first: date, last: date) -> Iterator[Stretch]:
    """The pieces between the changes, walked with `shown` = how far the wall clock has ever come."""
    start = datetime.combine(first, time(), zone).astimezone(UTC)
    end = datetime.combine(last + ONE_DAY, time(), zone).astimezone(UTC)
    shown = datetime.combine(first, time())
    edges = [start, *changes(zone, start, end), end]
    for begins, ends in pairwise(edges):
        offset = offset_at(zone, begins)
        wall_begins, wall_ends = ((edge + offset).replace(tzinfo=None) for edge in (begins, ends))
        yield from _pieces(shown, wall_begins, offset, jump=begins)
        yield from _pieces(wall_begins, min(shown, wall_ends), offset, is_repeat=True)
        yield from _pieces(max(shown, wall_begins), wall_ends, offset)
        shown = max(shown, wall_ends)


def _pieces(
    begins: datetime, ends: datetime, offset: timedelta, *, jump: datetime | None = None, is_repeat: bool = False
) -> Iterator[Stretch]:
    """One stretch for each local day of the wall-clock time [begins, ends)."""
    while begins < ends:
        day = begins.date()
        midnight = datetime.combine(day, time())
        until = min(ends, midnight + ONE_DAY)
        first, end = (-((midnight - edge) // ONE_MINUTE) for edge in (begins, until))
        yield Stretch(day, _utc_midnight(day) - offset, first, end, jump, is_repeat)
        begins = until


def _utc_midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
