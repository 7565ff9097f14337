"""The demo's databases: their names, their addresses, and that none is touched that is not the demo's own."""

import os
import re
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import psycopg
from django.conf import settings
from psycopg import sql
from psycopg.conninfo import make_conninfo

from scheduler_project import connection_strings
from scheduler_project.demo.schemas import EVERY_SERVICE, SCHEMAS

PREFIX_VARIABLE = "SCHEDULER_DEMO_PREFIX"
MAPPING_VARIABLE = "SCHEDULER_TABLE_MAPPING"
# Never a plain service name: the server may be somebody's real one.
PREFIX = "demo_"
SANE_PREFIX = re.compile(r"[a-z][a-z0-9_]{0,29}_")
RECORDS = "okla"  # what the services received, the e-mails, the faults they are told to have
# Kept as the database's comment, with the mapping that its tables are for. One without it is somebody else's.
MARK = "made by the demo of SchedulerService"
MARKED = re.compile(re.escape(MARK) + r"( for the mapping (?P<schema>\w+))?")
ORIGINAL = "original"  # for which a mark need not say so
CONNECT_SECONDS = 5
WAIT_SECONDS = 60  # for somebody else who makes or removes databases of the same prefix
# What a request meets while the databases are made anew, or were never made.
MISSING = (psycopg.OperationalError, psycopg.errors.UndefinedTable)

Connection: TypeAlias = psycopg.Connection[Any]


class DemoError(Exception):
    """The demo's databases are not as they should be; the text says what to do about it."""


@dataclass(frozen=True)
class DemoDatabases:
    """Databases beside the service's own, on the same server and of the same role, which must be allowed to make some.

    `server`: libpq's parameters of the service's own database. `schema`: the mapping that the tables are made for.
    """

    server: Mapping[str, str]
    prefix: str = PREFIX
    schema: str = ORIGINAL

    def __post_init__(self) -> None:
        if self.schema not in SCHEMAS:
            raise DemoError(
                f"{MAPPING_VARIABLE} is {self.schema!r}, and the demo has tables for {' and '.join(SCHEMAS)} only:"
                " choose one of these, or run against services of your own."
            )
        if not SANE_PREFIX.fullmatch(self.prefix):
            raise DemoError(
                f"{PREFIX_VARIABLE} is {self.prefix!r}. Use at most 31 small letters, digits and underscores, beginning"
                " with a letter and ending with an underscore."
            )

    @property
    def services(self) -> tuple[str, ...]:
        """Those that have databases."""
        return tuple(SCHEMAS[self.schema])

    @property
    def other_services(self) -> tuple[str, ...]:
        """Those that have databases for other mappings only."""
        return tuple(service for service in EVERY_SERVICE if service not in self.services)

    def name(self, service: str) -> str:
        return self.prefix + service

    def address(self, service: str) -> dict[str, str]:
        return {**self.server, "dbname": self.name(service)}

    def connect(self, service: str) -> Connection:
        """In autocommit. Raises psycopg.Error."""
        return self._open(self.address(service))

    @contextmanager
    def alone(self) -> Iterator[Connection]:
        """A connection to the server, while nobody else makes or removes databases of this prefix."""
        with self._open(self.server) as connection:
            # The lock ends with the connection, however that ends.
            connection.execute(f"SET lock_timeout = '{WAIT_SECONDS}s'")
            connection.execute("SELECT pg_advisory_lock(%s)", [zlib.crc32(f"demo {self.prefix}".encode())])
            yield connection

    def is_made(self, connection: Connection, service: str) -> bool:
        """Whether it is there, with tables of this mapping. Raises DemoError when it is there and not the demo's."""
        schema = self.schema_of(connection, service)
        return schema == self.schema or (schema is not None and service == RECORDS)

    def schema_of(self, connection: Connection, service: str) -> str | None:
        """The mapping that its tables are for; None without any. Raises DemoError when it is not the demo's."""
        found = connection.execute(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", [self.name(service)]
        ).fetchone()
        if found is None or not self._has_tables(service):
            return None
        mark = MARKED.fullmatch(found[0] or "")
        if mark is None:
            raise DemoError(
                f"Database {self.name(service)} is not the demo's and was left alone. Rename it, or choose other names"
                f" with {PREFIX_VARIABLE}."
            )
        return mark["schema"] or ORIGINAL

    def make(self, connection: Connection, service: str) -> None:
        """An empty one in the place of whatever the demo has there."""
        self.remove(connection, service)
        name = sql.Identifier(self.name(service))
        mark = f"{MARK} for the mapping {self.schema}"
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(name))
        connection.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(name, sql.Literal(mark)))

    def remove(self, connection: Connection, service: str) -> None:
        """Raises DemoError when it is not the demo's."""
        self.schema_of(connection, service)
        drop_database(connection, self.name(service))

    def _has_tables(self, service: str) -> bool:
        """One without any was left behind by a making that was cut short."""
        with self.connect(service) as connection:
            return (
                connection.execute("SELECT 1 FROM pg_tables WHERE schemaname = 'public' LIMIT 1").fetchone() is not None
            )

    def _open(self, address: Mapping[str, str]) -> Connection:
        more = {"connect_timeout": str(CONNECT_SECONDS), "application_name": "schedulerservice demo"}
        return psycopg.connect(make_conninfo(**{**more, **address}), autocommit=True)


def drop_database(connection: Connection, name: str) -> None:
    """Remove a database, if it is there, with the sessions that its own role has in it.

    WITH (FORCE) would also want to end an autovacuum worker, which only a superuser may; a plain DROP waits for it.
    """
    statement = sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name))
    for try_again in (True, True, True, False):
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = %s AND usename = current_user",
            [name],
        )
        try:
            connection.execute(statement)
            return
        except psycopg.errors.ObjectInUse:  # somebody came in between
            if not try_again:
                raise


def current() -> DemoDatabases:
    """Those beside DATABASE_URL's. Raises DemoError and ImproperlyConfigured that name the variable at fault."""
    server = connection_strings.parse("DATABASE_URL", settings.DATABASE_URL)
    return DemoDatabases(server, prefix_of(os.environ), settings.SCHEDULER_TABLE_MAPPING)


def prefix_of(given: Mapping[str, str]) -> str:
    return given.get(PREFIX_VARIABLE) or PREFIX


def storable(text: str) -> str:
    """The text without what PostgreSQL takes in none: zero characters and halves of surrogate pairs."""
    return text.encode(errors="replace").decode().replace("\0", "␀")
