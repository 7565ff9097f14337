"""AuthService's tokens with the users that they belong to (OKLA.md §1.2)."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from jobs import business_days
from scheduler_project.demo.rows import tokens
from scheduler_project.demo.rows.drawing import Load
from scheduler_project.demo.rows.people import everybody

ADDRESS = "10.0.0.7"


def first(day: date) -> Iterator[Load]:
    joined = business_days.begin_of(day)
    yield Load.of(
        "Users", [{"Id": str(person.id), "Email": person.email, "CreatedAt": joined} for person in everybody()]
    )
    yield from _widened_loads(tokens.first(day))


def further(day: date) -> Iterator[Load]:
    yield from _widened_loads(tokens.further(day))


def _widened_loads(loads: Iterator[Load]) -> Iterator[Load]:
    for load in loads:
        widen = _refresh if load.table == "RefreshTokens" else _verification
        yield Load.of(load.table, [widen(row) for row in load.named])


def _refresh(row: dict[str, Any]) -> dict[str, Any]:
    is_revoked = row["RevokedAt"] is not None
    return {**row, "CreatedByIp": ADDRESS, "RevokedReason": "Replaced by new token" if is_revoked else None}


def _verification(row: dict[str, Any]) -> dict[str, Any]:
    owner = next(person for person in everybody() if person.email == row["Email"])
    return {**row, "UserId": str(owner.id), "UsedAt": row["CreatedAt"] if row["IsUsed"] else None}
