"""Rows of the services' log, a good part of them older than ninety days (OKLA.md §1.5)."""

import json
from collections.abc import Iterator
from datetime import date

from scheduler_project.demo.rows.drawing import Chance, Load, Row, days_before

KEPT_DAYS = 90
OLD, OLD_OVER_DAYS = 2_500, 10
RECENT = 3_500
# On each further day: yesterday's, and ones of the day that has just become too old.
NEW_A_DAY, TOO_OLD_A_DAY = 40, 100
COLUMNS = ("Timestamp", "Level", "Service", "Message", "Exception", "Properties")
SERVICES = ("vehiclessaleservice", "authservice", "userservice", "mediaservice", "billingservice", "gateway")
MESSAGES = (
    ("Information", "Request finished in {ms} ms", ""),
    ("Information", "Cache refreshed: {count} entries", ""),
    ("Warning", "Slow query took {ms} ms", ""),
    ("Warning", "Upstream answered 429, waiting {count} s", ""),
    ("Error", "Image {count} could not be resized", "System.OutOfMemoryException: Array dimensions exceeded"),
    ("Error", "Payment was declined after {ms} ms", "Stripe.StripeException: Your card was declined."),
    ("Error", "No answer from the queue within {ms} ms", "System.TimeoutException: The operation has timed out."),
    ("Critical", "Connection pool is exhausted", "Npgsql.NpgsqlException: The connection pool has been exhausted"),
)
WEIGHTS = (40, 20, 12, 8, 7, 5, 6, 2)


def first(day: date) -> Iterator[Load]:
    chance = Chance("logs", day)
    oldest = KEPT_DAYS + OLD_OVER_DAYS
    old = (days_before(day, chance.randint(KEPT_DAYS + 1, oldest)) for _ in range(OLD))
    recent = (days_before(day, chance.randint(1, KEPT_DAYS - 1)) for _ in range(RECENT))
    days = sorted([*old, *recent])  # as a log grows: its ids follow its time
    yield Load("Logs", COLUMNS, (_line(chance, each) for each in days))


def further(day: date) -> Iterator[Load]:
    chance = Chance("further logs", day)
    days = [days_before(day, KEPT_DAYS + 1)] * TOO_OLD_A_DAY + [days_before(day, 1)] * NEW_A_DAY
    yield Load("Logs", COLUMNS, (_line(chance, each) for each in days))


def _line(chance: Chance, day: date) -> Row:
    ((level, message, exception),) = chance.choices(MESSAGES, WEIGHTS)
    facts = {"ms": chance.randint(3, 30_000), "count": chance.randint(1, 900)}
    properties = json.dumps({"correlationId": str(chance.guid()), "endpoint": f"/api/{chance.choice(SERVICES)[:4]}"})
    text = message.format(**facts)
    return (chance.within(day), level, chance.choice(SERVICES), text, exception or None, properties)
