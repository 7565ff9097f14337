"""Listings of VehiclesSaleService: on offer, sold, and what lies between (OKLA.md §1.3, §8)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from scheduler_project.demo import market
from scheduler_project.demo.market import DOP_PER_USD, MODELS, Model
from scheduler_project.demo.rows.drawing import Chance, Load, Row, days_before
from scheduler_project.demo.rows.people import Person, sellers

ACTIVE_DAYS = 30
BAND_KM = 10_000
ACTIVE_NEW, ACTIVE_OLD = 1_250, 150
# Sold so many days ago: yesterday, the day before, and the same weekday of last week are what a report compares.
SOLD = {1: 25, 2: 19, 8: 22}
SOLD_EARLIER, SOLD_OVER_DAYS = 354, 60
OTHERS = {"Draft": 60, "PendingReview": 40, "Reserved": 40, "Archived": 40}
LISTED_A_DAY, SOLD_A_DAY = 40, 25
DOP_SHARE = 0.4
WORKING_HOURS = {"first_hour": 8.5, "last_hour": 18.5}
CITIES = {
    "Santo Domingo": 30, "Santiago": 20, "La Romana": 5, "Punta Cana": 5, "Puerto Plata": 5,
    "San Pedro de Macorís": 5, "Santo Domingo Este": 5, "Santo Domingo Norte": 5, "Higüey": 5,
    "San Francisco de Macorís": 5, "Baní": 5, "La Vega": 5,
}  # fmt: skip
COLUMNS = (
    "Id", "SellerId", "Title", "Make", "Model", "Year", "Mileage", "Price", "Currency", "Status", "CreatedAt",
    "PublishedAt", "SoldAt", "City",
)  # fmt: skip
# What people type: a letter must carry it as text and stay whole.
ADDED_TO_TITLES = ("", "", "", "", "", "", " <b>¡OFERTA!</b>", ' "Limited" & techo', ", un solo dueño", ", 4x4")


@dataclass(frozen=True)
class Variant:
    """What the market is asked about once: a model of a year within a band of mileage."""

    model: Model
    year: int
    band: int


def _variants(a_model: int = 3) -> tuple[Variant, ...]:
    """Three a model, so that a price is asked for 120 times and not 2,000 times."""
    found = []
    for model in MODELS:
        chance = Chance("variants", model.make, model.name)
        years = sorted(chance.sample(range(2018, 2025), a_model))
        found += [Variant(model, year, max(0, round((2025 - year) * 1.1 + chance.uniform(-1, 1)))) for year in years]
    return tuple(found)


VARIANTS = _variants()
SHARES = [variant.model.share for variant in VARIANTS]


def first(day: date) -> Iterator[Load]:
    chance = Chance("vehicles", day)
    recent = (chance.randint(1, ACTIVE_DAYS - 1) for _ in range(ACTIVE_NEW))
    old = (chance.randint(ACTIVE_DAYS + 1, 75) for _ in range(ACTIVE_OLD))
    sold = [days for days, count in SOLD.items() for _ in range(count)]
    sold += [chance.randint(9, SOLD_OVER_DAYS) for _ in range(SOLD_EARLIER)]
    lot = Lot(chance, day)
    yield Load(
        "Vehicles",
        COLUMNS,
        [
            *lot.on_offer([*recent, *old]),
            *lot.sold(sold),
            *(lot.other(status) for status, count in OTHERS.items() for _ in range(count)),
        ],
    )


def further(day: date) -> Iterator[Load]:
    """Yesterday's new listings and sales. What was on offer before grows older by itself."""
    lot = Lot(Chance("further vehicles", day), day)
    yield Load("Vehicles", COLUMNS, [*lot.on_offer([1] * LISTED_A_DAY), *lot.sold([1] * SOLD_A_DAY)])


@dataclass(frozen=True)
class Lot:
    """Draws vehicles as they stand on one day."""

    chance: Chance
    day: date

    def on_offer(self, days_ago: Iterable[int]) -> Iterator[Row]:
        for days in days_ago:
            yield self._row("Active", published=self._at(days))

    def sold(self, days_ago: Sequence[int]) -> Iterator[Row]:
        """In both currencies, whatever chance says."""
        for number, days in enumerate(days_ago):
            at = self._at(days)
            published = at - timedelta(days=self.chance.randint(3, 40), minutes=self.chance.randint(0, 500))
            yield self._row("Sold", published=published, sold=at, currency=("USD", "DOP", "USD")[number % 3])

    def other(self, status: str) -> Row:
        return self._row(status, published=None if status in ("Draft", "PendingReview") else self._at(20))

    def _at(self, days_ago: int) -> datetime:
        return self.chance.within(days_before(self.day, days_ago), **WORKING_HOURS)

    def _row(self, status: str, *, published: datetime | None, sold: datetime | None = None, currency: str = "") -> Row:
        chance = self.chance
        (variant,) = chance.choices(VARIANTS, SHARES)
        mileage = variant.band * BAND_KM + chance.randint(150, BAND_KM - 1)
        currency = currency or ("DOP" if chance.is_so(DOP_SHARE) else "USD")
        created = published - timedelta(hours=chance.randint(2, 72)) if published else self._at(chance.randint(1, 20))
        return (
            chance.guid(),
            self._seller().id if status != "Active" or not chance.is_so(0.01) else chance.guid(),
            f"{variant.model.make} {variant.model.name} {variant.year}{chance.choice(ADDED_TO_TITLES)}",
            *(variant.model.make, variant.model.name, variant.year, mileage),
            *(self._price(variant, mileage, currency), currency, status),
            *(created, published, sold),
            chance.choices(list(CITIES), list(CITIES.values()))[0],
        )

    def _seller(self) -> Person:
        return self.chance.choice(sellers())

    def _price(self, variant: Variant, mileage: int, currency: str) -> int:
        """Around the market's, rounded as people round."""
        model = variant.model
        usd = market.price_usd(
            model.make, model.name, year=variant.year, mileage_km=mileage, this_year=self.day.year
        ) * self.chance.uniform(0.92, 1.12)
        return round(usd * DOP_PER_USD / 5_000) * 5_000 if currency == "DOP" else round(usd / 250) * 250
