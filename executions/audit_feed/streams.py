"""A stream of things to tell: records in an order that nothing changes afterwards, and a position in it."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from django.db import connection

from jobs.gateways.audit import AuditEntry
from jobs.models import SYSTEM_USER_ID

# Between an event's instant and the first write of its transaction something may happen, but not for so long.
LAG = timedelta(seconds=30)
LONGEST_WAIT = timedelta(minutes=10)


@dataclass(frozen=True)
class Position:
    """The records up to this one are done with. `at`: its instant."""

    at: datetime
    key: str


@dataclass(frozen=True)
class Record:
    """`entry` makes what is told of it; whatever its row holds is met there."""

    position: Position
    entry: Callable[[], AuditEntry]


class Stream(Protocol):
    """A module of one. Instants are the database's."""

    def beginning(self, now: datetime) -> Position:
        """Behind all that has happened."""

    def after(self, position: Position, *, until: datetime, most: int) -> list[Record]:
        """The next ones, oldest first, of before `until`."""

    def caught_up(self, position: Position, until: datetime) -> Position:
        """Where to go on when there is no further record of before `until`."""

    def give_up(self, position: Position, before: datetime) -> tuple[int, Position]:
        """How many records of before that instant are there, and the position behind them."""


def horizon(lag: timedelta = LAG) -> datetime:
    """The instant from before which nothing can come any more: no transaction that might bring it is open.

    One that has been open for longer than LONGEST_WAIT is not waited for, nor one of an account that this one may not
    look at.
    """
    with connection.cursor() as cursor:
        cursor.execute(_HORIZON, {"lag": lag.total_seconds(), "longest": LONGEST_WAIT.total_seconds()})
        instant: datetime = cursor.fetchone()[0]
    return instant


def who(user_id: uuid.UUID | None) -> str:
    """The actor, for whom OKLA's services have a word when it is nobody (OKLA.md §3)."""
    return "system" if user_id in (None, SYSTEM_USER_ID) else str(user_id)


def resource(job_type: str) -> str:
    return f"scheduler.job.{job_type}"


_HORIZON = """
SELECT greatest(
    least(clock_timestamp() - %(lag)s * interval '1 second', min(xact_start)),
    clock_timestamp() - %(longest)s * interval '1 second')
FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND backend_xid IS NOT NULL
  AND pid <> pg_backend_pid()
"""
