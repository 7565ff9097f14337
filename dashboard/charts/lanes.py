"""Runs as bars over time, one lane a job or worker; what is still to come is drawn with its expected length."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

WIDTH, LANE, LABEL = 1000, 26, 200
NARROWEST = 2.0
TICKS = 8


@dataclass(frozen=True)
class Span:
    """`status`: an execution's, or "Coming". `what`: whatever the drawing should link to and tell of."""

    lane: str
    begin: datetime
    end: datetime
    status: str
    what: Any


@dataclass(frozen=True)
class Bar:
    x: float
    width: float
    y: int
    span: Span


@dataclass(frozen=True)
class Lanes:
    width: int
    height: int
    names: Sequence[tuple[str, int]]  # with the lane's middle
    bars: Sequence[Bar]
    ticks: Sequence[tuple[float, datetime]]
    now_x: float | None
    label_width: int = LABEL
    bar_height: int = LANE - 10


def lanes(spans: Sequence[Span], *, begin: datetime, end: datetime, now: datetime) -> Lanes:
    """Lanes by name; a bar is cut off where the window ends, and never so narrow that it cannot be seen."""
    names = sorted({span.lane for span in spans}, key=str.casefold)
    place = {name: number for number, name in enumerate(names)}

    def x(at: datetime) -> float:
        return LABEL + (WIDTH - LABEL) * ((min(max(at, begin), end) - begin) / (end - begin))

    bars = [
        Bar(round(x(span.begin), 1), round(max(NARROWEST, x(span.end) - x(span.begin)), 1),
            place[span.lane] * LANE + 5, span)
        for span in spans
    ]  # fmt: skip
    step = (end - begin) / TICKS
    ticks = [(round(x(begin + step * number), 1), begin + step * number) for number in range(TICKS)]
    middles = [(name, number * LANE + LANE // 2) for name, number in place.items()]
    return Lanes(WIDTH, len(names) * LANE, middles, bars, ticks, round(x(now), 1) if begin < now < end else None)


def shared(spans: Sequence[Span], *, within: timedelta) -> list[list[Span]]:
    """Groups of spans of different lanes that begin so close together, oldest first: what competes for the machine."""
    groups: list[list[Span]] = []
    for span in sorted(spans, key=lambda each: (each.begin, each.lane)):
        if groups and span.begin - groups[-1][0].begin < within:
            groups[-1].append(span)
        else:
            groups.append([span])
    return [group for group in groups if len({span.lane for span in group}) > 1]
