"""AuthService's refresh and verification tokens (OKLA.md §1.2)."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from psycopg import sql

from jobs.gateways.databases import ServiceDatabase, ServiceDatabases
from jobs.gateways.mappings import Mapping
from jobs.gateways.pace import Pace
from jobs.gateways.tables import Table

BEGINNING = "-infinity"  # a position before every instant, and what some rows of OKLA really hold


@dataclass(frozen=True)
class TokenTable:
    """One of the tables, ready to work on."""

    database: ServiceDatabase
    table: Table
    pace: Pace = field(default_factory=Pace)

    @property
    def name(self) -> str:
        return self.table.name

    def count_expired(self, before: datetime) -> int:
        query = sql.SQL("SELECT count(*) FROM {table} WHERE {at} < %(before)s AND {counts}")
        return int(self.database.value(self._about(query), {"before": before}))

    def delete_expired(self, before: datetime, *, after: str = BEGINNING, at_most: int) -> tuple[int, str]:
        """Delete the next tokens that expired before that instant; return how many, and the position to go on from.

        One statement deletes as many as it can in a moment. Fewer than `at_most` are deleted when there are no more.
        Tokens that somebody else holds at this moment are left for the next run.
        """
        deleted, position = 0, after
        for size in self.pace.sizes(at_most):
            gone, position = self._delete_next(before, after=position, at_most=size)
            deleted += gone
            if gone < size:
                break
        return deleted, position

    def _delete_next(self, before: datetime, *, after: str, at_most: int) -> tuple[int, str]:
        query = sql.SQL(
            "WITH gone AS (DELETE FROM {table} WHERE {id} = ANY (ARRAY("
            " SELECT {id} FROM {table} WHERE {at} < %(before)s AND {at} >= %(after)s::timestamptz AND {counts}"
            " ORDER BY {at} LIMIT %(most)s FOR UPDATE SKIP LOCKED"
            ")) RETURNING {at} AS at) SELECT count(*), coalesce(max(at), %(after)s)::text FROM gone"
        )
        parameters = {"before": before, "after": after, "most": at_most}
        ((deleted, position),) = self.database.rows(self._about(query), parameters)
        return int(deleted), str(position)

    def _about(self, query: sql.SQL) -> sql.Composed:
        table = self.table
        return query.format(table=table.identifier, id=table["id"], at=table["expires_at"], counts=table.counts)


@dataclass(frozen=True)
class Tokens:
    databases: ServiceDatabases
    mapping: Mapping

    @contextmanager
    def open(self) -> Iterator[list[TokenTable]]:
        """Every token table, after all of them have been found to be what the mapping says."""
        tables = self.mapping.tokens
        with ExitStack() as stack:
            opened = {
                alias: stack.enter_context(
                    self.databases.open(alias, checked=[table for table in tables if table.database == alias])
                )
                for alias in dict.fromkeys(table.database for table in tables)
            }
            yield [TokenTable(opened[table.database], table) for table in tables]
