"""A mapping held against the databases as they are: for each table what is missing, and what may not be done."""

from collections.abc import Iterator
from dataclasses import dataclass

from psycopg import sql

from jobs.gateways.databases import ServiceDatabase, ServiceDatabases
from jobs.gateways.errors import GatewayError
from jobs.gateways.mappings.mapping import Mapping
from jobs.gateways.price_analyses import unfilled_columns
from jobs.gateways.tables import Table

# What jobs do with a table. UPDATE is also what locking a row takes, without changing it.
RIGHTS = {
    "tokens": ("SELECT", "UPDATE", "DELETE"),
    "appointments": ("SELECT", "UPDATE"),
    "vehicles": ("SELECT", "UPDATE"),
    "analyses": ("SELECT", "INSERT", "UPDATE"),
    "users": ("SELECT",),
    "logs": ("SELECT", "UPDATE", "DELETE"),
}
# A right on some columns does; rows, however, go as a whole.
ON_COLUMNS, ON_TABLE = sql.SQL("has_any_column_privilege"), sql.SQL("has_table_privilege")


@dataclass(frozen=True)
class Inspected:
    """`faults`: sentences; empty where the table is as the mapping says and may be used."""

    room: str
    table: Table
    faults: list[str]


def inspect(databases: ServiceDatabases, mapping: Mapping) -> Iterator[Inspected]:
    """Table by table, each database asked as a job asks it."""
    for room, table in tables_of(mapping):
        try:
            with databases.open(table.database, checked=[table]) as database:
                faults = list(_faults(database, mapping, room, table))
        except GatewayError as fault:
            faults = [str(fault)]
        yield Inspected(room, table, faults)


def tables_of(mapping: Mapping) -> list[tuple[str, Table]]:
    """By room, each with every column that the mapping speaks of."""
    return [
        *(("tokens", table) for table in mapping.tokens),
        ("appointments", mapping.appointments),
        ("vehicles", mapping.expirable),
        *([("analyses", mapping.analyses.checked)] if mapping.analyses else []),
        ("users", mapping.users),
        *(("logs", table) for table in mapping.logs),
    ]


def _faults(database: ServiceDatabase, mapping: Mapping, room: str, table: Table) -> Iterator[str]:
    for right in ("SELECT",) if table.archive_only else RIGHTS[room]:
        if not _is_allowed(database, table, right):
            yield f"this role may not {right}"
    if mapping.analyses and room == "analyses" and (unfilled := unfilled_columns(database, mapping.analyses)):
        yield unfilled


def _is_allowed(database: ServiceDatabase, table: Table, right: str) -> bool:
    function = ON_TABLE if right == "DELETE" else ON_COLUMNS
    query = sql.SQL("SELECT {}({}, {})").format(function, table.identifier.as_string(), right)
    return bool(database.value(query))
