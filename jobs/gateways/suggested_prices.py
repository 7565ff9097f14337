"""The suggested price of each active vehicle, kept in the vehicle's own currency (OKLA.md §1.3, §4)."""

from collections.abc import Iterator
from collections.abc import Mapping as ReadOnlyMapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal

from psycopg import sql

from jobs.gateways.databases import ServiceDatabase, ServiceDatabases
from jobs.gateways.tables import Mapping, one_of


@dataclass(frozen=True)
class PriceGroup:
    """Vehicles that share one question. `band` n covers mileages from n to n + 1 times the band's width."""

    make: str
    model: str
    year: int
    band: int

    def middle(self, width: int) -> int:
        """The mileage to ask for."""
        return self.band * width + width // 2


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
        return [PriceGroup(*row) for row in rows]

    def suggest(self, group: PriceGroup, prices: ReadOnlyMapping[str, Decimal], *, at_once: int) -> GroupPrices:
        """Write each vehicle's suggested price in its own currency, `at_once` rows a statement, where it differs."""
        total, priced = self._count(group, prices)
        updated = 0
        while prices and (changed := self.database.change(self._update(group, prices, at_once))):
            updated += changed
            if changed < at_once:
                break
        return GroupPrices(updated=updated, unchanged=max(0, priced - updated), without_price=total - priced)

    # --- How ---------------------------------------------------------------------------------------------------------
    def _count(self, group: PriceGroup, prices: ReadOnlyMapping[str, Decimal]) -> tuple[int, int]:
        query = sql.SQL("SELECT count(*), count(*) FILTER (WHERE {priced}) FROM {table} WHERE {group}").format(
            priced=one_of(self._currency(), prices), table=self.mapping.prices.identifier, group=self._is_of(group)
        )
        ((total, priced),) = self.database.rows(query)
        return int(total), int(priced)

    def _update(self, group: PriceGroup, prices: ReadOnlyMapping[str, Decimal], at_once: int) -> sql.Composed:
        table = self.mapping.prices
        suggested = sql.SQL("CASE {} {} END").format(
            self._currency(),
            sql.SQL(" ").join(
                sql.SQL("WHEN {} THEN {}").format(sql.Literal(currency), sql.Literal(price))
                for currency, price in prices.items()
            ),
        )
        return sql.SQL(
            "UPDATE {table} SET {price} = {suggested}{stamping} WHERE {id} IN ("
            "SELECT {id} FROM {table} WHERE {group} AND {priced} AND {price} IS DISTINCT FROM {suggested}"
            " LIMIT {most} FOR UPDATE)"
        ).format(
            table=table.identifier,
            id=table["id"],
            price=table["suggested_price"],
            suggested=suggested,
            stamping=table.stamping,
            group=self._is_of(group),
            priced=one_of(self._currency(), prices),
            most=sql.Literal(at_once),
        )

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
            "{counts} AND {status} = {active} AND {make} <> '' AND {model} <> '' AND {mileage} IS NOT NULL"
        ).format(
            counts=table.counts,
            status=table["status"],
            active=sql.Literal(self.mapping.statuses.active),
            make=table["make"],
            model=table["model"],
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
            yield SuggestedPrices(database, self.mapping, band_width)
