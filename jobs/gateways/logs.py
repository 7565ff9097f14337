"""Other services' logs (OKLA.md §1.5): read day by day, and deleted row by row as they were read."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import islice
from typing import Any

from psycopg import sql

from jobs import business_days
from jobs.gateways.databases import ServiceDatabase, ServiceDatabases
from jobs.gateways.errors import GatewayError
from jobs.gateways.mappings import Mapping
from jobs.gateways.pace import Pace
from jobs.gateways.tables import Table

# Rows from before are .NET's zero or -infinity: they have no time, and belong to no day.
FIRST_DAY = date(1970, 1, 1)
# Log rows may be wide: a hundred kilobytes and more, with a stack trace and what was asked.
ROWS_AT_ONCE = 200

# In binary form: as texts, psycopg would look for quotes in each id.
FOUND = sql.SQL(
    "SELECT logged.{id} AS id, logged.ctid AS place, logged.tableoid AS part,"
    " sha256(convert_to({line}, 'UTF8')) AS digest"
    " FROM {table} AS logged WHERE logged.{id} = ANY (%(ids)b::text[]::{id_type}[]) AND {of_day}"
)
SAME = sql.SQL(
    "SELECT found.id, place, part FROM found JOIN unnest(%(ids)b::text[]::{id_type}[], %(digests)b::bytea[])"
    " AS exported(key, digest) ON key = found.id AND exported.digest = found.digest"
)


@dataclass(frozen=True)
class LogTable:
    """One of the tables, ready to work on."""

    database: ServiceDatabase
    table: Table
    id_type: sql.SQL  # as PostgreSQL calls it
    pace: Pace = field(default_factory=Pace)

    @property
    def name(self) -> str:
        return source_name(self.table)

    def days(self, before: datetime, *, since: date = FIRST_DAY) -> list[tuple[date, int]]:
        """The business's days from `since` on that have rows from before that instant, oldest first, and how many."""
        query = sql.SQL(
            "SELECT ({at}::timestamptz AT TIME ZONE {zone})::date AS day, count(*) FROM {table}"
            " WHERE {at} >= %(first)s AND {at} < %(before)s AND {counts} GROUP BY 1 ORDER BY 1"
        )
        rows = self.database.rows(self._about(query), {"first": business_days.begin_of(since), "before": before})
        return [(day, int(count)) for day, count in rows]

    def count_without_day(self) -> int:
        query = sql.SQL("SELECT count(*) FROM {table} WHERE {at} < %(first)s AND {counts}")
        return int(self.database.value(self._about(query), {"first": business_days.begin_of(FIRST_DAY)}))

    @contextmanager
    def export(self, day: date) -> Iterator[Iterator[tuple[str, str]]]:
        """The rows of one day, ordered by id, however many they are: the id as text, and the row as a line of JSON."""
        query = sql.SQL(
            "SELECT logged.{id}::text, {line} FROM {table} AS logged WHERE {of_day} AND {counts} ORDER BY logged.{id}"
        )
        with self.database.streamed(self._about(query), self._of_day(day), at_once=ROWS_AT_ONCE) as rows:
            yield ((str(id), str(line)) for id, line in rows)

    def delete(self, day: date, rows: Sequence[tuple[str, bytes]]) -> int:
        """Delete rows of that day by their id and their line's SHA-256; return how many were still there just so.

        One statement deletes as many as it can in a moment: its locks last as long as it takes to digest their lines.
        One that has changed since it was read, or that somebody holds at this moment, stays: what it says now is
        archived nowhere.
        """
        if self.table.archive_only:
            raise GatewayError(f"{self.name} is only archived: no row of it may be deleted.", permanent=True)
        going, gone = iter(rows), 0
        for size in self.pace.sizes(len(rows)):
            gone += self._delete_at_once(day, list(islice(going, size)))
        return gone

    def _delete_at_once(self, day: date, rows: Sequence[tuple[str, bytes]]) -> int:
        query = sql.SQL(
            # Found by their ids first, or PostgreSQL computes the digests of a whole day to find one batch.
            "WITH found AS MATERIALIZED ({found} FOR UPDATE SKIP LOCKED), same AS MATERIALIZED ({same})"
            " DELETE FROM {table} AS logged USING same"
            " WHERE logged.{id} = same.id AND logged.ctid = same.place AND logged.tableoid = same.part"
        )
        return self.database.change(self._about(query), self._listed(day, rows))

    def count_same(self, day: date, rows: Sequence[tuple[str, bytes]]) -> int:
        """How many of these rows are still there as they were read, also of those that somebody holds."""
        query = sql.SQL("WITH found AS MATERIALIZED ({found}) SELECT count(*) FROM ({same}) AS same")
        return int(self.database.value(self._about(query), self._listed(day, rows)))

    def _listed(self, day: date, rows: Sequence[tuple[str, bytes]]) -> dict[str, Any]:
        return {
            **self._of_day(day), "ids": [id for id, _digest in rows], "digests": [digest for _id, digest in rows],
        }  # fmt: skip

    def _of_day(self, day: date) -> dict[str, Any]:
        return {"begin": business_days.begin_of(day), "end": business_days.end_of(day)}

    def _about(self, query: sql.SQL) -> sql.Composed:
        at = self.table["at"]
        words: dict[str, sql.Composable] = {
            "table": self.table.identifier,
            "id": self.table["id"],
            "id_type": self.id_type,
            "at": at,
            "counts": self.table.counts,
            "zone": sql.Literal(business_days.ZONE.key),
            "of_day": sql.SQL("logged.{at} >= %(begin)s AND logged.{at} < %(end)s").format(at=at),
            # A column of type json keeps its line breaks; between JSON's words they mean as little as blanks. Not by
            # translate(), which looks at each letter and takes four times as long as all the rest.
            "line": sql.SQL("replace(replace(row_to_json(logged.*)::text, E'\\r', ' '), E'\\n', ' ')"),
        }
        return query.format(found=FOUND.format(**words), same=SAME.format(**words), **words)


@dataclass(frozen=True)
class Logs:
    databases: ServiceDatabases
    mapping: Mapping

    @property
    def sources(self) -> dict[str, Table]:
        """The tables by what people call them: errorservice.Logs."""
        return {source_name(table): table for table in self.mapping.logs}

    @contextmanager
    def open(self, source: str) -> Iterator[LogTable]:
        """One source, after its table has been found to be what the mapping says."""
        table = self.sources[source]
        with self.databases.open(table.database, checked=[table]) as database:
            yield LogTable(database, table, id_type=database.column_type(table, "id"))


def source_name(table: Table) -> str:
    return f"{table.database}.{table.name}"
