"""AuthService's refresh and verification tokens, many of them expired (OKLA.md §1.2)."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from jobs import business_days
from scheduler_project.demo.rows.drawing import Chance, Load, Row, days_before
from scheduler_project.demo.rows.people import everybody

REFRESH_LIFE_DAYS, VERIFICATION_LIFE_DAYS = 7, 1
REFRESH, REFRESH_EXPIRED = 800, 300
VERIFICATION, VERIFICATION_EXPIRED = 200, 80
# On each further day: new ones, and ones that have expired since.
NEW_A_DAY, EXPIRED_A_DAY = 40, 20
EXPIRED_OVER_DAYS = 60


def first(day: date) -> Iterator[Load]:
    chance = Chance("tokens", day)
    yield _refresh(
        chance,
        [
            *(_some_time_before(chance, day, EXPIRED_OVER_DAYS) for _ in range(REFRESH_EXPIRED)),
            *(_some_time_after(chance, day, REFRESH_LIFE_DAYS) for _ in range(REFRESH - REFRESH_EXPIRED)),
        ],
    )
    yield _verification(
        chance,
        [
            *(_some_time_before(chance, day, EXPIRED_OVER_DAYS) for _ in range(VERIFICATION_EXPIRED)),
            *(_some_time_after(chance, day, 1) for _ in range(VERIFICATION - VERIFICATION_EXPIRED)),
        ],
    )


def further(day: date) -> Iterator[Load]:
    chance = Chance("further tokens", day)
    expired = [_some_time_before(chance, day, 1) for _ in range(EXPIRED_A_DAY)]
    yield _refresh(chance, [*expired, *(_some_time_after(chance, day, REFRESH_LIFE_DAYS) for _ in range(NEW_A_DAY))])
    yield _verification(chance, expired[: EXPIRED_A_DAY // 2])


def _some_time_before(chance: Chance, day: date, days: int) -> datetime:
    """Expired on every hour of that day."""
    return chance.within(days_before(day, chance.randint(1, days)))


def _some_time_after(chance: Chance, day: date, days: int) -> datetime:
    return business_days.end_of(day) + timedelta(seconds=chance.randint(0, days * 86_400))


def _refresh(chance: Chance, expiries: list[datetime]) -> Load:
    columns = ("Id", "Token", "UserId", "ExpiresAt", "CreatedAt", "RevokedAt")

    def row(expires: datetime) -> Row:
        created = expires - timedelta(days=REFRESH_LIFE_DAYS)
        revoked = created + timedelta(hours=chance.randint(1, 100)) if chance.is_so(0.1) else None
        person = chance.choice(everybody())
        return (str(chance.guid()), chance.randbytes(48).hex(), str(person.id), expires, created, revoked)

    return Load("RefreshTokens", columns, [row(expires) for expires in expiries])


def _verification(chance: Chance, expiries: list[datetime]) -> Load:
    columns = ("Id", "Token", "Email", "Type", "ExpiresAt", "CreatedAt", "IsUsed")
    people = [person for person in everybody() if "@" in person.email]

    def row(expires: datetime) -> Row:
        created = expires - timedelta(days=VERIFICATION_LIFE_DAYS)
        kind = chance.choice((1, 1, 2, 3))  # e-mail, reset of a password, telephone
        email = chance.choice(people).email
        return (chance.guid(), chance.randbytes(32).hex(), email, kind, expires, created, chance.is_so(0.4))

    return Load("VerificationTokens", columns, [row(expires) for expires in expiries])
