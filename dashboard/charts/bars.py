"""Stacked bars over time: how many runs ended in each way in each bucket, with the table behind the drawing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil, log10

# From the ground up: what went well lies at the bottom, what needs a look on top of it.
ORDER = ("Completed", "Running", "Queued", "Cancelled", "Skipped", "Missed", "Failed")
LABEL_WIDTH = 60


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
    """One bucket's blocks, and the strip of the drawing over which its words are shown."""

    x: float
    width: float
    bucket: Bucket
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Tick:
    x: float
    at: datetime


@dataclass(frozen=True)
class Bars:
    width: int
    height: int
    bars: Sequence[Bar]
    ticks: Sequence[Tick]
    top: int  # what the full height stands for
    statuses: Sequence[str]  # those that are there, in the order of the legend

    @property
    def is_empty(self) -> bool:
        return not self.statuses


def stacked(buckets: Sequence[Bucket], *, width: int = 720, height: int = 120) -> Bars:
    """The drawing of some buckets of equal length, oldest first. A block that counts anything is at least 1 high."""
    top = round_up(max((bucket.total for bucket in buckets), default=0))
    step = width / max(len(buckets), 1)
    gap = min(2.0, step / 5)
    bars = [
        Bar(step * place, step, bucket, _blocks(bucket, step * place, step - gap, height, top))
        for place, bucket in enumerate(buckets)
    ]
    every = max(1, ceil(LABEL_WIDTH / step))
    ticks = [Tick(step * place, bucket.start) for place, bucket in enumerate(buckets) if place % every == 0]
    seen = {status for bucket in buckets for status, count in bucket.counts.items() if count}
    return Bars(width, height, bars, ticks, top, [status for status in ORDER if status in seen])


def round_up(most: int) -> int:
    """The next 1, 2 or 5 times a power of ten: what an axis ends with."""
    if most <= 1:
        return 1
    power: int = 10 ** int(log10(most))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= most)


def _blocks(bucket: Bucket, x: float, width: float, height: int, top: int) -> list[Block]:
    blocks, ground = [], float(height)
    for status in ORDER:
        if count := bucket.counts.get(status, 0):
            tall = max(1.0, height * count / top)
            ground -= tall
            blocks.append(Block(round(x, 2), round(ground, 2), round(width, 2), round(tall, 2), status))
    return blocks
