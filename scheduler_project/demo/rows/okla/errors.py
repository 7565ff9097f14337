"""ErrorService's log (OKLA.md §1.5)."""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

from scheduler_project.demo.rows import logs
from scheduler_project.demo.rows.drawing import Chance, Load

STATUS_CODES = (None, 400, 404, 409, 500, 500, 502, 504)


def first(day: date) -> Iterator[Load]:
    yield _of(logs.first(day), Chance("okla errors", day))


def further(day: date) -> Iterator[Load]:
    yield _of(logs.further(day), Chance("further okla errors", day))


def _of(loads: Iterable[Load], chance: Chance) -> Load:
    return Load.of("error_logs", [_error(row, chance) for load in loads for row in load.named])


def _error(row: dict[str, Any], chance: Chance) -> dict[str, Any]:
    exception = row["Exception"]
    return {
        "id": chance.guid(),
        "service_name": row["Service"],
        "exception_type": exception.partition(":")[0] if exception else "CarDealer.Shared.DomainException",
        "message": row["Message"],
        "stack_trace": f"{exception}\n   at CarDealer.Handler.Handle()" if exception else None,
        "occurred_at": row["Timestamp"],
        "endpoint": f"/api/{row['Service'][:4]}",
        "http_method": chance.choice(("GET", "POST", None)),
        "status_code": chance.choice(STATUS_CODES),
        "metadata": row["Properties"],
        "created_at": row["Timestamp"],
    }
