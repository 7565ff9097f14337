"""One turn of the schedule: everything that must be done every moment, whoever's clock says that it is time."""

import logging
import time
from collections.abc import Callable

from django.db import Error

from executions import accounting, bell, control, dispatch, partitions, rescue, watch
from executions.alerts import pruning
from executions.bell import BROKER_ERRORS
from executions.lease import Lease
from executions.notices import outbox
from executions.rollups import background
from jobs.models import ScheduledJob

logger = logging.getLogger(__name__)

_last_done: dict[str, float] = {}


def take(lease: Lease | None = None) -> int:
    """Fire what is due, free what is held, ring what was not heard; return how many due times were settled.

    `lease`: of the beat that leads. Without one, as when a stock scheduler rings, the due times' own keys still leave
    each with one row. Raises Deposed.
    """
    fired = dispatch.fire_due(lease.renew) if lease else dispatch.fire_due()
    dispatch.release_held()
    dispatch.admit_retries()
    bell.relay()
    _every(5, _relay_lost)
    _every(5, _stop_deaf)
    _every(5, control.miss_late_starts)  # the claim refuses from the deadline on; this says so in the ledger
    _every(5, ScheduledJob.resume_elapsed)
    _every(5, _rescue)
    _every(3_600, partitions.ensure_ahead)
    _every(3_600, accounting.check_in_background)
    _every(3_600, outbox.prune)
    _every(3_600, pruning.prune)
    _every(60, background.fold_in_background)
    return fired


def name(action: Callable[[], object]) -> str:
    return f"{action.__module__}.{action.__qualname__}"


def _rescue() -> None:
    if watch.seconds() >= rescue.WATCHED_FOR_SECONDS:
        rescue.close_lost()


def _relay_lost() -> None:
    try:
        bell.relay_lost()
    except BROKER_ERRORS as fault:
        logger.warning("The broker cannot be asked for lost messages: %s", fault)


def _stop_deaf() -> None:
    try:
        control.stop_deaf()
    except BROKER_ERRORS as fault:
        logger.warning("The broker cannot pass on that runs are to be ended: %s", fault)


def _every(seconds: float, action: Callable[[], object]) -> None:
    """Do it when this process last did so `seconds` ago or longer. What goes wrong in it does not end the turn."""
    if time.monotonic() - _last_done.get(name(action), float("-inf")) < seconds:
        return
    _last_done[name(action)] = time.monotonic()
    try:
        action()
    except Error:
        raise
    except Exception:
        logger.exception("%s failed; it is tried again in %s s.", name(action), seconds)
