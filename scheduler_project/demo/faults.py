"""Faults on request: each service of the demo can be slow, failing, down, or cut the line."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from scheduler_project.demo.databases import Connection

SERVICES = (
    "notificationservice", "auditservice", "pricingagent", "pricing-ml", "gateway", "authservice", "userservice",
    "vehiclessaleservice", "appointmentservice", "errorservice",
)  # fmt: skip
TABLE = """
    CREATE TABLE faults (
        service text PRIMARY KEY, mode text NOT NULL, seconds float8 NOT NULL, status int NOT NULL, until timestamptz
    )
"""
SLOW_MOST_SECONDS = 300.0


class Mode(StrEnum):
    NORMAL = "normal"
    SLOW = "slow"  # does what it is asked, after a while
    FAILING = "failing"  # answers with an error and does nothing
    DOWN = "down"  # nobody is there: the proxy in front of it answers 503
    CUT = "cut"  # does what it is asked, and cuts the line in the middle of its answer


class FaultOrder(BaseModel):
    """What POST /faults takes. `minutes` is another way to say `until`."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True, frozen=True)

    service: str = Field(pattern=f"^({'|'.join(SERVICES)})$")
    mode: Mode
    seconds: float = Field(5, ge=0, le=SLOW_MOST_SECONDS, description="How long a slow answer takes.")
    status: int = Field(503, ge=400, le=599, description="What a failing service answers.")
    until: AwareDatetime | None = Field(None, description="When it works again by itself.")
    minutes: int | None = Field(None, ge=1, le=1_440)

    def ends_at(self, now: datetime) -> datetime | None:
        return now + timedelta(minutes=self.minutes) if self.minutes else self.until


@dataclass(frozen=True)
class Fault:
    """What a service does at present."""

    mode: Mode = Mode.NORMAL
    seconds: float = 0
    status: int = 503
    until: datetime | None = None  # None: until somebody changes it


NONE = Fault()


def put(connection: Connection, order: FaultOrder, *, now: datetime) -> None:
    """What the service does from now on."""
    connection.execute(
        "INSERT INTO faults (service, mode, seconds, status, until) VALUES (%s, %s, %s, %s, %s)"
        " ON CONFLICT (service) DO UPDATE SET mode = excluded.mode, seconds = excluded.seconds,"
        " status = excluded.status, until = excluded.until",
        [order.service, order.mode.value, order.seconds, order.status, order.ends_at(now)],
    )


def of(connection: Connection, service: str) -> Fault:
    return read(connection).get(service, NONE)


def read(connection: Connection) -> dict[str, Fault]:
    """The services that do not work as usual, with what they do instead."""
    rows: list[tuple[Any, ...]] = connection.execute(
        "SELECT service, mode, seconds, status, until FROM faults"
        " WHERE mode <> 'normal' AND (until IS NULL OR until > now())"
    ).fetchall()
    return {service: Fault(Mode(mode), seconds, status, until) for service, mode, seconds, status, until in rows}
