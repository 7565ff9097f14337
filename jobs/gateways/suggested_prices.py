"""The suggested price of each active vehicle, kept in the vehicle's own currency where the mapping says."""

from collections.abc import Callable, Iterator, Sequence
from collections.abc import Mapping as ReadOnlyMapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from psycopg import sql

from jobs.gateways import price_analyses
from jobs.gateways.databases import ServiceDatabase, ServiceDatabases
from jobs.gateways.mappings import Mapping
from jobs.gateways.mappings.words import OFFER
from jobs.gateways.price_groups import EVERY, Offer, Offers, PriceGroup
from jobs.gateways.pricing import MarketPrice
from jobs.gateways.tables import Table, one_of


@dataclass(frozen=True)
class GroupPrices:
    """What became of the vehicles of one group."""

    updated: int
    unchanged: int
    without_price: int  # their currency is one that the market gave no price in


class Keeper(Protocol):
    """Where suggested prices are kept."""

    def differing(self, prices: ReadOnlyMapping[str, Decimal]) -> sql.Composable:
        """A condition on vehicles that leaves out those of which it is certain that nothing is to be written."""

    def keep(self, offers: Sequence[Offer], price: MarketPrice) -> int:
        """Write for each of these what it lacks; return for how many that was."""


@dataclass(frozen=True)
class SuggestedPrices:
    """Vehicles on offer and the suggestions beside them, ready to work on."""

    offers: Offers
    keeper: Keeper

    def suggest(
        self, group: PriceGroup, price: MarketPrice, *, at_once: int, check_cancelled: Callable[[], None]
    ) -> GroupPrices:
        """Write each vehicle's suggested price in its own currency, `at_once` rows a statement, where it differs.

        What somebody holds at this moment stays as it is until the next run.
        """
        prices = price.by_currency
        total, priced = self.offers.count(group, prices)
        differing = self.keeper.differing(prices)
        updated, after = 0, None
        while page := self.offers.page(group, prices, after=after, at_most=at_once, only=differing):
            updated += self.keeper.keep(page, price)
            after = page[-1].id
            check_cancelled()
        return GroupPrices(updated=updated, unchanged=max(0, priced - updated), without_price=total - priced)


@dataclass(frozen=True)
class PriceColumn:
    """In a column of the vehicle itself. `type`: the column's."""

    database: ServiceDatabase
    offers: Offers
    type: sql.SQL

    @property
    def table(self) -> Table:
        return self.offers.table

    def differing(self, prices: ReadOnlyMapping[str, Decimal]) -> sql.Composable:
        if not prices:
            return EVERY
        return sql.SQL("{} IS DISTINCT FROM {}").format(self.table["suggested_price"], self._suggested(prices))

    def keep(self, offers: Sequence[Offer], price: MarketPrice) -> int:
        prices = price.by_currency
        return self.database.change(
            sql.SQL(
                "UPDATE {table} SET {price} = {suggested}{stamping} WHERE {id} IN ("
                "SELECT {id} FROM {table} WHERE {one_of} AND {asked} AND {priced} AND {differs} FOR UPDATE SKIP LOCKED)"
            ).format(
                table=self.table.identifier,
                id=self.table["id"],
                price=self.table["suggested_price"],
                suggested=self._suggested(prices),
                stamping=self.table.stamping,
                one_of=one_of(self.table["id"], [offer.id for offer in offers]),
                asked=self.offers.can_be_asked,
                priced=one_of(self.offers.currency, prices),
                differs=self.differing(prices),
            )
        )

    def _suggested(self, prices: ReadOnlyMapping[str, Decimal]) -> sql.Composed:
        """As their column keeps it: one that rounds would differ for ever."""
        cases = [
            sql.SQL("WHEN {} THEN {}").format(sql.Literal(name), sql.Literal(each)) for name, each in prices.items()
        ]
        return sql.SQL("(CASE {} {} END)::{}").format(self.offers.currency, sql.SQL(" ").join(cases), self.type)


@dataclass(frozen=True)
class SuggestedPriceTables:
    databases: ServiceDatabases
    mapping: Mapping

    @contextmanager
    def open(self, *, band_width: int) -> Iterator[SuggestedPrices]:
        """The tables, after they have been found to be what the mapping says."""
        table = self.mapping.vehicles.of(OFFER)
        with self.databases.open(table.database, checked=[table]) as database:
            offers = Offers(database, self.mapping, band_width)
            if self.mapping.analyses:
                with price_analyses.opened(self.databases, self.mapping.analyses) as analyses:
                    yield SuggestedPrices(offers, analyses)
            else:
                column = PriceColumn(database, offers, database.column_type(table, "suggested_price"))
                yield SuggestedPrices(offers, column)
