"""Sixty users of OKLA: private sellers, dealers and a few staff, most of them with an address (OKLA.md §8)."""

import unicodedata
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache

from scheduler_project.demo.rows.drawing import Chance, Load, Row

FIRST_NAMES = (
    "Ana", "Luis", "María", "José", "Carmen", "Rafael", "Yolanda", "Pedro", "Altagracia", "Juan", "Rosa", "Miguel",
    "Elena", "Ramón", "Julissa", "Víctor", "Lourdes", "Héctor", "Noemí", "Félix", "Dahiana", "Tomás",
)  # fmt: skip
LAST_NAMES = (
    "Peralta", "De la Cruz", "Núñez", "Rosario", "Polanco", "Almonte", "Batista", "Mejía", "Guzmán", "Ureña", "Tavárez",
    "Féliz", "Santana", "Encarnación", "Liriano", "Valdez",
)  # fmt: skip
DEALERS = (
    "Auto Caribe", "Quisqueya Motors", "Cibao Autos", "Ozama Car Center", "Malecón Motors", "Bávaro Automotriz",
    "Ámbar Autos", "Isabela Motors", "Yaque Auto Import", "Jaragua Vehículos", "Enriquillo Motors", "Samaná Autos",
    "Duarte Car Market", "Larimar Motors", "Colonial Auto Plaza", "Cordillera 4x4", "Higuamo Motors", "Macorís Autos",
    "Primada Automóviles", "Taína Motors",
)  # fmt: skip
INDIVIDUALS, STAFF = 35, 5
# Domains that nobody has: these people cannot be written to by mistake (RFC 2606).
MAIL_DOMAIN, DEALER_DOMAIN = "correo.example", "okla-dealers.example"
# NotificationService of the demo answers ConsentBlocked for this one: these people want no e-mail.
NO_CONSENT_DOMAIN = "sin-avisos.example"
NO_ADDRESS = "no tiene"
ODD_ADDRESSES = {3: "", 8: NO_ADDRESS, 15: "", 22: f"baja.{{}}@{NO_CONSENT_DOMAIN}", 27: NO_ADDRESS, 41: ""}


@dataclass(frozen=True)
class Person:
    id: uuid.UUID
    first_name: str
    last_name: str
    email: str  # empty, or text that is none, where nobody ever wrote one down
    account_type: str
    locale: str

    @property
    def row(self) -> Row:
        return (self.id, self.email, self.first_name, self.last_name, self.account_type, self.locale)


@cache
def everybody() -> tuple[Person, ...]:
    """The same people every day; dealers stand between the private sellers and the staff."""
    chance = Chance("people")
    return tuple(_person(chance, number) for number in range(INDIVIDUALS + len(DEALERS) + STAFF))


def sellers() -> tuple[Person, ...]:
    return everybody()[: INDIVIDUALS + len(DEALERS)]


def mail_name(*words: str) -> str:
    """As a mail address spells a name: `maria.delacruz`."""
    plain = [unicodedata.normalize("NFKD", word).encode("ascii", "ignore").decode().lower() for word in words]
    return ".".join("".join(letter for letter in word if letter.isalnum()) for word in plain)


def first(day: date) -> Iterator[Load]:
    columns = ("Id", "Email", "FirstName", "LastName", "AccountType", "PreferredLocale")
    yield Load("Users", columns, (person.row for person in everybody()))


def further(day: date) -> Iterator[Load]:
    """Nobody joins."""
    yield from ()


def _person(chance: Chance, number: int) -> Person:
    first_name = chance.choice(FIRST_NAMES)
    last_name = chance.choice(LAST_NAMES)
    name = mail_name(first_name, last_name)
    is_dealer = INDIVIDUALS <= number < INDIVIDUALS + len(DEALERS)
    email = f"{name}{number}@{MAIL_DOMAIN}"
    account_type = "Seller" if number < INDIVIDUALS else "PlatformEmployee"
    if is_dealer:
        business = DEALERS[number - INDIVIDUALS]
        first_name, last_name, account_type = business, "", "Dealer"
        email = f"ventas.{mail_name(business)}@{DEALER_DOMAIN}"
    return Person(
        id=chance.guid(),
        first_name=first_name,
        last_name=last_name,
        email=ODD_ADDRESSES.get(number, email).format(name),
        account_type=account_type,
        locale="en-US" if chance.is_so(0.1) else "es-DO",
    )
