"""Stacked bars over time: how many runs ended in each way in each bucket, with the table behind the drawing.

Widths are in percent, heights in pixels: a drawing fills whatever room there is, and its words keep their size.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from math import log10

from dashboard.charts.signs import SLIM, SLIM_SHARE
from dashboard.charts.ticks import Tick, ticks

# From the ground up: what went well lies at the bottom, what needs a look on top of it.
ORDER = ("Completed", "Running", "Queued", "Cancelled", "Skipped", "Missed", "Failed")
LOUD = ("Failed", "Missed")
ROOM_ABOVE = 18  # for the number that the axis ends with, and for the signs
ROOM_BELOW = 18
FILLED = 0.85  # of a bucket's width


@dataclass(frozen=True)
class Bucket:
    """`counts` by status; the bucket begins at `start` and ends where the next begins."""

    start: datetime
    counts: Mapping[str, int]

    @property
    def total(self) -> int:
        return sum(self.counts.values())


@dataclass(frozen=True)
class Block:
    x: float
    y: float
    width: float
    height: float
    status: str


@dataclass(frozen=True)
class Bar:
    """One bucket's blocks. `sign`: the worst that is in it and asks for a look, drawn in the middle of its top."""

    middle: float
    top: float
    bucket: Bucket
    blocks: Sequence[Block]
    sign: str


@dataclass(frozen=True)
class Bars:
    """`ground`: where the bars stand; `ceiling`: how far they reach, which stands for `top`."""

    height: int
    ceiling: int
    ground: int
    bars: Sequence[Bar]
    ticks: Sequence[Tick]
    top: int
    statuses: Sequence[str]  # those that are there, in the order of the legend

    @property
    def is_empty(self) -> bool:
        return not self.statuses


def stacked(
    buckets: Sequence[Bucket], *, step: timedelta = timedelta(hours=1), zone: tzinfo = UTC, height: int = 120
) -> Bars:
    """The drawing of some buckets of that length, oldest first. A block that counts anything is at least 1 high."""
    top = round_up(max((bucket.total for bucket in buckets), default=0))
    width = 100 / max(len(buckets), 1)
    bars = [_bar(bucket, width * place, width, height, top) for place, bucket in enumerate(buckets)]
    labels = ticks(buckets[0].start, buckets[-1].start + step, zone=zone) if buckets else []
    seen = {status for bucket in buckets for status, count in bucket.counts.items() if count}
    statuses = [status for status in ORDER if status in seen]
    ground = ROOM_ABOVE + height
    return Bars(ground + ROOM_BELOW, ROOM_ABOVE, ground, bars, labels, top, statuses)


def round_up(most: int) -> int:
    """The next 1, 2 or 5 times a power of ten: what an axis ends with."""
    if most <= 1:
        return 1
    power: int = 10 ** int(log10(most))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= most)


def _bar(bucket: Bucket, x: float, width: float, height: int, top: int) -> Bar:
    blocks = _blocks(bucket, x, width * FILLED, height, top)
    sign = next((status for status in LOUD if bucket.counts.get(status)), "")
    summit = blocks[-1].y if blocks else float(ROOM_ABOVE + height)
    return Bar(round(x + width * FILLED / 2, 2), summit, bucket, blocks, sign)


def _blocks(bucket: Bucket, x: float, width: float, height: int, top: int) -> list[Block]:
    blocks, ground = [], float(ROOM_ABOVE + height)
    for status in ORDER:
        if count := bucket.counts.get(status, 0):
            tall = max(1.0, height * count / top)
            ground -= tall
            share = SLIM_SHARE if status == SLIM else 1.0
            left = x + width * (1 - share) / 2
            blocks.append(Block(round(left, 2), round(ground, 2), round(width * share, 2), round(tall, 2), status))
    return blocks
