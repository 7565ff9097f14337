"""Other services' PostgreSQL databases: reached by alias, read in bounded batches, changed in short transactions."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import psycopg
from psycopg import errors, sql
from psycopg.conninfo import make_conninfo

from jobs.gateways.errors import GatewayError, NotConfigured
from jobs.gateways.tables import Table, alias_of, check, variable_of

CONNECT_SECONDS = 10
# A batch waits no longer than this for somebody else's lock, and no statement of ours runs longer.
LOCK_SECONDS = 5
STATEMENT_SECONDS = 120
NETWORK_SILENCE_SECONDS = 30

Query: TypeAlias = sql.SQL | sql.Composed
Rows: TypeAlias = list[tuple[Any, ...]]


class ServiceDatabaseError(GatewayError):
    """A database of another service did not do what was asked."""


@dataclass(frozen=True)
class ServiceDatabase:
    """An open connection to one of them. Each verb is a transaction of its own: no lock outlives it."""

    alias: str
    connection: psycopg.Connection[Any]

    def rows(self, query: Query, parameters: Mapping[str, Any] | None = None) -> Rows:
        """All rows of one statement, which must be bounded by itself: by LIMIT, or by what it asks for."""
        with _told_as_ours(self.alias), self.connection.transaction():
            self._limit()
            cursor = self.connection.execute(query, parameters)
            return cursor.fetchall() if cursor.description else []

    def change(self, query: Query, parameters: Mapping[str, Any] | None = None) -> int:
        """How many rows one statement changed."""
        with _told_as_ours(self.alias), self.connection.transaction():
            self._limit()
            rows: int = self.connection.execute(query, parameters).rowcount
            return rows

    def rows_alone(self, name: str, query: Query, parameters: Mapping[str, Any] | None = None) -> Rows:
        """As `rows`, while nobody else is in a statement of that name: what each reads, no other one adds meanwhile."""
        with _told_as_ours(self.alias), self.connection.transaction():
            self._limit()
            self.connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])
            return self.connection.execute(query, parameters).fetchall()

    def value(self, query: Query, parameters: Mapping[str, Any] | None = None) -> Any:
        return self.rows(query, parameters)[0][0]

    def column_type(self, table: Table, word: str) -> sql.SQL:
        """What the column is, as PostgreSQL calls it: numeric(18,2)."""
        query = sql.SQL(
            "SELECT format_type(atttypid, atttypmod) FROM pg_attribute"
            " WHERE attrelid = {table}::regclass AND attname = {column} AND NOT attisdropped"
        ).format(table=sql.Literal(table.identifier.as_string()), column=sql.Literal(table.columns[word]))
        return sql.SQL(self.value(query))

    @contextmanager
    def streamed(
        self, query: Query, parameters: Mapping[str, Any] | None = None, *, at_once: int = 2_000
    ) -> Iterator[Iterator[tuple[Any, ...]]]:
        """The rows of one snapshot, however many: `at_once` of them are in memory."""
        with (
            _told_as_ours(self.alias),
            self.connection.transaction(),
            self.connection.cursor("stream") as cursor,
        ):
            self._limit()
            cursor.itersize = at_once
            cursor.execute(query, parameters)
            yield cursor

    def _limit(self) -> None:
        # Within the transaction only: a pooler may hand the session to somebody else afterwards.
        self.connection.execute(
            f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'; SET LOCAL statement_timeout = '{STATEMENT_SECONDS}s';"
            " SET LOCAL idle_in_transaction_session_timeout = '10min'; SET LOCAL timezone = 'UTC'"
        )


@dataclass(frozen=True)
class ServiceDatabases:
    """`addresses`: libpq's parameters by alias."""

    addresses: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def address(self, alias: str) -> Mapping[str, str]:
        """Raises NotConfigured with the variable to set."""
        try:
            return self.addresses[alias_of(alias)]
        except KeyError:
            raise NotConfigured(f"The database {alias}", variable_of(alias)) from None

    @contextmanager
    def open(self, alias: str, *, checked: Sequence[Table] = ()) -> Iterator[ServiceDatabase]:
        """A connection for one job. `checked`: what must be there, or MappingError says what is not."""
        address = self.address(alias)
        with _told_as_ours(alias):
            connection = psycopg.connect(
                make_conninfo(
                    **{
                        "connect_timeout": str(CONNECT_SECONDS),
                        "application_name": "schedulerservice",
                        "keepalives_idle": "10", "keepalives_interval": "5", "keepalives_count": "3",
                        "tcp_user_timeout": str(1000 * NETWORK_SILENCE_SECONDS),
                        **address,
                    }
                ),
                autocommit=True,
                prepare_threshold=None,  # PgBouncer in transaction mode knows no prepared statements
            )  # fmt: skip
        with connection:
            if checked:
                with _told_as_ours(alias):
                    check(connection, checked)
            yield ServiceDatabase(alias, connection)


# Somebody has to mend a name, a right, a type or a row before a retry can help.
PERMANENT = (
    psycopg.ProgrammingError,
    psycopg.DataError,
    psycopg.IntegrityError,
    psycopg.NotSupportedError,
    errors.InvalidPassword,
    errors.InvalidAuthorizationSpecification,
)
# psycopg gives a refused connection no SQLSTATE: only the server's words tell these from an outage.
PERMANENT_WORDS = ("password authentication failed", "no pg_hba.conf entry", "does not exist", "no password supplied")


@contextmanager
def _told_as_ours(alias: str) -> Iterator[None]:
    try:
        yield
    except psycopg.Error as fault:
        line = " ".join(str(fault).split())[:500]
        is_refused = isinstance(fault, psycopg.OperationalError) and any(word in line for word in PERMANENT_WORDS)
        raise ServiceDatabaseError(
            f"Database {alias}: {line or type(fault).__name__} ({variable_of(alias)})",
            permanent=isinstance(fault, PERMANENT) or is_refused,
        ) from fault
