"""Rounds in which each side runs once, and what their figures come to."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TypeVar

T = TypeVar("T")


def interleaved(sides: Mapping[str, Callable[[], T]], rounds: int) -> dict[str, list[T]]:
    """Each side once a round, every second round in the other order: what drifts on the machine meets all alike."""
    found: dict[str, list[T]] = {name: [] for name in sides}
    for number in range(rounds):
        for name in list(sides) if number % 2 == 0 else reversed(list(sides)):
            found[name].append(sides[name]())
    return found


@dataclass(frozen=True)
class Spread:
    """The median of some figures, and how far they lie apart."""

    median: float
    least: float
    most: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Raises ValueError of none."""
        return cls(median(values), min(values), max(values), len(values))

    def __str__(self) -> str:
        """One figure stands alone: it has no spread."""
        if self.count == 1:
            return rounded(self.median)
        return f"{rounded(self.median)} ({rounded(self.least)}-{rounded(self.most)})"


def ratios(slower: Sequence[float], faster: Sequence[float]) -> Spread:
    """How many times as long the one takes, round by round."""
    return Spread.of([slow / fast for slow, fast in zip(slower, faster, strict=True)])


def rounded(value: float) -> str:
    """Three digits are as many as a machine repeats."""
    return f"{value:,.{2 if abs(value) < 10 else 1 if abs(value) < 100 else 0}f}"
