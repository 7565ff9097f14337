"""What a mapping's file may say, entry by entry, and how each becomes a value of ours."""

from collections.abc import Callable
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator

from jobs.gateways.mappings.mapping import Analyses, Figure, Mapping, Step, VehicleStatuses
from jobs.gateways.tables import Mark, Stamp, Table

NULL = {"null": True}
E = TypeVar("E", bound=Enum)


def _named(kind: type[E]) -> Callable[[Any], E]:
    """The member of that name, in small letters as files have it."""

    def find(name: Any) -> E:
        members = {member.name.lower(): member for member in kind}
        if not isinstance(name, str) or name not in members:
            raise ValueError(f"choose from {', '.join(members)}")
        return members[name]

    return find


def _value(given: Any) -> Any:
    """What a column may have to hold: a value, a list of values, or nothing."""
    if isinstance(given, list) and given:
        return [_value(each) for each in given]
    if given == NULL:
        return None
    if not isinstance(given, str | bool | int):
        raise ValueError("a text, a whole number, true, false, { null = true } or a list of those belongs here")
    return given


Name = Annotated[str, Field(min_length=1, max_length=127)]
StampName = Annotated[Stamp, BeforeValidator(_named(Stamp))]
Values = dict[Name, Annotated[Any, PlainValidator(_value)]]
Factor = Annotated[Decimal, Field(strict=False, gt=0)]


class Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class TableEntry(Entry):
    database: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$")
    name: Name
    columns: dict[str, Name]
    only: Values = {}
    stamps: dict[Name, StampName] = {}
    kept_days: int = Field(0, ge=0, le=36_500)
    archive_only: bool = False

    def table(self) -> Table:
        return Table(self.database, self.name, self.columns, self.only, self.stamps, self.kept_days, self.archive_only)


class StepEntry(Entry):
    name: Name
    up_to: Factor | None = None


class AnalysesEntry(TableEntry):
    first_stamps: dict[Name, StampName] = {}
    figures: dict[Name, Annotated[Figure, BeforeValidator(_named(Figure))]] = {}
    positions: list[StepEntry] = []
    constants: Values = {}
    ours: Values = Field({}, min_length=1)

    def analyses(self) -> Analyses:
        return Analyses(
            self.table(),
            self.first_stamps,
            self.figures,
            tuple(Step(step.name, step.up_to) for step in self.positions),
            self.constants,
            self.ours,
        )


class StatusEntry(Entry):
    active: Name
    sold: Name
    expired: Name


class MappingEntries(Entry):
    reminder_mark: Annotated[Mark, BeforeValidator(_named(Mark))]
    tokens: list[TableEntry] = Field(min_length=1)
    appointments: TableEntry
    vehicles: TableEntry
    statuses: StatusEntry
    expirable: Values = {}
    conditions: dict[Name, Literal["new", "certified", "used"]] = {}
    kilometres: dict[Name, Factor] = {}
    analyses: AnalysesEntry | None = None
    users: TableEntry
    logs: list[TableEntry] = Field(min_length=1)

    def mapping(self, name: str) -> Mapping:
        return Mapping(
            name=name,
            tokens=tuple(entry.table() for entry in self.tokens),
            appointments=self.appointments.table(),
            reminder_mark=self.reminder_mark,
            vehicles=self.vehicles.table(),
            statuses=VehicleStatuses(**self.statuses.model_dump()),
            users=self.users.table(),
            logs=tuple(entry.table() for entry in self.logs),
            expirable_only=self.expirable,
            conditions=self.conditions,
            kilometres=self.kilometres,
            analyses=self.analyses.analyses() if self.analyses else None,
        )
