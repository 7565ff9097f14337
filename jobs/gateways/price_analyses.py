"""Suggested prices as rows of their own: VehicleIntelligenceService's analyses (OKLA.md §1.3, docs/decisions/0012)."""

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Mapping as ReadOnlyMapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal

from psycopg import sql

from jobs.gateways.databases import ServiceDatabase, ServiceDatabases
from jobs.gateways.mappings import Analyses
from jobs.gateways.price_groups import EVERY, Offer
from jobs.gateways.pricing import MarketPrice
from jobs.gateways.tables import MappingError, one_of

# Only the newest of a vehicle counts, as for its owner. One that says the same already is enough, whoever made it; of
# those that say something else ours is changed, and beside anybody else's a new one is put.
KEEP = sql.SQL(
    "WITH wanted AS MATERIALIZED ("
    " SELECT vehicle::{vehicle_type} AS vehicle, listed::{listed_type} AS listed, asked::{asked_type} AS asked"
    " FROM unnest(%(vehicles)s::text[], %(listed)s::numeric[], %(asked)s::numeric[]) AS w(vehicle, listed, asked)),"
    " newest AS MATERIALIZED ("
    " SELECT DISTINCT ON (known.{vehicle}) known.{id} AS id, known.{vehicle} AS vehicle, ({is_ours}) AS is_ours,"
    " known.{listed} AS listed, known.{asked} AS asked"
    " FROM {table} AS known JOIN wanted ON known.{vehicle} = wanted.vehicle"
    " WHERE isfinite(known.{at}) ORDER BY known.{vehicle}, known.{at} DESC, known.{id}),"
    " differing AS MATERIALIZED ("
    " SELECT wanted.*, newest.id, coalesce(newest.is_ours, false) AS is_ours"
    " FROM wanted LEFT JOIN newest USING (vehicle)"
    " WHERE (newest.listed, newest.asked) IS DISTINCT FROM (wanted.listed, wanted.asked)),"
    " held AS MATERIALIZED ("
    " SELECT {id} AS id FROM {table} WHERE {id} IN (SELECT id FROM differing WHERE is_ours) FOR UPDATE SKIP LOCKED),"
    " changed AS ("
    " UPDATE {table} AS known SET {assignments} FROM differing JOIN held ON held.id = differing.id"
    " WHERE known.{id} = held.id RETURNING 1),"
    " added AS ("
    " INSERT INTO {table} ({columns}) SELECT {values} FROM differing WHERE NOT is_ours RETURNING 1)"
    " SELECT (SELECT count(*) FROM changed) + (SELECT count(*) FROM added)"
)
UNFILLED = sql.SQL(
    "SELECT attname FROM pg_attribute WHERE attrelid = {table}::regclass AND attnum > 0 AND NOT attisdropped"
    " AND attnotnull AND NOT atthasdef AND attidentity = '' AND NOT attname = ANY (%(written)s)"
)


@dataclass(frozen=True)
class PriceAnalyses:
    """The table, ready to work on. The types are its columns'."""

    database: ServiceDatabase
    analyses: Analyses
    vehicle_type: sql.SQL
    listed_type: sql.SQL
    asked_type: sql.SQL

    def differing(self, prices: ReadOnlyMapping[str, Decimal]) -> sql.Composable:
        """Vehicles stand in another database: which of them differ is found out on the way."""
        return EVERY

    def keep(self, offers: Sequence[Offer], price: MarketPrice) -> int:
        priced = [offer for offer in offers if offer.price is not None]
        parameters = {
            "vehicles": [offer.id for offer in priced],
            "listed": [offer.price for offer in priced],
            "asked": [price.by_currency[offer.currency] for offer in priced],
        }
        # Two runs that add at once would both find that there is none.
        name = f"schedulerservice {self.analyses.table.name}"
        return int(self.database.rows_alone(name, self._statement(price), parameters)[0][0])

    # --- How ---------------------------------------------------------------------------------------------------------
    def _statement(self, price: MarketPrice) -> sql.Composed:
        table, values = self.analyses.table, self._values(price)
        first = {name: sql.SQL(stamp.value) for name, stamp in self.analyses.first_stamps.items()}
        return KEEP.format(
            table=table.identifier,
            id=table["id"],
            vehicle=table["vehicle_id"],
            listed=table["current_price"],
            asked=table["suggested_price"],
            at=table["at"],
            vehicle_type=self.vehicle_type,
            listed_type=self.listed_type,
            asked_type=self.asked_type,
            is_ours=self._is_ours,
            assignments=_joined(sql.SQL("{} = {}").format(sql.Identifier(name), values[name]) for name in values),
            columns=_joined(map(sql.Identifier, [*values, *first])),
            values=_joined([*values.values(), *first.values()]),
        )

    @property
    def _is_ours(self) -> sql.Composed:
        marks = self.analyses.ours.items()
        return sql.SQL(" AND ").join(one_of(sql.Identifier("known", name), [value]) for name, value in marks)

    def _values(self, price: MarketPrice) -> dict[str, sql.Composable]:
        """What each column gets, spoken of the rows of `differing`."""
        analyses, columns = self.analyses, self.analyses.table.columns
        listed, asked = sql.SQL("differing.listed"), sql.SQL("differing.asked")
        words = {
            "listed": listed,
            "asked": asked,
            "confidence": sql.SQL("{}::numeric").format(sql.Literal(price.confidence)),
            "position": analyses.position(listed=listed, asked=asked),
        }
        constants = {**analyses.constants, **analyses.ours}
        return {
            columns["vehicle_id"]: sql.SQL("differing.vehicle"),
            columns["current_price"]: listed,
            columns["suggested_price"]: asked,
            columns["at"]: sql.SQL("now()"),
            **{name: sql.SQL(figure.value).format(**words) for name, figure in analyses.figures.items()},
            **{name: sql.Literal(value) for name, value in constants.items()},
            **{name: sql.SQL(stamp.value) for name, stamp in analyses.table.stamps.items()},
        }


@contextmanager
def opened(databases: ServiceDatabases, analyses: Analyses) -> Iterator[PriceAnalyses]:
    """The table, after it has been found to be what the mapping says."""
    table = analyses.table
    with databases.open(table.database, checked=[analyses.checked]) as database:
        kept = PriceAnalyses(
            database,
            analyses,
            vehicle_type=database.column_type(table, "vehicle_id"),
            listed_type=database.column_type(table, "current_price"),
            asked_type=database.column_type(table, "suggested_price"),
        )
        if unfilled := unfilled_columns(database, analyses):
            raise MappingError(f"The table mapping does not fit: {unfilled}.")
        yield kept


def unfilled_columns(database: ServiceDatabase, analyses: Analyses) -> str:
    """Which must have a value in a new row, and get none by the mapping: a sentence, empty if there are none."""
    table = analyses.table
    query = UNFILLED.format(table=table.identifier.as_string())
    named = ", ".join(f'"{name}"' for (name,) in database.rows(query, {"written": analyses.written}))
    said = f'a row of table "{table.name}" of database {table.database} must have {named}'
    return f"{said}: give it a value in analyses.constants" if named else ""


def _joined(parts: Iterable[sql.Composable]) -> sql.Composed:
    return sql.SQL(", ").join(parts)
