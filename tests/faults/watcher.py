"""Looks at the database all the time, by a connection of its own: who leads, how long the fire takes, when it is away.

The pulse is a job that is made due again and again: from then until beat has moved its next due time on, the schedule
stood still. What lies between is measured with a resolution of about a second, for beat looks once in a second.
"""

import threading
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg

LOOK_SECONDS = 0.1


@dataclass
class Outage:
    began: float
    ended: float | None = None


@dataclass
class Watcher(threading.Thread):
    url: str
    pulse_job: Any = None  # its id
    outages: list[Outage] = field(default_factory=list)
    pulses: list[tuple[float, float]] = field(default_factory=list)  # made due, fired
    leaders: list[tuple[float, int]] = field(default_factory=list)  # from when, process
    leader: int | None = None
    is_pulse_over: bool = False  # the wish, from another thread
    is_pulse_at_rest: bool = False  # it is over, and its last due time was fired

    def __post_init__(self) -> None:
        super().__init__(name="watcher", daemon=True)
        self._connection: psycopg.Connection[Any] | None = None
        self._due: tuple[float, datetime] | None = None
        self._is_over = threading.Event()

    def __hash__(self) -> int:
        return id(self)

    def run(self) -> None:
        while not self._is_over.wait(LOOK_SECONDS):
            try:
                self._look()
            except psycopg.errors.LockNotAvailable:
                continue
            except psycopg.Error:
                self._lose_connection()

    def stop(self) -> None:
        self._is_over.set()
        if self.is_alive():
            self.join(10)

    def _look(self) -> None:
        if self._connection is None:
            self._connection = psycopg.connect(self.url, autocommit=True, connect_timeout=2)
            self._connection.execute("SET lock_timeout = '1s'")
        self._look_for_leader(self._connection)
        if self.outages and self.outages[-1].ended is None:
            self.outages[-1].ended = time.time()
        self._feel_pulse(self._connection)

    def _look_for_leader(self, connection: psycopg.Connection[Any]) -> None:
        row = connection.execute(
            "SELECT process_id, expires_at > clock_timestamp() FROM executions_beatlease"
        ).fetchone()
        self.leader = row[0] if row and row[1] else None
        if self.leader and (not self.leaders or self.leaders[-1][1] != self.leader):
            self.leaders.append((time.time(), self.leader))

    def _feel_pulse(self, connection: psycopg.Connection[Any]) -> None:
        if self.pulse_job is None:
            return
        if self._due is None:
            if self.is_pulse_over:
                self.is_pulse_at_rest = True
                return
            row = connection.execute(
                "UPDATE jobs_scheduledjob SET next_execution_at = least(next_execution_at, clock_timestamp())"
                " WHERE id = %s RETURNING next_execution_at",  # earlier alone: a due time of its own is not passed over
                [self.pulse_job],
            ).fetchone()
            self._due = (time.time(), row[0]) if row else None
            return
        row = connection.execute(
            "SELECT next_execution_at > %s FROM jobs_scheduledjob WHERE id = %s", [self._due[1], self.pulse_job]
        ).fetchone()
        if row and row[0]:
            self.pulses.append((self._due[0], time.time()))
            self._due = None

    def _lose_connection(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if not self.outages or self.outages[-1].ended is not None:
            self.outages.append(Outage(time.time()))
