"""How long the last runs of a job took, one dot each, with the line beyond which an alert is raised."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from executions.models import JobExecution

HEIGHT, ROOM_ABOVE, ROOM_BELOW = 140, 16, 6
HEADROOM = 1.15


@dataclass(frozen=True)
class Dot:
    """`x` in percent of the width, `y` in pixels."""

    x: float
    y: float
    execution: JobExecution


@dataclass(frozen=True)
class Durations:
    """`threshold_y`: None where the threshold is far above everything that happened."""

    height: int
    ceiling: int
    ground: int
    top: timedelta  # what `ceiling` stands for
    dots: Sequence[Dot]
    threshold: timedelta
    threshold_y: float | None


def durations(executions: Sequence[JobExecution], *, threshold: timedelta) -> Durations:
    """`executions`: newest first; those that did not run are left out."""
    ran = [run for run in reversed(executions) if run.duration is not None]
    longest = max((run.duration for run in ran if run.duration), default=timedelta())
    is_near = bool(longest) and threshold <= longest * 2
    top = (max(longest, threshold) if is_near else longest) * HEADROOM or timedelta(seconds=1)
    step = 100 / max(len(ran), 1)
    dots = [Dot(round(step * (place + 0.5), 2), _y(run.duration, top), run) for place, run in enumerate(ran)]
    ground = ROOM_ABOVE + HEIGHT
    threshold_y = _y(threshold, top) if is_near else None
    return Durations(ground + ROOM_BELOW, ROOM_ABOVE, ground, top, dots, threshold, threshold_y)


def _y(value: timedelta | None, top: timedelta) -> float:
    return round(ROOM_ABOVE + HEIGHT * (1 - (value or timedelta()) / top), 1)
