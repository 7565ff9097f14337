"""The ledger's months: made ahead, on demand for a due time long past, never a default partition."""

import uuid
from collections.abc import Iterable
from datetime import UTC, datetime

from django.db import connection, transaction

from executions import ids
from jobs.clock import database_now

LEDGER = "executions_jobexecution"
MONTHS_AHEAD = 3


def ensure(months: Iterable[tuple[int, int]]) -> list[str]:
    """Make the partitions of these (year, month) pairs that are missing; return their names.

    A month is made apart and then attached, which does not block reads and writes of the other months.
    """
    missing = _missing(months)
    if not missing:
        return []
    with transaction.atomic(), connection.cursor() as cursor:
        # One at a time: two beats may come here at once.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [LEDGER])
        made = _missing(missing)
        for year, month in made:
            name, low, high = _name(year, month), ids.floor(_first(year, month)), ids.floor(_first(*_next(year, month)))
            cursor.execute(f"CREATE TABLE {name} (LIKE {LEDGER} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)")
            cursor.execute(f"ALTER TABLE {LEDGER} ATTACH PARTITION {name} FOR VALUES FROM ('{low}') TO ('{high}')")
    return [_name(*month) for month in made]


def ensure_ahead() -> list[str]:
    """Make this month, by the database's clock, and the next ones."""
    months = [month_of(database_now())]
    for _ahead in range(MONTHS_AHEAD):
        months.append(_next(*months[-1]))
    return ensure(months)


def month_of(at: datetime) -> tuple[int, int]:
    at = at.astimezone(UTC)
    return at.year, at.month


def month_of_id(execution_id: uuid.UUID) -> tuple[int, int]:
    return month_of(ids.instant(execution_id))


def _missing(months: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    names = {_name(*month): month for month in months}
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM unnest(%s::text[]) AS name WHERE to_regclass(name) IS NULL", [list(names)])
        return sorted(names[name] for (name,) in cursor.fetchall())


def _name(year: int, month: int) -> str:
    return f"{LEDGER}_{year:04d}_{month:02d}"


def _first(year: int, month: int) -> datetime:
    return datetime(year, month, 1, tzinfo=UTC)


def _next(year: int, month: int) -> tuple[int, int]:
    return (year + month // 12, month % 12 + 1)
