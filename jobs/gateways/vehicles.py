"""VehiclesSaleService's listings: those to expire, and what was sold and published (OKLA.md §1.3)."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from psycopg import sql

from jobs.gateways.databases import Rows, ServiceDatabase, ServiceDatabases
from jobs.gateways.mappings import Mapping
from jobs.gateways.mappings.words import LISTING
from jobs.gateways.tables import Table, one_of


@dataclass(frozen=True)
class Listing:
    """`published_at` is their text of the instant: it tells one publication of a vehicle from the next."""

    id: str
    title: str
    seller_id: str
    seller_email: str
    published_at: str


@dataclass(frozen=True)
class Sold:
    """Vehicles sold within a window, of one currency and, where asked by make, one make."""

    currency: str
    count: int
    total: Decimal
    make: str = ""


@dataclass(frozen=True)
class Window:
    """From `begin` (included) to `end` (excluded), instants."""

    begin: datetime
    end: datetime


@dataclass(frozen=True)
class Listings:
    """The table of vehicles, ready to work on."""

    database: ServiceDatabase
    mapping: Mapping

    @property
    def table(self) -> Table:
        return self.mapping.vehicles

    # --- Expiry ------------------------------------------------------------------------------------------------------
    def count_expirable(self, before: datetime) -> int:
        return int(self.database.value(self._select(sql.SQL("count(*)"), self._is_expirable(before))))

    def expirable(self, before: datetime, *, after: str | None, at_most: int) -> list[Listing]:
        """Active listings published before that instant, in the order of their ids, those behind the id `after`."""
        behind = sql.SQL("{} > {}").format(self.table["id"], sql.Literal(after)) if after else sql.SQL("TRUE")
        # By the column itself: its bare name would mean what is selected, a text, which no index has in order.
        order = sql.SQL("{}.{}").format(self.table.identifier, self.table["id"])
        page = sql.SQL(" ORDER BY {} LIMIT {}").format(order, sql.Literal(at_most))
        condition = sql.SQL("{} AND {}").format(self._is_expirable(before), behind)
        return _listings(self.database.rows(self._select(self._listing_columns(), condition) + page))

    def expire(self, ids: Collection[str], before: datetime) -> list[str]:
        """Write the status of an expired listing where it is still due; return the ids of those that this changed.

        A row that somebody holds is passed over: waiting for it would keep those before it locked as long.
        """
        query = sql.SQL(
            "UPDATE {table} SET {status} = {expired}{stamping} WHERE {id} IN"
            " (SELECT {id} FROM {table} WHERE {one_of} AND {due} FOR UPDATE SKIP LOCKED) RETURNING {id}::text"
        ).format(
            table=self.table.identifier,
            id=self.table["id"],
            status=self.table["status"],
            expired=sql.Literal(self.mapping.statuses.expired),
            stamping=self.table.stamping,
            one_of=self._is_one_of(ids),
            due=self._is_expirable(before),
        )
        return [row[0] for row in self.database.rows(query)] if ids else []

    def expired(self, ids: Collection[str]) -> list[Listing]:
        """Those of them that are expired by now."""
        if not ids:
            return []
        condition = sql.SQL("{} AND {} = {}").format(
            self._is_one_of(ids), self.table["status"], sql.Literal(self.mapping.statuses.expired)
        )
        return _listings(self.database.rows(self._select(self._listing_columns(), condition)))

    # --- What was sold and published ---------------------------------------------------------------------------------
    def sold(self, window: Window) -> list[Sold]:
        """By currency, the currency with most sales first."""
        query = sql.SQL("upper(trim({currency})), count(*), coalesce(sum({price}), 0)").format(**self._money())
        grouped = self._select(query, self._was_sold(window)) + sql.SQL(" GROUP BY 1 ORDER BY 2 DESC, 1")
        return [Sold(currency, count, total) for currency, count, total in self.database.rows(grouped)]

    def sold_by_make(self, window: Window, *, at_most: int) -> list[Sold]:
        """By make and currency, the pair with most sales first."""
        query = sql.SQL("{make}, upper(trim({currency})), count(*), coalesce(sum({price}), 0)").format(
            make=self.table["make"], **self._money()
        )
        page = sql.SQL(" GROUP BY 1, 2 ORDER BY 3 DESC, 4 DESC, 1, 2 LIMIT {}").format(sql.Literal(at_most))
        rows = self.database.rows(self._select(query, self._was_sold(window)) + page)
        return [Sold(currency, count, total, make=make) for make, currency, count, total in rows]

    def count_published(self, window: Window) -> int:
        condition = sql.SQL("{at} >= {begin} AND {at} < {end}").format(
            at=self.table["published_at"], begin=sql.Literal(window.begin), end=sql.Literal(window.end)
        )
        return int(self.database.value(self._select(sql.SQL("count(*)"), condition)))

    # --- How ---------------------------------------------------------------------------------------------------------
    def _select(self, what: sql.Composable, condition: sql.Composable) -> sql.Composed:
        return sql.SQL("SELECT {} FROM {} WHERE {} AND {}").format(
            what, self.table.identifier, self.table.counts, condition
        )

    def _listing_columns(self) -> sql.Composed:
        has_email = self.table.has("seller_email")
        email = self.table["seller_email"] if has_email else sql.SQL("NULL")
        return sql.SQL("{}::text, {}, {}::text, {}, {}::text").format(
            self.table["id"], self.table["title"], self.table["seller_id"], email, self.table["published_at"]
        )

    def _is_expirable(self, before: datetime) -> sql.Composed:
        return sql.SQL("{} AND {} = {} AND {} < {}").format(
            self.mapping.expirable.counts,
            self.table["status"],
            sql.Literal(self.mapping.statuses.active),
            self.table["published_at"],
            sql.Literal(before),
        )

    def _was_sold(self, window: Window) -> sql.Composed:
        return sql.SQL("{status} = {sold} AND {at} >= {begin} AND {at} < {end}").format(
            status=self.table["status"],
            sold=sql.Literal(self.mapping.statuses.sold),
            at=self.table["sold_at"],
            begin=sql.Literal(window.begin),
            end=sql.Literal(window.end),
        )

    def _money(self) -> dict[str, sql.Identifier]:
        return {"currency": self.table["currency"], "price": self.table["price"]}

    def _is_one_of(self, ids: Collection[str]) -> sql.Composed:
        return one_of(self.table["id"], ids)


@dataclass(frozen=True)
class Vehicles:
    databases: ServiceDatabases
    mapping: Mapping

    @contextmanager
    def open(self) -> Iterator[Listings]:
        """The table, after it has been found to be what the mapping says."""
        table = self.mapping.expirable.of(LISTING)
        with self.databases.open(table.database, checked=[table]) as database:
            yield Listings(database, self.mapping)


def _listings(rows: Rows) -> list[Listing]:
    return [
        Listing(id=key, title=title or "", seller_id=seller, seller_email=(email or "").strip(), published_at=published)
        for key, title, seller, email, published in rows
    ]
