"""How long the last runs of a job took, one dot each, with the line beyond which an alert is raised."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from executions.models import JobExecution

WIDTH, HEIGHT = 1200, 140
HEADROOM = 1.15


@dataclass(frozen=True)
class Dot:
    x: float
    y: float
    execution: JobExecution


@dataclass(frozen=True)
class Durations:
    """`threshold_y`: None where the threshold is far above everything that happened."""

    width: int
    height: int
    top: timedelta  # what the full height stands for
    dots: Sequence[Dot]
    threshold: timedelta
    threshold_y: float | None


def durations(executions: Sequence[JobExecution], *, threshold: timedelta) -> Durations:
    """`executions`: newest first; those that did not run are left out."""
    ran = [run for run in reversed(executions) if run.duration is not None]
    longest = max((run.duration for run in ran if run.duration), default=timedelta())
    is_near = bool(longest) and threshold <= longest * 2
    top = (max(longest, threshold) if is_near else longest) * HEADROOM or timedelta(seconds=1)
    step = WIDTH / max(len(ran), 1)
    dots = [Dot(round(step * (place + 0.5), 1), _y(run.duration, top), run) for place, run in enumerate(ran)]
    return Durations(WIDTH, HEIGHT, top, dots, threshold, _y(threshold, top) if is_near else None)


def _y(value: timedelta | None, top: timedelta) -> float:
    return round(HEIGHT * (1 - (value or timedelta()) / top), 1)
