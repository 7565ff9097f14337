"""Appointments of customers, and the mark that a reminder was sent (OKLA.md §1.4)."""

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from psycopg import sql

from jobs import business_days
from jobs.gateways.databases import Rows, ServiceDatabase, ServiceDatabases
from jobs.gateways.mappings import Mapping
from jobs.gateways.tables import Table, one_of

# 9:30, 09:30:00, 9:30 PM, 9:30 p. m.; whatever says more is not understood, rather than misunderstood.
CLOCK = re.compile(r"\s*(\d{1,2}):(\d{2})(?::\d{2}(?:\.\d+)?)?\s*(?:([ap])\.?\s*m\.?)?\s*", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True)
class Appointment:
    """`at` is wall-clock time in America/Santo_Domingo; None when theirs cannot be read as one."""

    id: str
    email: str
    day: date
    at: time | None

    def is_over(self, now: datetime) -> bool:
        """Without a time the whole day counts."""
        begins = business_days.instant_of(self.day, self.at) if self.at else business_days.end_of(self.day)
        return begins <= now


@dataclass(frozen=True)
class AppointmentBook:
    """The table, ready to work on."""

    database: ServiceDatabase
    table: Table
    mapping: Mapping

    def count_unreminded(self, day: date) -> int:
        return int(self.database.value(self._select(sql.SQL("count(*)"), self._unreminded_on(day))))

    def unreminded(self, day: date, *, after: str | None, at_most: int) -> list[Appointment]:
        """Appointments of that day without a reminder, in the order of their ids, those behind the id `after`."""
        behind = sql.SQL("{} > {}").format(self.table["id"], sql.Literal(after)) if after else sql.SQL("TRUE")
        condition = sql.SQL("{} AND {}").format(self._unreminded_on(day), behind)
        page = sql.SQL(" ORDER BY {} LIMIT {}").format(self.table["id"], sql.Literal(at_most))
        return self._appointments(self.database.rows(self._select(self._columns(), condition) + page))

    def reminded(self, ids: Collection[str]) -> list[Appointment]:
        """Those of them that carry the mark."""
        if not ids:
            return []
        condition = sql.SQL("{} AND NOT ({} {})").format(
            self._is_one_of(ids), self.table["reminded"], self.mapping.reminder_mark.is_unset
        )
        return self._appointments(self.database.rows(self._select(self._columns(), condition)))

    def mark(self, ids: Collection[str]) -> set[str]:
        """Set the mark where it is not set; return the ids where this did it. What somebody holds is passed over."""
        if not ids:
            return set()
        query = sql.SQL(
            "UPDATE {table} SET {mark} = {set}{stamping} WHERE {id} IN (SELECT {id} FROM {table}"
            " WHERE {one_of} AND {mark} {unset} AND {counts} FOR UPDATE SKIP LOCKED) RETURNING {id}::text"
        ).format(**self._words(ids), set=self.mapping.reminder_mark.set, unset=self.mapping.reminder_mark.is_unset)
        return {row[0] for row in self.database.rows(query)}

    def unmark(self, ids: Collection[str]) -> None:
        """Take the mark away from appointments whose reminder certainly was not sent."""
        if ids:
            query = sql.SQL("UPDATE {table} SET {mark} = {unset}{stamping} WHERE {one_of}")
            self.database.change(query.format(**self._words(ids), unset=self.mapping.reminder_mark.unset))

    # --- How ---------------------------------------------------------------------------------------------------------
    def _select(self, what: sql.Composable, condition: sql.Composable) -> sql.Composed:
        # A day that is -infinity, as .NET's zero is kept, is none; and psycopg could not load it.
        return sql.SQL("SELECT {} FROM {} WHERE {} AND isfinite({}) AND {}").format(
            what, self.table.identifier, self.table.counts, self.table["date"], condition
        )

    def _columns(self) -> sql.Composed:
        return sql.SQL("{}::text, {}, {}, {}::text").format(
            self.table["id"], self.table["email"], self._day(), self.table["time"]
        )

    def _day(self) -> sql.Composed:
        """Midnight in UTC is how .NET keeps a date without a time; anything else is an instant there.

        So a midnight of Santo Domingo is its own day, and so is one of New York, which is at 00:00 or 01:00 there.
        """
        return sql.SQL(
            "CASE WHEN ({date} AT TIME ZONE 'UTC')::time = '00:00' THEN ({date} AT TIME ZONE 'UTC')::date"
            " ELSE ({date} AT TIME ZONE {zone})::date END"
        ).format(date=self.table["date"], zone=sql.Literal(business_days.ZONE.key))

    def _unreminded_on(self, day: date) -> sql.Composed:
        # The range lets an index work; the day itself then decides.
        return sql.SQL("{mark} {unset} AND {date} >= {first} AND {date} < {last} AND {is_on} = {day}").format(
            mark=self.table["reminded"],
            unset=self.mapping.reminder_mark.is_unset,
            date=self.table["date"],
            first=sql.Literal(datetime.combine(day, time(), UTC)),
            last=sql.Literal(business_days.end_of(day)),
            is_on=self._day(),
            day=sql.Literal(day),
        )

    def _is_one_of(self, ids: Collection[str]) -> sql.Composed:
        return one_of(self.table["id"], ids)

    def _words(self, ids: Collection[str]) -> dict[str, sql.Composable]:
        return {
            "table": self.table.identifier,
            "id": self.table["id"],
            "mark": self.table["reminded"],
            "stamping": self.table.stamping,
            "counts": self.table.counts,
            "one_of": self._is_one_of(ids),
        }

    def _appointments(self, rows: Rows) -> list[Appointment]:
        return [Appointment(id=key, email=(email or "").strip(), day=day, at=_time(at)) for key, email, day, at in rows]


@dataclass(frozen=True)
class Appointments:
    databases: ServiceDatabases
    mapping: Mapping

    @contextmanager
    def open(self) -> Iterator[AppointmentBook]:
        """The table, after it has been found to be what the mapping says."""
        table = self.mapping.appointments
        with self.databases.open(table.database, checked=[table]) as database:
            yield AppointmentBook(database, table, self.mapping)


def _time(text: str | None) -> time | None:
    """Of a `time`, an interval or a text such as 9:30 PM."""
    found = CLOCK.fullmatch(text or "")
    if not found:
        return None
    hour, half = int(found[1]), (found[3] or "").lower()
    if half and not 1 <= hour <= 12:
        return None
    if half:
        hour = hour % 12 + (12 if half == "p" else 0)
    try:
        return time(hour, int(found[2]))
    except ValueError:
        return None
