"""AppointmentService's appointments, of every status (OKLA.md §1.4)."""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

from jobs import business_days
from scheduler_project.demo.rows import appointments
from scheduler_project.demo.rows.drawing import Chance, Load

SCHEDULED, CONFIRMED, IN_PROGRESS, COMPLETED, CANCELLED, NO_SHOW, RESCHEDULED = range(7)
TO_COME = (SCHEDULED, CONFIRMED, RESCHEDULED)
# Nobody is to be reminded of these, whatever their day.
OTHERS = (IN_PROGRESS, COMPLETED, CANCELLED, NO_SHOW)
MINUTES = 60


def first(day: date) -> Iterator[Load]:
    yield Load.of("Appointments", [*_of(appointments.first(day), day), *_others_of_tomorrow(day)])


def further(day: date) -> Iterator[Load]:
    yield Load.of("Appointments", list(_of(appointments.further(day), day)))


def _of(loads: Iterable[Load], day: date) -> Iterator[dict[str, Any]]:
    for load in loads:
        for row in load.named:
            chance = Chance("okla appointment", row["Id"])
            is_past = row["ScheduledDate"].date() < day
            yield _widened(row, chance, chance.choice((COMPLETED, NO_SHOW) if is_past else TO_COME))


def _others_of_tomorrow(day: date) -> Iterator[dict[str, Any]]:
    chance = Chance("okla appointments of every status", day)
    rows = [row for load in appointments.further(day) for row in load.named]
    for status, row in zip(OTHERS, rows, strict=False):
        yield {**_widened(row, chance, status), "Id": chance.guid()}


def _widened(row: dict[str, Any], chance: Chance, status: int) -> dict[str, Any]:
    """A date is at midnight: in UTC mostly, and for some that came with a zone, of the Dominican Republic."""
    day, begins = row["ScheduledDate"], row["ScheduledTime"]
    if chance.is_so(0.3):
        day = business_days.begin_of(day.date())
    ends = datetime.combine(day.date(), begins, UTC) + timedelta(minutes=MINUTES)
    made = day - timedelta(days=9)
    return {
        "Id": row["Id"], "DealerId": chance.guid(), "CustomerId": chance.guid(), "CustomerName": row["ClientName"],
        "CustomerEmail": row["ClientEmail"], "Type": chance.randint(0, 6), "Status": status, "ScheduledDate": day,
        "StartTime": begins, "EndTime": ends.time(), "DurationMinutes": MINUTES,
        "VehicleDescription": row["VehicleDescription"],
        "ReminderSentAt": day - timedelta(hours=20) if row["ReminderSent"] else None,
        "CreatedAt": made, "UpdatedAt": made, "CreatedBy": chance.guid(),
    }  # fmt: skip
