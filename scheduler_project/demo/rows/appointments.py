"""Appointments of customers: past ones, tomorrow's without a reminder, later ones (OKLA.md §1.4)."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

from scheduler_project.demo.rows.drawing import Chance, Load, Row, days_before
from scheduler_project.demo.rows.people import (
    FIRST_NAMES,
    LAST_NAMES,
    MAIL_DOMAIN,
    NO_ADDRESS,
    NO_CONSENT_DOMAIN,
    mail_name,
)
from scheduler_project.demo.rows.vehicles import VARIANTS

TOMORROW, PAST, LATER = 12, 15, 12
TOMORROW_A_DAY = 9
FIRST_HOUR, LAST_HOUR = 8, 17
COLUMNS = (
    "Id", "ClientName", "ClientEmail", "ScheduledDate", "ScheduledTime", "VehicleDescription", "ReminderSent"
)  # fmt: skip
OCCASIONS = ("Prueba de manejo", "Entrega", "Cita de compra", "Revisión", "Evaluación")


def first(day: date) -> Iterator[Load]:
    chance = Chance("appointments", day)
    tomorrow = day + timedelta(days=1)
    rows = [
        *_of_tomorrow(chance, tomorrow, TOMORROW),
        _appointment(chance, tomorrow, is_reminded=True),
        *(
            _appointment(chance, days_before(day, chance.randint(1, 21)), is_reminded=number % 5 > 0)
            for number in range(PAST)
        ),
        *(_appointment(chance, tomorrow + timedelta(days=chance.randint(1, 14))) for _ in range(LATER)),
    ]
    yield Load("Appointments", COLUMNS, rows)


def further(day: date) -> Iterator[Load]:
    """Whoever called yesterday for tomorrow."""
    chance = Chance("further appointments", day)
    yield Load("Appointments", COLUMNS, _of_tomorrow(chance, day + timedelta(days=1), TOMORROW_A_DAY))


def _of_tomorrow(chance: Chance, tomorrow: date, count: int) -> list[Row]:
    """Without reminders; one of an address that is none, one of somebody who wants no e-mail."""
    odd = (NO_ADDRESS, f"{mail_name(chance.choice(FIRST_NAMES))}@{NO_CONSENT_DOMAIN}")
    return [
        *(_appointment(chance, tomorrow, email=email) for email in odd),
        *(_appointment(chance, tomorrow) for _ in range(count - len(odd))),
    ]


def _appointment(chance: Chance, day: date, *, email: str = "", is_reminded: bool = False) -> Row:
    first_name, last_name = chance.choice(FIRST_NAMES), chance.choice(LAST_NAMES)
    variant = chance.choice(VARIANTS)
    return (
        chance.guid(),
        f"{first_name} {last_name}",
        email or f"{mail_name(first_name, last_name)}{chance.randint(60, 99)}@{MAIL_DOMAIN}",
        datetime.combine(day, time(), UTC),  # how .NET keeps a date without a time
        time(chance.randint(FIRST_HOUR, LAST_HOUR), chance.choice((0, 30))),
        f"{chance.choice(OCCASIONS)}: {variant.model.make} {variant.model.name} {variant.year}",
        is_reminded,
    )
