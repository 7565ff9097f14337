"""UserService's users (OKLA.md §1.5)."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from jobs import business_days
from scheduler_project.demo.rows import people
from scheduler_project.demo.rows.drawing import Load


def first(day: date) -> Iterator[Load]:
    for load in people.first(day):
        yield Load.of(load.table, [_widened(row, day) for row in load.named])


def further(day: date) -> Iterator[Load]:
    """Nobody joins."""
    yield from ()


def _widened(row: dict[str, Any], day: date) -> dict[str, Any]:
    is_dealer = row["AccountType"] == "Dealer"
    return {
        **row,
        "DealerId": row["Id"] if is_dealer else None,
        "IsActive": True,
        "PreferredCurrency": "DOP",
        "CreatedAt": business_days.begin_of(day),
    }
