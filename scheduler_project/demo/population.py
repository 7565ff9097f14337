"""The demo's databases made anew, or brought up to a day so that each of the eight jobs has something to do."""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from types import MappingProxyType
from typing import Protocol

from psycopg import sql

from scheduler_project.demo import faults, mailbox, received
from scheduler_project.demo.databases import RECORDS, Connection, DemoDatabases
from scheduler_project.demo.rows import appointments, logs, okla, people, tokens, vehicles
from scheduler_project.demo.rows.drawing import Load
from scheduler_project.demo.schemas import EVERY_SERVICE, create_tables

# A report looks back over eight days; what an idle week before that would have brought is not made up.
MADE_UP_MOST_DAYS = 8
# In each database, as EF Core keeps its migrations there: the days whose rows it has, in one transaction with them.
DAYS_TABLE = 'CREATE TABLE "__DemoDays" ("Day" date PRIMARY KEY)'


class Rows(Protocol):
    """A module of `rows`."""

    def first(self, day: date) -> Iterable[Load]: ...

    def further(self, day: date) -> Iterable[Load]: ...


ROWS: MappingProxyType[str, dict[str, Rows]] = MappingProxyType(
    {
        "original": {
            "authservice": tokens,
            "userservice": people,
            "vehiclessaleservice": vehicles,
            "appointmentservice": appointments,
            "errorservice": logs,
        },
        "okla": {
            "authservice": okla.tokens,
            "userservice": okla.people,
            "vehiclessaleservice": okla.vehicles,
            "vehicleintelligenceservice": okla.analyses,
            "appointmentservice": okla.appointments,
            "errorservice": okla.errors,
            "auditservice": okla.audit,
        },
    }
)


def reset(databases: DemoDatabases, *, day: date) -> None:
    """Everything anew, as it stands on that day. Raises DemoError and psycopg.Error."""
    with databases.alone() as server:
        for service in databases.other_services:
            databases.remove(server, service)
        for service in (*databases.services, RECORDS):
            _make(databases, server, service, day)


def ensure(databases: DemoDatabases, *, day: date) -> list[str]:
    """Make what is missing and add the rows of the days since; return what was done, as sentences.

    What was made for another mapping is made anew: its rows are samples, and jobs look for other tables.
    """
    with databases.alone() as server:
        services = (*databases.services, RECORDS)
        return [
            *(done for service in databases.other_services for done in _take_away(databases, server, service)),
            *(done for service in services for done in _bring_up(databases, server, service, day)),
        ]


def remove(databases: DemoDatabases) -> None:
    """Away with all of it."""
    with databases.alone() as server:
        for service in (*EVERY_SERVICE, RECORDS):
            databases.remove(server, service)


def _take_away(databases: DemoDatabases, server: Connection, service: str) -> Iterator[str]:
    if schema := databases.schema_of(server, service):
        databases.remove(server, service)
        yield f"{databases.name(service)}: removed, it was for the mapping {schema}"


def _bring_up(databases: DemoDatabases, server: Connection, service: str, day: date) -> Iterator[str]:
    if not databases.is_made(server, service):
        former = databases.schema_of(server, service)
        _make(databases, server, service, day)
        yield f"{databases.name(service)}: made" + (f" anew, it was for the mapping {former}" if former else "")
    elif service != RECORDS and (days := _missing_days(databases, service, day)):
        for missing in days:
            with databases.connect(service) as connection, connection.transaction():
                _load(connection, ROWS[databases.schema][service].further(missing))
                _note(connection, missing)
        yield f"{databases.name(service)}: rows of {len(days)} days added"


def _make(databases: DemoDatabases, server: Connection, service: str, day: date) -> None:
    """Empty first, then all of it in one transaction: what is there is whole."""
    databases.make(server, service)
    with databases.connect(service) as connection, connection.transaction():
        if service == RECORDS:
            for table in (received.TABLE, mailbox.TABLE, faults.TABLE):
                connection.execute(table)
        else:
            create_tables(connection, databases.schema, service)
            connection.execute(DAYS_TABLE)
            _load(connection, ROWS[databases.schema][service].first(day))
            _note(connection, day)


def _missing_days(databases: DemoDatabases, service: str, day: date) -> list[date]:
    """From the last one it has to `day`; none when that is past."""
    with databases.connect(service) as connection:
        row = connection.execute('SELECT max("Day") FROM "__DemoDays"').fetchone()
    last = row[0] if row and row[0] else day - timedelta(days=1)
    first = max(last + timedelta(days=1), day - timedelta(days=MADE_UP_MOST_DAYS - 1))
    return [first + timedelta(days=number) for number in range((day - first).days + 1)]


def _note(connection: Connection, day: date) -> None:
    connection.execute('INSERT INTO "__DemoDays" VALUES (%s)', [day])


def _load(connection: Connection, loads: Iterable[Load]) -> None:
    for load in loads:
        statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
            sql.Identifier(*load.table.split(".")), sql.SQL(", ").join(map(sql.Identifier, load.columns))
        )
        with connection.cursor().copy(statement) as copy:
            for row in load.rows:
                copy.write_row(row)
