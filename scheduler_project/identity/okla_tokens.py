"""The tokens that OKLA's AuthService signs: whether one is good, and what it says of its bearer (OKLA.md §7)."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jwt
from django.conf import settings

from scheduler_project.identity.roles import Role, highest

ALGORITHM = "HS256"
KEY_MIN_BYTES = 32  # RFC 7518 §3.2
MAX_BYTES = 8_192  # theirs have about 1 KB; what is longer is not even looked into
CLOCK_DIFFERENCE_SECONDS = 30
CLAIMS_URI = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"
ROLE_CLAIMS = ("http://schemas.microsoft.com/ws/2008/06/identity/claims/role", "role")
NAME_CLAIMS = (f"{CLAIMS_URI}name", "name")
EMAIL_CLAIMS = (f"{CLAIMS_URI}emailaddress", "email")
# In our own words: PyJWT's may quote the token.
FAULTS: Mapping[type[Exception], str] = {
    jwt.ExpiredSignatureError: "it has expired",
    jwt.ImmatureSignatureError: "it is not valid yet",
    jwt.InvalidIssuerError: "it is of another issuer",
    jwt.InvalidAudienceError: "it is for another audience",
    jwt.InvalidAlgorithmError: f"it is not signed by {ALGORITHM}",
    jwt.InvalidSignatureError: "its signature is by no key that is known here",
    jwt.MissingRequiredClaimError: "a claim is missing that it must have",
}


class BadToken(Exception):
    """Its text says why, without a word of the token's."""


@dataclass(frozen=True)
class Rules:
    """What makes a token good. Several keys: while they are changed, both count."""

    keys: Sequence[str]
    issuer: str
    audience: str
    roles: Mapping[str, Role]

    @classmethod
    def current(cls) -> "Rules":
        ours = settings.SCHEDULER_JWT
        keys = [ours["key"], settings.SCHEDULER_JWT_SECOND_KEY]
        return cls(
            keys=[key for key in keys if len(key.encode()) >= KEY_MIN_BYTES],
            issuer=ours["issuer"],
            audience=ours["audience"],
            roles=settings.SCHEDULER_JWT_ROLES,
        )


@dataclass(frozen=True)
class Bearer:
    """Who shows the token. `role` NONE: somebody of OKLA's who has nothing to do here."""

    user_id: uuid.UUID
    role: Role
    name: str
    email: str


def read(token: bytes, rules: Rules) -> Bearer:
    """Raises BadToken, and nothing else whatever is in the token."""
    claims = _verified(token, rules)
    # Half of a two-factor sign-in is no sign-in.
    if str(claims.get("temp_token", "false")).lower() != "false":
        raise BadToken("it is only for the second step of a sign-in")
    try:
        user_id = uuid.UUID(claims["sub"])
    except ValueError:
        raise BadToken("its subject is no GUID") from None
    return Bearer(
        user_id=user_id,
        role=highest(_texts(claims, ROLE_CLAIMS), rules.roles),
        name=next(iter(_texts(claims, NAME_CLAIMS)), ""),
        email=next(iter(_texts(claims, EMAIL_CLAIMS)), ""),
    )


def _verified(token: bytes, rules: Rules) -> dict[str, Any]:
    if len(token) > MAX_BYTES:
        raise BadToken(f"it is longer than {MAX_BYTES} bytes")
    if not (rules.keys and rules.issuer and rules.audience):
        raise BadToken("Jwt__Key, Jwt__Issuer and Jwt__Audience are not all configured here")
    for key in rules.keys:
        try:
            return _decoded(token, key, rules)
        except jwt.InvalidSignatureError:
            continue
        # Not only PyJWT's own errors: a header nested a thousand deep ends in a RecursionError.
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as fault:
            raise BadToken(FAULTS.get(type(fault), "it is malformed")) from None
    raise BadToken(FAULTS[jwt.InvalidSignatureError])


def _decoded(token: bytes, key: str, rules: Rules) -> dict[str, Any]:
    return jwt.decode(
        token,
        key,
        algorithms=[ALGORITHM],
        issuer=rules.issuer,
        audience=rules.audience,
        leeway=CLOCK_DIFFERENCE_SECONDS,
        options={"require": ["exp", "sub", "iss", "aud"]},
    )


def _texts(claims: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """What stands under any of these names, alone or in an array."""
    given = [claims.get(name) for name in names]
    flat = [each for value in given for each in (value if isinstance(value, list) else [value])]
    return [each for each in flat if isinstance(each, str) and each]
