"""Our words for the columns of each table: those that a mapping must give a name to, and those that it may."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Words:
    must: tuple[str, ...]
    may: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        return (*self.must, *self.may)


# What a job about listings reads of a vehicle, and what is asked of the market about one.
LISTING = (
    "id", "title", "make", "price", "currency", "status", "published_at", "sold_at", "seller_id", "seller_email"
)  # fmt: skip
OFFER = (
    "id", "make", "model", "year", "mileage", "mileage_unit", "condition", "price", "currency", "status",
    "suggested_price",
)  # fmt: skip

WORDS = {
    "tokens": Words(("id", "expires_at")),
    "appointments": Words(("id", "email", "date", "time", "reminded")),
    "vehicles": Words(
        must=(
            "id", "title", "make", "model", "year", "mileage", "price", "currency", "status", "published_at",
            "sold_at", "seller_id",
        ),
        may=("seller_email", "mileage_unit", "condition", "suggested_price"),
    ),
    "analyses": Words(("id", "vehicle_id", "current_price", "suggested_price", "at")),
    "users": Words(("id", "email")),
    "logs": Words(("id", "at")),
}  # fmt: skip
