"""The courier: sends what waits, outside of every transaction. Any number of processes may call it at once."""

import logging
import random
import time
from datetime import timedelta

from django.core.exceptions import ImproperlyConfigured
from django.db import Error

from executions.enums import Channel
from executions.notices import channels, holding, outbox, parcels, rhythm
from executions.notices.parcels import Parcel
from jobs.clock import database_now
from jobs.failpoints import failpoint
from jobs.gateways.errors import GatewayError, NotConfigured
from jobs.gateways.notifications import MessageRefused

logger = logging.getLogger(__name__)

# In this order: what hangs hangs the longest at the end.
CHANNELS = (Channel.WEBHOOK, Channel.ADMINISTRATORS, Channel.EMAIL)
# Of one channel in one call: the others, and what else the caller does, have their turn too.
MOST_SECONDS = 20.0
# A recipient's mailbox may be ill. When a second one cannot be reached either, and nobody was, it is the channel.
FAILURES_IN_A_ROW = 2


def deliver() -> int:
    """Send what is due on every channel; return how many messages went out.

    What could not be sent stays, and says why. Raises the database's errors.
    """
    if not parcels.are_any_due():
        return 0
    return deliver_tests() + sum(_serve(channel) for channel in CHANNELS)


def deliver_tests() -> int:
    """Send the tests that wait, on every channel. One that works wakes what waits for it."""
    sent = 0
    for channel in CHANNELS:
        while parcel := parcels.claim_test(channel):
            if fault := _send(parcel):
                parcels.refused(parcel, str(fault))
            else:
                sent += 1
                outbox.wake(channel)
    return sent


def _serve(channel: Channel) -> int:
    sent = failures = 0
    until = time.monotonic() + MOST_SECONDS
    while time.monotonic() < until and failures < FAILURES_IN_A_ROW and (parcel := parcels.claim(channel)):
        fault = _send(parcel)
        if fault is None:
            sent, failures = sent + 1, 0
        elif isinstance(fault, MessageRefused):  # that one is at fault: others may well be taken
            failures = 0
            parcels.refused(parcel, str(fault))
            logger.warning("A message on the channel %s can never be sent: %s", channel.value, fault)
        else:
            failures += 1
            _put_off(parcel, fault, is_channel=failures == FAILURES_IN_A_ROW and not sent)
    return sent


def _send(parcel: Parcel) -> GatewayError | None:
    """Send it and mark it as sent; or why it did not go."""
    failpoint("notices.after_claim")
    try:
        with holding.held(parcel):
            channels.send(parcel)
    except GatewayError as fault:
        return fault
    except ImproperlyConfigured as fault:
        return GatewayError(str(fault), permanent=True)
    except Error:
        raise
    except Exception as fault:  # whatever it is: the next one may be sent, and this one is not lost
        logger.exception("The message %s could not be sent.", parcel.message_id)
        return GatewayError(f"{type(fault).__name__}: see the log", is_uncertain=True)
    failpoint("notices.before_mark")
    parcels.told(parcel)
    return None


def _put_off(parcel: Parcel, fault: GatewayError, *, is_channel: bool) -> None:
    if isinstance(fault, NotConfigured) and parcel.channel == Channel.WEBHOOK:
        parcels.refused(parcel, str(fault))  # there was one once
        return
    seconds = rhythm.pause_seconds(
        tries=parcel.tries,
        waited_seconds=(database_now() - parcel.oldest_at).total_seconds(),
        jitter=random.uniform(-1, 1),  # noqa: S311 - spreads load, guards nothing
        wanted_seconds=getattr(fault, "retry_after_seconds", None),
    )
    logger.warning("The channel %s told nobody, again in %.0f s: %s", parcel.channel.value, seconds, fault)
    pause = timedelta(seconds=seconds)
    parcels.failed(parcel, str(fault), may_be_told=fault.is_uncertain, pause=pause)
    if is_channel:
        parcels.rest(parcel.channel, str(fault), pause=pause)
