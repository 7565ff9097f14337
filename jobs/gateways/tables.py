"""Tables of other services as a gateway speaks of them: our words for their columns, quoted and checked.

What those are called on the other side, which rows do not count and what else must be written along is in a mapping
alone (`jobs/gateways/mappings`).
"""

import re
from collections.abc import Collection, Iterable, Sequence
from collections.abc import Mapping as ReadOnlyMapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from psycopg import Connection, sql

from jobs.gateways.errors import GatewayError


class MappingError(GatewayError):
    """The other side has not the tables or columns that the mapping names. Somebody has to look: no retry helps."""

    def __init__(self, message: str) -> None:
        super().__init__(message, permanent=True)


class Stamp(Enum):
    """What is written into a column at each change of a row, because its owner does so too."""

    NOW = "now()"
    NEW_GUID = "gen_random_uuid()"
    NEW_GUID_TEXT = "gen_random_uuid()::text"


class Mark(Enum):
    """How a column says that something was done: by being true, or by holding the instant."""

    BOOLEAN = ("IS NOT TRUE", "TRUE", "FALSE")
    INSTANT = ("IS NULL", "now()", "NULL")

    @property
    def is_unset(self) -> sql.SQL:
        return sql.SQL(self.value[0])

    @property
    def set(self) -> sql.SQL:
        return sql.SQL(self.value[1])

    @property
    def unset(self) -> sql.SQL:
        return sql.SQL(self.value[2])


@dataclass(frozen=True)
class Table:
    """A table of another service. `columns`: our word -> their column. Names are quoted as they stand, as EF Core does.

    `only`: their column -> the value, or the values of which one, that a row must have to be there for us.
    `stamps`: their column -> what each of our changes writes into it.
    `kept_days`: rows younger than so many days are never deleted, whatever a job is told.
    `archive_only`: no row is ever deleted; old ones are copied to cold storage.
    """

    database: str  # alias: vehiclessaleservice
    name: str  # Vehicles, or audit.audit_logs
    columns: ReadOnlyMapping[str, str]
    only: ReadOnlyMapping[str, Any] = field(default_factory=dict)
    stamps: ReadOnlyMapping[str, Stamp] = field(default_factory=dict)
    kept_days: int = 0
    archive_only: bool = False

    def __post_init__(self) -> None:
        words = [self.name, *self.columns.values(), *self.only, *self.stamps, *map(str, self.only.values())]
        if odd := [word for word in words if "%" in word]:
            raise ImproperlyConfigured(
                f"The table mapping of {self.name} holds a percent sign, which is not supported: {odd[0]!r}"
            )

    @property
    def identifier(self) -> sql.Identifier:
        return sql.Identifier(*self.name.split("."))

    def has(self, word: str) -> bool:
        return word in self.columns

    def __getitem__(self, word: str) -> sql.Identifier:
        return sql.Identifier(self.columns[word])

    def of(self, words: Collection[str]) -> "Table":
        """The same table with these words only: what a job does not use need not be there for it."""
        return replace(self, columns={word: name for word, name in self.columns.items() if word in words})

    @property
    def counts(self) -> sql.Composable:
        """A condition: the row is there for us."""
        conditions: list[sql.Composable] = [sql.SQL("TRUE")]
        for column, wanted in self.only.items():
            values = wanted if isinstance(wanted, list | tuple) else [wanted]
            conditions.append(one_of(sql.Identifier(column), values))
        return sql.SQL(" AND ").join(conditions)

    @property
    def stamping(self) -> sql.Composable:
        """What follows the assignments of an UPDATE: `, "UpdatedAt" = now()`."""
        return sql.SQL("").join(
            sql.SQL(", {} = {}").format(sql.Identifier(column), sql.SQL(stamp.value))
            for column, stamp in self.stamps.items()
        )

    def missing_from(self, connection: Connection[Any]) -> list[str]:
        """What the mapping names and the database has not, as sentences; empty when all is there."""
        schema, _, name = self.name.rpartition(".")
        found = connection.execute(
            "SELECT a.attname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
            " WHERE c.relkind IN ('r', 'p', 'v', 'f') AND c.relname = %s"
            " AND CASE WHEN %s = '' THEN pg_table_is_visible(c.oid) ELSE n.nspname = %s END ORDER BY a.attnum",
            [name, schema, schema],
        ).fetchall()
        present = [row[0] for row in found]
        if not present:
            return [f'database {self.database} has no table "{self.name}"']
        needed = dict.fromkeys([*self.columns.values(), *self.only, *self.stamps])
        missing = [column for column in needed if column not in present]
        if not missing:
            return []
        named = ", ".join(f'"{column}"' for column in missing)
        there = ", ".join(f'"{column}"' for column in present[:40])
        return [f'table "{self.name}" of database {self.database} has no column {named}; it has {there}']


def check(connection: Connection[Any], tables: Sequence[Table]) -> None:
    """Raise MappingError, naming all that is missing at once, unless the database has what these tables name."""
    missing = [sentence for table in tables for sentence in table.missing_from(connection)]
    if missing:
        raise MappingError("The table mapping does not fit: " + "; ".join(missing) + ". Set SCHEDULER_TABLE_MAPPING.")


def one_of(column: sql.Composable, values: Iterable[Any]) -> sql.Composed:
    """A condition: the column has one of these values. Texts take on the column's type, so ids of any type match."""
    wanted = list(values)
    listed = [sql.Literal(value) for value in wanted if value is not None]
    conditions = [sql.SQL("{} IS NULL").format(column)] if None in wanted else []
    if listed:
        conditions.append(sql.SQL("{} IN ({})").format(column, sql.SQL(", ").join(listed)))
    return sql.SQL("({})").format(sql.SQL(" OR ").join(conditions)) if conditions else sql.SQL("FALSE").format()


def alias_of(database: str) -> str:
    """A database's name as the variables can spell it: in small letters, digits and underscores."""
    return re.sub(r"[^a-z0-9]", "_", database.lower())


def variable_of(database: str) -> str:
    """The environment variable that holds the address of a service's database."""
    return f"{alias_of(database).upper()}_DATABASE_CONNECTION_STRING"
