"""Where an axis of time is labelled: on whole minutes, hours and midnights of the clock that is read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

MINUTES = (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1_440, 2_880, 5_760, 11_520)
STEPS = tuple(timedelta(minutes=each) for each in MINUTES)
MOST, MOST_IF_NARROW = 15, 5
DAYS_ALONE_FROM = timedelta(days=2)  # what is longer is labelled by its days, and each of them has one label
LAST_PLACE = 93.0  # in percent: what begins further right would be cut off
_MIDNIGHT = datetime(1970, 1, 1)


@dataclass(frozen=True)
class Tick:
    """`x`: in percent of the width. `is_fine`: left out where there is little room."""

    x: float
    at: datetime
    is_fine: bool


def ticks(begin: datetime, end: datetime, *, zone: tzinfo) -> Sequence[Tick]:
    fine = _step(begin, end, most=MOST, of=timedelta())
    coarse = _step(begin, end, most=MOST_IF_NARROW, of=fine)
    found = [
        Tick(round(100 * ((at - begin) / (end - begin)), 2), at, is_fine=bool((wall - _MIDNIGHT) % coarse))
        for wall, at in _whole(begin, end, fine, zone)
    ]
    return [tick for tick in found if tick.x <= LAST_PLACE]


def _step(begin: datetime, end: datetime, *, most: int, of: timedelta) -> timedelta:
    """The shortest that is a multiple of `of` and fits so often."""
    least = timedelta(days=1) if end - begin > DAYS_ALONE_FROM else STEPS[0]
    suitable = [step for step in STEPS if step >= least and not (of and step % of)]
    return next((step for step in suitable if (end - begin) / step <= most), suitable[-1])


def _whole(begin: datetime, end: datetime, step: timedelta, zone: tzinfo) -> Iterator[tuple[datetime, datetime]]:
    """What the clock shows at each multiple of `step`, and the instant."""
    wall = begin.astimezone(zone).replace(tzinfo=None)
    wall -= (wall - _MIDNIGHT) % step
    while (at := wall.replace(tzinfo=zone)) < end:
        if at >= begin:
            yield wall, at
        wall += step
