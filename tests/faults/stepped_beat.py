"""The service's Celery application in a process whose clock can be put wrong from outside.

SIGUSR1 puts the process's clock an hour ahead of where it is, SIGUSR2 an hour back. Use: celery -A this beat.
"""

import signal
import time
from typing import Any

import time_machine

from scheduler_project.celery import app

__all__ = ["app"]

STEP_SECONDS = 3600.0
_steps: list[time_machine.travel] = []


def _step(number: int, _frame: Any) -> None:
    travel = time_machine.travel(time.time() + (STEP_SECONDS if number == signal.SIGUSR1 else -STEP_SECONDS), tick=True)
    travel.start()
    _steps.append(travel)


signal.signal(signal.SIGUSR1, _step)
signal.signal(signal.SIGUSR2, _step)
