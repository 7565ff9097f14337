"""The ledger's months: made ahead, on demand for a due time long past, never a default partition."""

import uuid
from collections.abc import Iterable
from datetime import UTC, datetime

from django.db import connection

from executions import ids

LEDGER = "executions_jobexecution"
MONTHS_AHEAD = 3


def ensure(months: Iterable[tuple[int, int]]) -> list[str]:
    """Make the partitions of these (year, month) pairs that are missing; return their names.

    A month is made apart and then attached, which does not block reads and writes of the other months.
    """
    made = []
    with connection.cursor() as cursor:
        for year, month in sorted(set(months)):
            name = f"{LEDGER}_{year:04d}_{month:02d}"
            cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [name])
            if cursor.fetchone()[0]:
                continue
            # One at a time: two beats may come here at once.
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [LEDGER])
            cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [name])
            if cursor.fetchone()[0]:
                continue
            low, high = ids.floor(_first(year, month)), ids.floor(_first(*_next(year, month)))
            cursor.execute(f"CREATE TABLE {name} (LIKE {LEDGER} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)")
            cursor.execute(f"ALTER TABLE {LEDGER} ATTACH PARTITION {name} FOR VALUES FROM ('{low}') TO ('{high}')")
            made.append(name)
    return made


def ensure_ahead(now: datetime) -> list[str]:
    """Make this month and the next ones."""
    months = [month_of(now)]
    for _ahead in range(MONTHS_AHEAD):
        months.append(_next(*months[-1]))
    return ensure(months)


def month_of(at: datetime) -> tuple[int, int]:
    at = at.astimezone(UTC)
    return at.year, at.month


def month_of_id(execution_id: uuid.UUID) -> tuple[int, int]:
    return month_of(ids.instant(execution_id))


def _first(year: int, month: int) -> datetime:
    return datetime(year, month, 1, tzinfo=UTC)


def _next(year: int, month: int) -> tuple[int, int]:
    return (year + month // 12, month % 12 + 1)
