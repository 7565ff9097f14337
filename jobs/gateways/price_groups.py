"""Vehicles on offer, by the question that the market is asked about them (OKLA.md §1.3, §4)."""

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from psycopg import sql

from jobs.gateways.databases import ServiceDatabase
from jobs.gateways.mappings import Mapping
from jobs.gateways.pricing import USED, PriceQuestion
from jobs.gateways.tables import Table, one_of

EVERY: sql.Composable = sql.SQL("TRUE")


@dataclass(frozen=True)
class PriceGroup:
    """Vehicles that share one question. `band` n covers mileages from n to n + 1 times `width`, in kilometres."""

    make: str
    model: str
    year: int
    band: int
    width: int
    condition: str = USED

    def __str__(self) -> str:
        return str(self.question)

    @property
    def question(self) -> PriceQuestion:
        """For the middle of the band."""
        mileage = self.band * self.width + self.width // 2
        return PriceQuestion(self.make, self.model, self.year, mileage, self.condition)

    @property
    def key(self) -> list[Any]:
        """What names the group, as JSON: a position that a later run can go on from."""
        return [self.make, self.model, self.year, self.band, self.width, self.condition]

    @classmethod
    def of(cls, key: list[Any]) -> "PriceGroup":
        return cls(*key)


@dataclass(frozen=True)
class Offer:
    """A vehicle on offer. `price`: its own, in its currency; None where nobody wrote one down."""

    id: str
    price: Decimal | None
    currency: str


@dataclass(frozen=True)
class Offers:
    """The active vehicles, ready to be read. `width`: of a mileage band, in kilometres."""

    database: ServiceDatabase
    mapping: Mapping
    width: int

    @property
    def table(self) -> Table:
        return self.mapping.vehicles

    @property
    def currency(self) -> sql.Composed:
        return sql.SQL("upper(trim({}))").format(self.table["currency"])

    def count_all(self) -> tuple[int, int]:
        """How many vehicles can be asked about, and in how many groups they are."""
        asked = sql.SQL("FROM {} WHERE {}").format(self.table.identifier, self.can_be_asked)
        vehicles = self.database.value(sql.SQL("SELECT count(*) {}").format(asked))
        groups = sql.SQL("SELECT count(*) FROM (SELECT DISTINCT {} {}) AS groups").format(self._key, asked)
        return int(vehicles), int(self.database.value(groups))

    def count_others(self) -> int:
        """Active vehicles that no question can be asked about: a word of it is missing, or is none of the market's."""
        query = sql.SQL("SELECT count(*) FROM {} WHERE {} AND ({}) IS NOT TRUE")
        return int(self.database.value(query.format(self.table.identifier, self._is_active, self._has_words)))

    def groups(self, *, after: PriceGroup | None, at_most: int) -> list[PriceGroup]:
        """The next groups, in the order of their words."""
        behind = sql.SQL("({}) > ({})").format(self._key, self._values(after)) if after else EVERY
        query = sql.SQL(
            "SELECT DISTINCT {key} FROM {table} WHERE {asked} AND {behind} ORDER BY 1, 2, 3, 4, 5 LIMIT {most}"
        ).format(
            key=self._key, table=self.table.identifier, asked=self.can_be_asked, behind=behind, most=at_most
        )  # fmt: skip
        return [
            PriceGroup(make, model, year, band, self.width, condition)
            for make, model, year, band, condition in self.database.rows(query)
        ]

    def count(self, group: PriceGroup, currencies: Collection[str]) -> tuple[int, int]:
        """How many there are in the group, and how many of them are priced in one of these currencies."""
        query = sql.SQL("SELECT count(*), count(*) FILTER (WHERE {priced}) FROM {table} WHERE {group}").format(
            priced=one_of(self.currency, currencies), table=self.table.identifier, group=self._is_of(group)
        )
        ((total, priced),) = self.database.rows(query)
        return int(total), int(priced)

    def page(
        self,
        group: PriceGroup,
        currencies: Collection[str],
        *,
        after: str | None,
        at_most: int,
        only: sql.Composable = EVERY,
    ) -> list[Offer]:
        """The group's next vehicles in these currencies, in the order of their ids, those behind the id `after`."""
        id, price = self.table["id"], self.table["price"]
        query = sql.SQL(
            "SELECT {id}::text, {price}, {currency} FROM {table} WHERE {group} AND {priced} AND {only} AND {behind}"
            " ORDER BY {id} LIMIT {most}"
        ).format(
            id=id,
            price=price,
            currency=self.currency,
            table=self.table.identifier,
            group=self._is_of(group),
            priced=one_of(self.currency, currencies),
            only=only,
            behind=sql.SQL("{} > {}").format(id, sql.Literal(after)) if after else EVERY,
            most=at_most,
        )
        return [Offer(*row) for row in self.database.rows(query)]

    @property
    def can_be_asked(self) -> sql.Composed:
        return sql.SQL("{} AND {}").format(self._is_active, self._has_words)

    # --- How ---------------------------------------------------------------------------------------------------------
    @property
    def _is_active(self) -> sql.Composed:
        active = sql.Literal(self.mapping.statuses.active)
        return sql.SQL("{} AND {} = {}").format(self.table.counts, self.table["status"], active)

    @property
    def _has_words(self) -> sql.Composed:
        return sql.SQL(
            "{make} <> '' AND {model} <> '' AND {year} IS NOT NULL AND {mileage} IS NOT NULL AND {condition} AND {unit}"
        ).format(
            **{word: self.table[word] for word in ("make", "model", "year", "mileage")},
            condition=self._is_known("condition", self.mapping.conditions),
            unit=self._is_known("mileage_unit", self.mapping.kilometres),
        )

    def _is_known(self, word: str, known: Collection[str]) -> sql.Composable:
        return one_of(self.table[word], known) if self.table.has(word) else EVERY

    @property
    def _key(self) -> sql.Composed:
        return sql.SQL("{make}, {model}, {year}, {band}, {condition}").format(
            **{word: self.table[word] for word in ("make", "model", "year")},
            band=self._band,
            condition=self._condition,
        )

    @property
    def _band(self) -> sql.Composed:
        return sql.SQL("floor(greatest({}, 0) * {} / {})::bigint").format(
            self.table["mileage"], self._kilometres, sql.Literal(self.width)
        )

    @property
    def _kilometres(self) -> sql.Composable:
        """How many one of the mileage's unit is."""
        if not self.table.has("mileage_unit"):
            return sql.Literal(1)
        return _case(self.table["mileage_unit"], self.mapping.kilometres)

    @property
    def _condition(self) -> sql.Composable:
        if not self.table.has("condition"):
            return sql.Literal(USED)
        return _case(self.table["condition"], self.mapping.conditions)

    def _values(self, group: PriceGroup) -> sql.Composed:
        words = (group.make, group.model, group.year, group.band, group.condition)
        return sql.SQL(", ").join(map(sql.Literal, words))

    def _is_of(self, group: PriceGroup) -> sql.Composed:
        return sql.SQL("{} AND ({}) = ({})").format(self.can_be_asked, self._key, self._values(group))


def _case(column: sql.Composable, values: Any) -> sql.Composed:
    """What stands for the column's value."""
    cases = [
        sql.SQL("WHEN {} THEN {}").format(sql.Literal(theirs), sql.Literal(ours)) for theirs, ours in values.items()
    ]
    return sql.SQL("CASE {} {} END").format(column, sql.SQL(" ").join(cases))
