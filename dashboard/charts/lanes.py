"""Runs as bars over time, one lane a job or worker; what is still to come is drawn with its expected length.

What goes on at the same time within a lane is drawn in rows below each other. Widths are in percent, heights in pixels.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

from dashboard.charts.ticks import Tick, ticks

ROOM_ABOVE, ROOM_BELOW = 20, 16
NAME, ROW, BAR, GAP = 16, 15, 11, 6
NARROWEST = 0.35
COMING = "Coming"  # beside the statuses of executions
MOST_ROWS = 8  # of a lane; what would need more shares the last one


@dataclass(frozen=True)
class Span:
    """`status`: an execution's, or COMING. `what`: whatever the drawing should link to and tell of.

    `times`: how many due times it stands for, of what comes so often that one cannot be told from the next.
    """

    lane: str
    begin: datetime
    end: datetime
    status: str
    what: Any
    times: int = 1


@dataclass(frozen=True)
class Bar:
    x: float
    width: float
    y: int
    span: Span


@dataclass(frozen=True)
class Lanes:
    height: int
    ground: int
    names: Sequence[tuple[str, int]]  # with where each stands
    bars: Sequence[Bar]
    ticks: Sequence[Tick]
    now_x: float | None
    bar_height: int = BAR


def lanes(spans: Sequence[Span], *, begin: datetime, end: datetime, now: datetime, zone: tzinfo = UTC) -> Lanes:
    """Lanes by name; a bar is cut off where the window ends, and never so narrow that it cannot be seen."""

    def x(at: datetime) -> float:
        return 100 * ((min(max(at, begin), end) - begin) / (end - begin))

    y, names, bars = ROOM_ABOVE, [], []
    for name in sorted({span.lane for span in spans}, key=str.casefold):
        names.append((name, y + NAME - 4))
        placed = list(_rows([(x(span.begin), x(span.end), span) for span in spans if span.lane == name]))
        bars += [Bar(left, width, y + NAME + row * ROW, span) for left, width, row, span in placed]
        y += NAME + ROW * (1 + max(row for _left, _width, row, _span in placed)) + GAP
    now_x = round(x(now), 2) if begin < now < end else None
    return Lanes(y + ROOM_BELOW, y, names, bars, ticks(begin, end, zone=zone), now_x)


def _rows(found: Sequence[tuple[float, float, Span]]) -> Iterator[tuple[float, float, int, Span]]:
    """Where each begins, how wide it is, and in which row: the first one that is free by then."""
    taken_until = [0.0] * MOST_ROWS
    for begin, end, span in sorted(found, key=lambda each: each[0]):
        left = min(begin, 100 - NARROWEST)
        width = max(NARROWEST, end - left)
        row = next((place for place, until in enumerate(taken_until) if until <= left), MOST_ROWS - 1)
        # A hair is not yet at the same time: what is drawn wider than it was shall not push its neighbour away.
        taken_until[row] = max(taken_until[row], end)
        yield round(left, 2), round(width, 2), row, span
