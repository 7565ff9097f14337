"""A year of days as a calendar: one square a day, coloured by the worst that happened, a column for each week."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

WEEKS, CELL, GAP, TOP = 53, 18, 4, 16  # of which the heights are in pixels
WIDTH, FILLED = 100 / WEEKS, 0.82  # of a week, in percent
# The worst first: what a day is coloured by.
WORST = ("Failed", "Missed", "Cancelled", "Skipped", "Completed")


@dataclass(frozen=True)
class Square:
    x: float
    y: int
    day: date
    counts: Mapping[str, int]
    status: str  # "none" when nothing ended that day


@dataclass(frozen=True)
class Calendar:
    height: int
    squares: Sequence[Square]
    months: Sequence[tuple[float, date]]  # where each begins
    cell: int = CELL
    width: float = round(WIDTH * FILLED, 2)


def calendar(days: Mapping[date, Counter[str]], *, today: date) -> Calendar:
    """The 53 weeks up to today, each from Monday on."""
    monday = today - timedelta(days=today.weekday())
    first = monday - timedelta(weeks=WEEKS - 1)
    shown = [first + timedelta(days=number) for number in range((today - first).days + 1)]
    squares = [_square(day, first, days.get(day, Counter())) for day in shown]
    months = [(square.x, square.day) for square in squares if square.day.day <= 7 and square.day.weekday() == 0]
    return Calendar(TOP + 7 * (CELL + GAP), squares, months)


def _square(day: date, first: date, counts: Counter[str]) -> Square:
    week, weekday = divmod((day - first).days, 7)
    status = next((each for each in WORST if counts[each]), "none")
    return Square(round(week * WIDTH, 2), TOP + weekday * (CELL + GAP), day, dict(+counts), status)
