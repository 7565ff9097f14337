"""One turn of the schedule: everything that must be done every moment, whoever's clock says that it is time."""

import logging
import time
from collections.abc import Callable

from executions import bell, dispatch, partitions
from executions.bell import BROKER_ERRORS
from jobs.models import ScheduledJob

logger = logging.getLogger(__name__)

_last_done: dict[str, float] = {}


def take() -> int:
    """Fire what is due, free what is held, ring what was not heard; return how many due times were settled."""
    _every(3_600, partitions.ensure_ahead)
    _every(5, ScheduledJob.resume_elapsed)
    fired = dispatch.fire_due()
    dispatch.release_held()
    bell.relay()
    _every(5, _relay_lost)
    return fired


def _relay_lost() -> None:
    try:
        bell.relay_lost()
    except BROKER_ERRORS as fault:
        logger.warning("The broker cannot be asked for lost messages: %s", fault)


def _every(seconds: float, action: Callable[[], object]) -> None:
    """Do it when this process last did so `seconds` ago or longer; a failed one counts as not done."""
    name = f"{action.__module__}.{action.__qualname__}"
    if time.monotonic() - _last_done.get(name, float("-inf")) >= seconds:
        action()
        _last_done[name] = time.monotonic()
