"""What others notice of a job at work: how long it keeps locks, and how long somebody waits who wants the same row."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import psycopg

from benchmarks.heavy.cases import Case
from benchmarks.heavy.neighbours import Neighbours

WATCH_EVERY_SECONDS, MEET_EVERY_SECONDS = 0.01, 0.02
NEXT_ROWS = 50
# Whoever may write to a table just now, in any database, and since when his transaction lasts.
HOLDERS = b"""
SELECT clock_timestamp(), pid, xact_start, query FROM (VALUES (1)) AS once LEFT JOIN (
    SELECT DISTINCT pid, xact_start, query FROM pg_stat_activity JOIN pg_locks USING (pid)
    WHERE backend_type = 'client backend' AND application_name <> 'benchmark' AND mode = 'RowExclusiveLock' AND granted
        AND xact_start IS NOT NULL
) AS holders ON TRUE
"""


@dataclass
class Watcher:
    """Looks every 10 ms. A transaction counts until the first look that did not find it any more: never too short."""

    connection: psycopg.Connection[Any]
    longest: timedelta = timedelta()
    statement: str = ""  # what was last seen in the longest one
    _seen: dict[tuple[int, datetime], str] = field(default_factory=dict)  # process and begin -> statement

    def look(self) -> None:
        found = self.connection.execute(HOLDERS).fetchall()
        now, holders = found[0][0], {(pid, since): query for _now, pid, since, query in found if pid}
        for holder in self._seen.keys() - holders.keys():
            if (lasted := now - holder[1]) > self.longest:
                self.longest, self.statement = lasted, self._seen[holder]
        self._seen = holders

    def work(self, is_over: threading.Event) -> None:
        while not is_over.wait(WATCH_EVERY_SECONDS):
            self.look()
        self.look()


@dataclass
class Passer:
    """Writes to one of the rows that come next, again and again, and changes nothing; `longest` is how long that took.

    Without waiting for the disk: the time is that of the lock, and the job does not miss a row for it.
    """

    connection: psycopg.Connection[Any]
    case: Case
    longest: float = 0.0
    _place: Any = None

    def meet(self) -> None:
        behind = f"{self.case.order} >= %(place)s" if self._place is not None else "TRUE"
        query = (
            f'SELECT "Id", {self.case.order} FROM {self.case.table} WHERE {self.case.due} AND {behind}'
            f" ORDER BY {self.case.order} LIMIT {NEXT_ROWS}"
        )
        rows = self.connection.execute(query.encode(), {"place": self._place}).fetchall()
        if not rows:
            return
        self._place = rows[0][1]
        began = time.perf_counter()
        self.connection.execute(
            f'UPDATE {self.case.table} SET {self.case.touched} = {self.case.touched} WHERE "Id" = %s'.encode(),
            [random.choice(rows)[0]],
        )
        self.longest = max(self.longest, time.perf_counter() - began)

    def work(self, is_over: threading.Event) -> None:
        self.connection.execute("SET synchronous_commit = off")
        while not is_over.wait(MEET_EVERY_SECONDS):
            self.meet()


@dataclass
class Noticed:
    """In seconds; known once the `with` is over."""

    longest_lock: float = 0.0
    longest_wait: float = 0.0
    longest_statement: str = ""


@contextmanager
def watching(neighbours: Neighbours, case: Case) -> Iterator[Noticed]:
    """Others are there from the beginning to the end of the `with`."""
    noticed, is_over = Noticed(), threading.Event()
    with neighbours.connect(case.service) as first, neighbours.connect(case.service) as second:
        watcher, passer = Watcher(first), Passer(second, case)
        with _threads(is_over, watcher.work, passer.work):
            yield noticed
    noticed.longest_lock = watcher.longest.total_seconds()
    noticed.longest_wait, noticed.longest_statement = passer.longest, watcher.statement


@contextmanager
def _threads(is_over: threading.Event, *work: Callable[[threading.Event], None]) -> Iterator[None]:
    with ThreadPoolExecutor(len(work)) as threads:
        at_work = [threads.submit(each, is_over) for each in work]
        try:
            yield
        finally:
            is_over.set()
        for each in at_work:
            each.result()
