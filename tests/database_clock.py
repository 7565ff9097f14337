"""Another time in the database, whose clock is the only one that decides what is due: months pass in a moment."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.db import connection

SET_UP = """
CREATE SCHEMA another_time;
CREATE FUNCTION another_time.clock_timestamp() RETURNS timestamptz VOLATILE LANGUAGE sql
    AS $$ SELECT current_setting('tests.now')::timestamptz $$;
CREATE FUNCTION another_time.statement_timestamp() RETURNS timestamptz STABLE LANGUAGE sql
    AS $$ SELECT current_setting('tests.now')::timestamptz $$;
SET LOCAL search_path = another_time, pg_catalog, public;
"""


class DatabaseClock:
    """It stands still until it is moved."""

    def __init__(self, now: datetime) -> None:
        self.move_to(now)

    def move_to(self, now: datetime) -> None:
        self.now = now
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('tests.now', %s, true)", [now.isoformat()])

    def advance(self, **span: float) -> datetime:
        self.move_to(self.now + timedelta(**span))
        return self.now


@contextmanager
def database_time(now: datetime) -> Iterator[DatabaseClock]:
    """Inside a test's transaction, which undoes it. The service's own SQL asks this clock without knowing."""
    assert connection.in_atomic_block
    with connection.cursor() as cursor:
        cursor.execute(SET_UP)
    yield DatabaseClock(now)
