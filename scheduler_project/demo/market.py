"""What vehicles cost in the demo: the models on offer, and the price that listings and services follow."""

from dataclasses import dataclass
from hashlib import sha256

DOP_PER_USD = 58.5  # what OKLA's pricing reckons with (OKLA.md §4)
# Freight and duties: there a vehicle costs more than where its list price comes from.
IMPORTED = 1.3
YEARLY_LOSS, LOSS_PER_10_000_KM = 0.07, 0.02
LOWEST_SHARE_OF_NEW = 0.12
CONDITIONS = {"new": 1.08, "nuevo": 1.08, "certified": 1.04, "certificado": 1.04, "used": 1.0, "usado": 1.0}


@dataclass(frozen=True)
class Model:
    make: str
    name: str
    new_price_usd: int
    share: int  # of the listings, beside the others


MODELS = (
    Model("Toyota", "Corolla", 24_000, 9), Model("Toyota", "RAV4", 33_000, 8), Model("Toyota", "Hilux", 38_000, 6),
    Model("Toyota", "Camry", 30_000, 5), Model("Toyota", "Land Cruiser Prado", 64_000, 3),
    Model("Honda", "Civic", 26_000, 8), Model("Honda", "CR-V", 34_000, 8), Model("Honda", "Accord", 31_000, 4),
    Model("Honda", "Pilot", 44_000, 3), Model("Mercedes-Benz", "C 300", 52_000, 4),
    Model("Mercedes-Benz", "GLC 300", 56_000, 3), Model("Mercedes-Benz", "GLE 350", 70_000, 2),
    Model("BMW", "330i", 50_000, 3), Model("BMW", "X3", 53_000, 3), Model("BMW", "X5", 73_000, 3),
    Model("Nissan", "Sentra", 22_000, 5), Model("Nissan", "Rogue", 31_000, 4), Model("Nissan", "Frontier", 35_000, 3),
    Model("Audi", "A4", 47_000, 3), Model("Audi", "Q5", 52_000, 3), Model("Lexus", "RX 350", 58_000, 3),
    Model("Lexus", "NX 300", 48_000, 2), Model("Ford", "Explorer", 46_000, 3), Model("Ford", "F-150", 49_000, 3),
    Model("Ford", "Escape", 31_000, 3), Model("Hyundai", "Tucson", 30_000, 6), Model("Hyundai", "Sonata", 28_000, 5),
    Model("Porsche", "Cayenne", 92_000, 1), Model("Porsche", "Macan", 70_000, 1),
    Model("Chevrolet", "Tahoe", 66_000, 2),
    Model("Kia", "Sportage", 29_000, 5), Model("Kia", "Sorento", 36_000, 3), Model("Tesla", "Model 3", 46_000, 1),
    Model("Tesla", "Model Y", 52_000, 1), Model("Jeep", "Wrangler", 43_000, 2), Model("Mitsubishi", "L200", 33_000, 2),
    Model("Suzuki", "Vitara", 22_000, 3), Model("Mazda", "CX-5", 31_000, 2), Model("Isuzu", "D-Max", 34_000, 2),
    Model("Land Rover", "Range Rover Sport", 98_000, 1),
)  # fmt: skip
NEW_PRICES = {(model.make.lower(), model.name.lower()): model.new_price_usd for model in MODELS}


def price_usd(make: str, model: str, *, year: int, mileage_km: int, condition: str = "used", this_year: int) -> float:
    """What such a vehicle is worth: the same for the same words, falling with age and mileage, never near zero."""
    new = NEW_PRICES.get((make.strip().lower(), model.strip().lower())) or _guess(make, model)
    age = max(0, this_year - year)
    share = (1 - YEARLY_LOSS) ** age * max(0.5, 1 - LOSS_PER_10_000_KM * mileage_km / 10_000)
    return float(round(IMPORTED * new * max(LOWEST_SHARE_OF_NEW, share) * CONDITIONS.get(condition.lower(), 1.0), -1))


def _guess(make: str, model: str) -> int:
    """A price between 18,000 and 62,000 for what is not on offer here, always the same one."""
    digest = sha256(f"{make} {model}".strip().lower().encode()).digest()
    return 18_000 + int.from_bytes(digest[:2]) % 88 * 500
