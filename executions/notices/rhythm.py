"""When the next message may go: pauses after failures, digests of many, and a limit for each recipient. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 10.0, 900.0
JITTER = 0.1
# More than so many are told together, once no more have come for a while or the first has waited long enough.
MOST_SINGLY = 5
QUIET_FOR, LONGEST_WAIT = timedelta(seconds=10), timedelta(seconds=60)
# After so many messages within this time what comes next is collected for as long.
MOST_MESSAGES, WITHIN = 10, timedelta(minutes=10)


def pause_seconds(
    *, tries: int, waited_seconds: float, jitter: float = 0.0, wanted_seconds: float | None = None
) -> float:
    """How long a channel rests after a failure: twice as long each time, but not longer than a quarter of the outage.

    So it is asked often enough at first, and what waits is told soon after its return. `jitter` is -1..1;
    `wanted_seconds`: what the other side asks for, which is granted up to the longest pause.
    """
    doubled = FIRST_PAUSE_SECONDS * 2.0 ** min(max(tries, 1) - 1, 10)
    pause = min(doubled, max(FIRST_PAUSE_SECONDS, waited_seconds / 4), LONGEST_PAUSE_SECONDS)
    return max(pause * (1 + JITTER * jitter), min(wanted_seconds or 0.0, LONGEST_PAUSE_SECONDS))


@dataclass(frozen=True)
class Crowd:
    """What waits for a recipient: how many notices, and when the oldest and the newest of them were made."""

    count: int
    oldest: datetime
    newest: datetime


def count_to_tell(waiting: Crowd, *, told: Sequence[datetime], now: datetime) -> int:
    """How many of the notices that wait for a recipient the next message tells; 0: not yet.

    `told`: when the last messages to that recipient went, the newest first.
    """
    if is_flooded(told, now):
        return 0
    if _was_flooded(told):
        return waiting.count
    if waiting.count <= MOST_SINGLY:
        return min(waiting.count, 1)
    is_complete = now - waiting.newest >= QUIET_FOR or now - waiting.oldest >= LONGEST_WAIT
    return waiting.count if is_complete else 0


def is_flooded(told: Sequence[datetime], now: datetime) -> bool:
    """Whether the recipient has had so much that the next message must wait."""
    return _was_flooded(told) and now - told[0] < WITHIN


def _was_flooded(told: Sequence[datetime]) -> bool:
    return len(told) >= MOST_MESSAGES and told[0] - told[MOST_MESSAGES - 1] <= WITHIN
