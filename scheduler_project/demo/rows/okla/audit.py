"""AuditService's two logs, which are archived and never deleted (OKLA.md §1.5)."""

import json
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from scheduler_project.demo.rows.drawing import Chance, Load, days_before
from scheduler_project.demo.rows.logs import KEPT_DAYS
from scheduler_project.demo.rows.people import everybody

OLD, OLD_OVER_DAYS, RECENT = 600, 5, 400
NEW_A_DAY, TOO_OLD_A_DAY = 10, 25
# What most events have for a time: .NET's zero, which PostgreSQL keeps as this.
UNSET = "-infinity"
ACTIONS = ("LOGIN", "LOGOUT", "VEHICLE_PUBLISHED", "VEHICLE_SOLD", "PASSWORD_RESET")
EVENTS = ("auth.user.loggedin", "vehicle.published", "vehicle.sold", "billing.payment.completed")


def first(day: date) -> Iterator[Load]:
    chance = Chance("audit", day)
    ago = [chance.randint(KEPT_DAYS + 1, KEPT_DAYS + OLD_OVER_DAYS) for _ in range(OLD)]
    ago += [chance.randint(1, KEPT_DAYS - 1) for _ in range(RECENT)]
    yield from _of(chance, day, ago)


def further(day: date) -> Iterator[Load]:
    yield from _of(Chance("further audit", day), day, [KEPT_DAYS + 1] * TOO_OLD_A_DAY + [1] * NEW_A_DAY)


def _of(chance: Chance, day: date, days_ago: list[int]) -> Iterator[Load]:
    instants = [chance.within(days_before(day, days)) for days in days_ago]
    yield Load.of("audit.audit_logs", [_entry(chance, at) for at in instants])
    yield Load.of("audit.audit_events", [_event(chance, at) for at in instants])


def _entry(chance: Chance, at: datetime) -> dict[str, Any]:
    return {
        "Id": str(chance.guid()), "UserId": str(chance.choice(everybody()).id), "Action": chance.choice(ACTIONS),
        "Resource": "auth.session", "UserIp": "10.0.0.7", "UserAgent": "Mozilla/5.0",
        "AdditionalDataJson": json.dumps({"attempt": chance.randint(1, 3)}), "Success": True,
        "DurationMs": chance.randint(1, 900), "ServiceName": "AuthService", "Severity": 2, "CreatedAt": at,
    }  # fmt: skip


def _event(chance: Chance, at: datetime) -> dict[str, Any]:
    event = chance.guid()
    return {
        "Id": str(chance.guid()), "EventId": event, "EventType": chance.choice(EVENTS), "Source": "Unknown",
        "Payload": json.dumps({"EventId": str(event)}), "EventTimestamp": at if chance.is_so(0.1) else UNSET,
        "ConsumedAt": at, "Metadata": None, "CreatedAt": at,
    }  # fmt: skip
