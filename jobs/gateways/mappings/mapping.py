"""What a mapping is: every table of other services that a predefined job touches, as one value without SQL in it."""

from collections.abc import Mapping as ReadOnlyMapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import Enum
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from psycopg import sql

from jobs.gateways.tables import Mark, Stamp, Table


@dataclass(frozen=True)
class VehicleStatuses:
    """How their status column spells what we look for and what we write."""

    active: str
    sold: str
    expired: str


class Figure(Enum):
    """What we know of a price beside the price: its name in a mapping, and how it is told of `listed` and `asked`.

    `listed`: the listing's price; `asked`: what the market service suggests; `confidence`: its own, 0 to 1, or none.
    """

    SUGGESTED_PRICE = "{asked}"
    SHARE_OF_SUGGESTED = "least(round({listed} / {asked}, 2), 999.99)"  # 1.05: five per cent above
    PERCENT_ABOVE = "round(({listed} / {asked} - 1) * 100, 2)"
    IS_A_FIFTH_ABOVE = "{listed} > {asked} * 1.2"
    CONFIDENCE_PERCENT = "round(coalesce({confidence}, 0) * 100, 2)"
    POSITION = "{position}"  # one of the mapping's `positions`


@dataclass(frozen=True)
class Step:
    """A position's name, for listings at up to this share of the suggested price; None: for all that are above."""

    name: str
    up_to: Decimal | None = None


@dataclass(frozen=True)
class Analyses:
    """Suggested prices kept in rows of their own, in whichever database, and not in a column of the vehicle.

    `table`: id, vehicle_id, current_price, suggested_price, at. Its stamps are written at each change.
    `first_stamps`: their column -> what a new row gets. `constants`: their column -> a value that it must have and we
    have no better one for. `ours`: their column -> the value by which a row of ours is known; no other row is changed.
    """

    table: Table
    first_stamps: ReadOnlyMapping[str, Stamp] = field(default_factory=dict)
    figures: ReadOnlyMapping[str, Figure] = field(default_factory=dict)
    positions: tuple[Step, ...] = ()
    constants: ReadOnlyMapping[str, Any] = field(default_factory=dict)
    ours: ReadOnlyMapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        texts = [*self.written, *(step.name for step in self.positions), *self.constants.values(), *self.ours.values()]
        if odd := [text for text in map(str, texts) if "%" in text]:
            raise ImproperlyConfigured(
                f"The mapping of analyses holds a percent sign, which is not supported: {odd[0]!r}"
            )

    @property
    def written(self) -> list[str]:
        """Every column that a new row gets from us."""
        words = [name for word, name in self.table.columns.items() if word != "id"]
        return [*words, *self.first_stamps, *self.figures, *self.constants, *self.ours, *self.table.stamps]

    @property
    def checked(self) -> Table:
        """The table with all columns that must be there."""
        return replace(self.table, columns={**self.table.columns, **{name: name for name in self.written}})

    def position(self, *, listed: sql.Composable, asked: sql.Composable) -> sql.Composed:
        """The name of the step that a listing's price is on."""
        cases = [
            sql.SQL("WHEN {} THEN {}").format(
                sql.SQL("TRUE") if step.up_to is None else sql.SQL("{} <= {} * {}").format(listed, asked, step.up_to),
                sql.Literal(step.name),
            )
            for step in self.positions
        ]
        return sql.SQL("CASE {} END").format(sql.SQL(" ").join(cases))


@dataclass(frozen=True)
class Mapping:
    """Every table of other services that a predefined job touches, with the words each must have (`words.py`).

    `reminder_mark`: how the appointments' column `reminded` speaks.
    `expirable_only`: their column -> the value that a listing must have beside the others to expire of age.
    `conditions`: their word for a vehicle's condition -> the market service's; vehicles of others have no price.
    `kilometres`: their unit of a mileage -> how many kilometres one is; vehicles of other units have no price.
    `analyses`: where suggested prices are kept; None: in the vehicles' column `suggested_price`.
    """

    name: str
    tokens: tuple[Table, ...]
    appointments: Table
    reminder_mark: Mark
    vehicles: Table
    statuses: VehicleStatuses
    users: Table
    logs: tuple[Table, ...]
    expirable_only: ReadOnlyMapping[str, Any] = field(default_factory=dict)
    conditions: ReadOnlyMapping[str, str] = field(default_factory=dict)
    kilometres: ReadOnlyMapping[str, Decimal] = field(default_factory=dict)
    analyses: Analyses | None = None

    @property
    def expirable(self) -> Table:
        """The vehicles of which those count that may expire of age."""
        return replace(self.vehicles, only={**self.vehicles.only, **self.expirable_only})
