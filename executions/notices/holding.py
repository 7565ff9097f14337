"""A message stays in the hands of the process that sends it, however long the other side takes."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import Error, connection

from executions.notices import parcels
from executions.notices.parcels import Parcel

logger = logging.getLogger(__name__)

RENEW_SECONDS = parcels.CLAIM.total_seconds() / 3


@contextmanager
def held(parcel: Parcel, *, every_seconds: float = RENEW_SECONDS) -> Iterator[None]:
    """Its claim is renewed until the end of this block, or of this process."""
    is_over = threading.Event()
    threading.Thread(target=_renew, args=[parcel, every_seconds, is_over], name="claim", daemon=True).start()
    try:
        yield
    finally:
        is_over.set()


def _renew(parcel: Parcel, every_seconds: float, is_over: threading.Event) -> None:
    while not is_over.wait(every_seconds):
        try:
            parcels.renew(parcel)
        except Error as fault:
            logger.warning("The claim of message %s could not be renewed: %s", parcel.message_id, fault)
        finally:
            connection.close()
