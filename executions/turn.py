"""One turn of the schedule: everything that must be done every moment, whoever's clock says that it is time."""

import logging
import time

from executions import bell, dispatch
from executions.bell import BROKER_ERRORS

logger = logging.getLogger(__name__)


RELAY_LOST_EVERY_SECONDS = 5.0
_lost_looked_at = -RELAY_LOST_EVERY_SECONDS


def take() -> int:
    """Fire what is due, free what is held, ring what was not heard; return how many due times were settled."""
    fired = dispatch.fire_due()
    dispatch.release_held()
    bell.relay()
    _relay_lost_sometimes()
    return fired


def _relay_lost_sometimes() -> None:
    global _lost_looked_at  # noqa: PLW0603 - when this process last looked
    if time.monotonic() - _lost_looked_at < RELAY_LOST_EVERY_SECONDS:
        return
    _lost_looked_at = time.monotonic()
    try:
        bell.relay_lost()
    except BROKER_ERRORS as fault:
        logger.warning("The broker cannot be asked for lost messages: %s", fault)
