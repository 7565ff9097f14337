"""The last outcomes of a job side by side, the newest on the right: how it has gone, in the height of a line."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dashboard.charts.signs import SLIM

WIDTH, GAP, HEIGHT, SHORTEST = 6, 2, 24, 4
ROOM_ABOVE = 8  # for a sign
SLIM_WIDTH = 2


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a run. `duration`: None if it did not run. A page has thousands of these, and models are slow."""

    status: str
    due_at: datetime
    duration: timedelta | None


@dataclass(frozen=True)
class Mark:
    x: int
    y: int
    width: int
    height: int
    execution: Outcome


@dataclass(frozen=True)
class Strip:
    width: int
    height: int
    marks: Sequence[Mark]


def strip(executions: Sequence[Outcome], *, places: int = 30) -> Strip:
    """`executions`: newest first. A mark is as tall as its run was long, beside the longest of them."""
    shown = list(reversed(executions[:places]))
    longest = max((run.duration for run in shown if run.duration), default=timedelta())
    offset = (places - len(shown)) * (WIDTH + GAP)
    marks = [_mark(offset + place * (WIDTH + GAP), run, longest) for place, run in enumerate(shown)]
    return Strip(places * (WIDTH + GAP) - GAP, HEIGHT, marks)


def _mark(x: int, run: Outcome, longest: timedelta) -> Mark:
    share = run.duration / longest if run.duration and longest else 0.0
    height = SHORTEST + round((HEIGHT - ROOM_ABOVE - SHORTEST) * share)
    width = SLIM_WIDTH if run.status == SLIM else WIDTH
    return Mark(x + (WIDTH - width) // 2, HEIGHT - height, width, height, run)
