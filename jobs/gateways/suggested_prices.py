"""The suggested price of each active vehicle, kept in the vehicle's own currency (OKLA.md §1.3, §4)."""

from collections.abc import Callable, Iterator
from collections.abc import Mapping as ReadOnlyMapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from psycopg import sql

from jobs.gateways.databases import ServiceDatabase, ServiceDatabases
from jobs.gateways.pricing import PriceQuestion
from jobs.gateways.tables import Mapping, one_of


@dataclass(frozen=True)
class PriceGroup:
    """Vehicles that share one question. `band` n covers mileages from n to n + 1 times `width`, in kilometres."""

    make: str
    model: str
    year: int
    band: int
    width: int

    def __str__(self) -> str:
        return str(self.question)

    @property
    def question(self) -> PriceQuestion:
        """For the middle of the band."""
        return PriceQuestion(self.make, self.model, self.year, self.band * self.width + self.width // 2)

    @property
    def key(self) -> list[Any]:
        """What names the group, as JSON: a position that a later run can go on from."""
        return [self.make, self.model, self.year, self.band, self.width]

    @classmethod
    def of(cls, key: list[Any]) -> "PriceGroup":
        return cls(*key)


@dataclass(frozen=True)
class GroupPrices:
    """What became of the vehicles of one group."""

    updated: int
    unchanged: int
    without_price: int  # their currency is one that the market gave no price in


@dataclass(frozen=True)
class SuggestedPrices:
    """The table that suggested prices are kept in, ready to work on."""

    database: ServiceDatabase
    mapping: Mapping
    width: int  # of a mileage band
    price_type: sql.SQL  # of the column

    def count_groups(self) -> int:
        query = sql.SQL("SELECT count(*) FROM (SELECT DISTINCT {} FROM {} WHERE {}) AS groups")
        return int(self.database.value(query.format(self._key(), self.mapping.prices.identifier, self._is_priced())))

    def groups(self, *, after: PriceGroup | None, at_most: int) -> list[PriceGroup]:
        """The next groups of active vehicles, in the order of their four words."""
        behind: sql.Composable = sql.SQL("TRUE")
        if after:
            behind = sql.SQL("({}) > ({})").format(self._key(), self._values(after))
        query = sql.SQL(
            "SELECT DISTINCT {key} FROM {table} WHERE {priced} AND {behind} ORDER BY 1, 2, 3, 4 LIMIT {most}"
        )
        rows = self.database.rows(
            query.format(
                key=self._key(), table=self.mapping.prices.identifier, priced=self._is_priced(), behind=behind,
                most=sql.Literal(at_most),
            )
        )  # fmt: skip
        return [PriceGroup.of([*row, self.width]) for row in rows]

    def suggest(
        self,
        group: PriceGroup,
        prices: ReadOnlyMapping[str, Decimal],
        *,
        at_once: int,
        check_cancelled: Callable[[], None],
    ) -> GroupPrices:
        """Write each vehicle's suggested price in its own currency, `at_once` rows a statement, where it differs.

        Vehicles that somebody holds at this moment keep theirs until the next run.
        """
        total, priced = self._count(group, prices)
        updated = 0
        page = self._page(group, prices, after=None, at_once=at_once) if prices else []
        while page:
            updated += self.database.change(self._update(page, prices))
            check_cancelled()
            page = self._page(group, prices, after=page[-1], at_once=at_once)
        return GroupPrices(updated=updated, unchanged=max(0, priced - updated), without_price=total - priced)

    # --- How ---------------------------------------------------------------------------------------------------------
    def _count(self, group: PriceGroup, prices: ReadOnlyMapping[str, Decimal]) -> tuple[int, int]:
        query = sql.SQL("SELECT count(*), count(*) FILTER (WHERE {priced}) FROM {table} WHERE {group}").format(
            priced=one_of(self._currency(), prices), table=self.mapping.prices.identifier, group=self._is_of(group)
        )
        ((total, priced),) = self.database.rows(query)
        return int(total), int(priced)

    def _page(
        self, group: PriceGroup, prices: ReadOnlyMapping[str, Decimal], *, after: str | None, at_once: int
    ) -> list[str]:
        """The next ids of vehicles whose price is another one."""
        table = self.mapping.prices
        behind = sql.SQL("{} > {}").format(table["id"], sql.Literal(after)) if after else sql.SQL("TRUE")
        query = sql.SQL(
            "SELECT {id}::text FROM {table} WHERE {group} AND {differs} AND {behind} ORDER BY {id} LIMIT {most}"
        ).format(
            id=table["id"],
            table=table.identifier,
            group=self._is_of(group),
            differs=self._differs(prices),
            behind=behind,
            most=sql.Literal(at_once),
        )
        return [row[0] for row in self.database.rows(query)]

    def _update(self, ids: list[str], prices: ReadOnlyMapping[str, Decimal]) -> sql.Composed:
        table = self.mapping.prices
        return sql.SQL(
            "UPDATE {table} SET {price} = {suggested}{stamping} WHERE {id} IN ("
            "SELECT {id} FROM {table} WHERE {one_of} AND {priced} AND {differs} FOR UPDATE SKIP LOCKED)"
        ).format(
            table=table.identifier,
            id=table["id"],
            price=table["suggested_price"],
            suggested=self._suggested(prices),
            stamping=table.stamping,
            one_of=one_of(table["id"], ids),
            priced=self._is_priced(),
            differs=self._differs(prices),
        )

    def _differs(self, prices: ReadOnlyMapping[str, Decimal]) -> sql.Composed:
        return sql.SQL("{} AND {} IS DISTINCT FROM {}").format(
            one_of(self._currency(), prices), self.mapping.prices["suggested_price"], self._suggested(prices)
        )

    def _suggested(self, prices: ReadOnlyMapping[str, Decimal]) -> sql.Composed:
        """As their column keeps it: one that rounds would differ for ever."""
        cases = sql.SQL(" ").join(
            sql.SQL("WHEN {} THEN {}").format(sql.Literal(currency), sql.Literal(price))
            for currency, price in prices.items()
        )
        return sql.SQL("(CASE {} {} END)::{}").format(self._currency(), cases, self.price_type)

    def _key(self) -> sql.Composed:
        table = self.mapping.prices
        return sql.SQL("{}, {}, {}, greatest({}, 0) / {}").format(
            table["make"], table["model"], table["year"], table["mileage"], sql.Literal(self.width)
        )

    def _values(self, group: PriceGroup) -> sql.Composed:
        return sql.SQL(", ").join(map(sql.Literal, (group.make, group.model, group.year, group.band)))

    def _is_of(self, group: PriceGroup) -> sql.Composed:
        return sql.SQL("{} AND ({}) = ({})").format(self._is_priced(), self._key(), self._values(group))

    def _is_priced(self) -> sql.Composed:
        table = self.mapping.prices
        return sql.SQL(
            "{counts} AND {status} = {active} AND {make} <> '' AND {model} <> ''"
            " AND {year} IS NOT NULL AND {mileage} IS NOT NULL"
        ).format(
            counts=table.counts,
            status=table["status"],
            active=sql.Literal(self.mapping.statuses.active),
            make=table["make"],
            model=table["model"],
            year=table["year"],
            mileage=table["mileage"],
        )

    def _currency(self) -> sql.Composed:
        return sql.SQL("upper(trim({}))").format(self.mapping.prices["currency"])


@dataclass(frozen=True)
class SuggestedPriceTables:
    databases: ServiceDatabases
    mapping: Mapping

    @contextmanager
    def open(self, *, band_width: int) -> Iterator[SuggestedPrices]:
        """The table, after it has been found to be what the mapping says."""
        table = self.mapping.prices
        with self.databases.open(table.database, checked=[table]) as database:
            price_type = database.column_type(table, "suggested_price")
            yield SuggestedPrices(database, self.mapping, band_width, price_type)
