"""How often something has happened in this minute, hour or day, counted by all web processes in the broker's Valkey.

Where Valkey is away nothing is counted and nobody is refused: a limit must not be what an outage takes down.
"""

import hashlib
import logging
import math
import time
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.conf import settings
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from scheduler_project.identity.rates import Rate

logger = logging.getLogger(__name__)

PREFIX = "schedulerservice:rate"
ANSWER_SECONDS = 0.25
# A server that has just not answered is not asked again by every request.
PAUSE_SECONDS = 10.0
# An address that redis-py cannot use for one of these reasons is as good as none.
AWAY = (RedisError, OSError, ValueError, TypeError)

_away_until = float("-inf")


@dataclass(frozen=True)
class Count:
    number: int
    seconds_left: int  # until the next period begins


def add(key: str, rate: Rate) -> Count:
    """One more, and how many there are now in the period of the rate."""
    return _asked(key, rate, increment=1)


def look(key: str, rate: Rate) -> Count:
    return _asked(key, rate, increment=0)


def of_text(text: str) -> str:
    """A part of a key made of what somebody typed: short, and not readable in the store."""
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:32]


def _asked(key: str, rate: Rate, *, increment: int) -> Count:
    period, passed = divmod(time.time(), rate.seconds)
    left = math.ceil(rate.seconds - passed)
    name = f"{PREFIX}:{key}:{rate.seconds}:{period:.0f}"
    return Count(_number(name, increment, seconds_to_keep=2 * rate.seconds), left)


def _number(name: str, increment: int, *, seconds_to_keep: int) -> int:
    global _away_until  # noqa: PLW0603 - a fact about the server, the same for every caller in this process
    if time.monotonic() < _away_until:
        return 0
    try:
        with _store(settings.CELERY_BROKER_URL).pipeline(transaction=False) as together:
            together.set(name, 0, ex=seconds_to_keep, nx=True)
            together.incrby(name, increment)
            return int(together.execute()[1])
    except AWAY as fault:
        _away_until = time.monotonic() + PAUSE_SECONDS
        logger.warning("Requests are not counted, no limit holds: %s", fault)
        return 0


@cache
def _store(url: str) -> Any:
    """One for the process: Django's caches would open a connection for each request's thread."""
    # kombu's name for a socket file, and redis-py's.
    readable = url.replace("redis+socket://", "unix://", 1).replace("virtual_host=", "db=", 1)
    return Redis.from_url(
        readable, socket_timeout=ANSWER_SECONDS, socket_connect_timeout=ANSWER_SECONDS, retry=Retry(NoBackoff(), 0)
    )
