"""One run: the stage, the load and the faults together, then rest, then the audit."""

import time
from collections.abc import Callable, Iterator, Sequence
from random import Random

from executions.models import OPEN, JobExecution
from tests.faults.delays import Course, while_alive
from tests.faults.load import Load
from tests.faults.schedule import Event
from tests.faults.stage import Stage, ask, node

POLL_SECONDS = 0.1
REST_SECONDS = 330.0
WIND_DOWN_SECONDS = 60.0


def play(stage: Stage, load: Load, events: Sequence[Event], length: float) -> float | None:
    """Play the events over `length` seconds, let the service come to rest, and stop it.

    Returns the seconds until it was at rest; None when it did not come to rest.
    """
    load.set_up()
    stage.watcher.pulse_job = load.pulse()
    stage.start_members()
    stage.began = time.time()
    stage.tell("both workers consume and a beat leads; the load and the faults begin")
    load.start()
    _perform(stage, events, length)
    load.stop()
    stage.tell("no more faults; the service is left to come to rest")
    _wait(stage, load.wind_down, WIND_DOWN_SECONDS)
    rested = _wait(stage, _is_at_rest, REST_SECONDS)
    stage.tell("at rest" if rested is not None else f"not at rest after {REST_SECONDS:.0f} s")
    stage.watcher.is_pulse_over = True
    _wait(stage, lambda: stage.watcher.is_pulse_at_rest, WIND_DOWN_SECONDS)
    stage.stop_members()
    return rested


def course(stage: Stage) -> Course:
    watcher = stage.watcher
    return Course(
        lives=stage.lives, freezes=while_alive(stage.freezes, stage.lives), outages=watcher.outages,
        pulses=watcher.pulses, leaders=watcher.leaders, deaths_of_children=stage.deaths_of_children,
        workers={node(member.name): member.name for member in stage.workers},
    )  # fmt: skip


def _perform(stage: Stage, events: Sequence[Event], length: float) -> None:
    waiting, going_on = list(events), list[tuple[float, Iterator[float]]]()
    began = time.monotonic()
    while waiting or going_on or time.monotonic() - began < length:
        stage.look_after()
        now = time.monotonic()
        while waiting and waiting[0].seconds <= now - began:
            event = waiting.pop(0)
            stage.faults[event.fault.name] = stage.faults.get(event.fault.name, 0) + 1
            going_on.append((now, event.fault.act(stage, Random(event.seed))))
        going_on = [_advanced(due, steps) if due <= now else (due, steps) for due, steps in going_on]
        going_on = [(due, steps) for due, steps in going_on if due is not None]
        time.sleep(POLL_SECONDS)


def _advanced(due: float, steps: Iterator[float]) -> tuple[float | None, Iterator[float]]:
    pause = next(steps, None)
    return None if pause is None else time.monotonic() + pause, steps


def _is_at_rest() -> bool:
    return bool(ask(lambda: not JobExecution.objects.filter(status__in=OPEN).exists(), False))


def _wait(stage: Stage, is_so: Callable[[], bool], seconds: float) -> float | None:
    """Look after the stage until it is so; the seconds that took, or None when it did not come."""
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        stage.look_after()
        if is_so():
            return time.monotonic() - began
        time.sleep(POLL_SECONDS)
    return None
