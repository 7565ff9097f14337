"""VehiclesSaleService's listings, with promoted, deleted and odd ones among them (OKLA.md §1.3, §8)."""

from collections.abc import Iterable, Iterator
from datetime import date
from functools import cache
from typing import Any
from uuid import UUID

from scheduler_project.demo.rows import vehicles
from scheduler_project.demo.rows.drawing import Chance, Load
from scheduler_project.demo.rows.people import Person, everybody
from scheduler_project.demo.rows.vehicles import Lot

NOBODY = UUID(int=0)  # the dealer of a private seller
KM_PER_MILE = 1.609344
LONG_AGO_DAYS = 60
# On offer for long, and never to expire: promotion is paid for, what is deleted is not there, what is sold is sold.
PROMOTED = ({"IsFeatured": True}, {"IsPremium": True}, {"IsDeleted": True})
PROMOTED_EACH, SOLD_AND_ACTIVE = 20, 5
CONDITIONS = {"Used": 88, "CertifiedPreOwned": 5, "Salvage": 3, "Rebuilt": 2, "New": 2}
UNITS = {"Kilometers": 885, "Miles": 110, "Hours": 5}


def first(day: date) -> Iterator[Load]:
    rows = [_widened(row) for load in vehicles.first(day) for row in load.named]
    lot = Lot(Chance("okla vehicles", day), day)
    for change in (*PROMOTED, {}):
        count = PROMOTED_EACH if change else SOLD_AND_ACTIVE
        for row in _named(lot.on_offer([LONG_AGO_DAYS] * count)):
            rows.append({**_widened(row), **(change or {"SoldAt": row["PublishedAt"]})})
    yield Load.of("vehicles", rows)


def further(day: date) -> Iterator[Load]:
    yield Load.of("vehicles", [_widened(row) for load in vehicles.further(day) for row in load.named])


def _named(rows: Iterable[tuple[Any, ...]]) -> Iterator[dict[str, Any]]:
    return Load("", vehicles.COLUMNS, rows).named


def _widened(row: dict[str, Any]) -> dict[str, Any]:
    chance = Chance("okla vehicle", row["Id"])
    (unit,) = chance.choices(list(UNITS), list(UNITS.values()))
    (condition,) = chance.choices(list(CONDITIONS), list(CONDITIONS.values()))
    return {
        **row,
        **_of_seller(_people().get(row["SellerId"]), chance),
        "ConcurrencyStamp": str(chance.guid()),
        "Description": row["Title"],
        "IsDeleted": False,
        "IsFeatured": False,
        "IsPremium": False,
        "FeaturedPriority": 0,
        "HomepageSections": 0,
        "UpdatedAt": row["CreatedAt"],
        "ApprovedAt": row["PublishedAt"],
        "Mileage": round(row["Mileage"] / KM_PER_MILE) if unit == "Miles" else row["Mileage"],
        "MileageUnit": unit,
        "Condition": condition,
        "VehicleType": "Car",
        "BodyStyle": "Sedan",
        "FuelType": "Gasoline",
        "Transmission": "Automatic",
        "DriveType": "FWD",
        "Doors": 4,
        "Seats": 5,
        "Country": "DO",
        "ViewCount": chance.randint(0, 900),
        "FavoriteCount": chance.randint(0, 40),
        "InquiryCount": chance.randint(0, 15),
    }


def _of_seller(seller: Person | None, chance: Chance) -> dict[str, Any]:
    """Most listings carry their seller's address; of the others, UserService may know it."""
    is_dealer = bool(seller and seller.account_type == "Dealer")
    address = seller.email if seller and "@" in seller.email else None
    return {
        "DealerId": seller.id if seller and is_dealer else NOBODY,
        "SellerName": f"{seller.first_name} {seller.last_name}".strip() if seller else "",
        "SellerType": int(is_dealer),
        "SellerEmail": address if chance.is_so(0.8) else chance.choice((None, "")),
        "SellerVerified": is_dealer,
    }


@cache
def _people() -> dict[UUID, Person]:
    return {person.id: person for person in everybody()}
