"""Folding in a thread of its own, for the beat that cannot wait for it."""

import logging
import threading

from django.db import connection

from executions.rollups.folding import fold

logger = logging.getLogger(__name__)

_under_way = threading.Lock()


def fold_in_background() -> threading.Thread | None:
    """It never raises. None: one is under way in this process."""
    if not _under_way.acquire(blocking=False):
        return None
    thread = threading.Thread(target=_fold_and_tell, name="rollups", daemon=True)
    try:
        thread.start()
    except RuntimeError as fault:  # the machine has no thread left
        logger.error("What has ended cannot be counted now: %s", fault)
        _under_way.release()
        return None
    return thread


def _fold_and_tell() -> None:
    try:
        fold()
    except Exception:  # whatever it is: the next minute's folding goes on from the same place
        logger.exception("What has ended could not be counted; it is tried again in a minute.")
    finally:
        connection.close()
        _under_way.release()
