"""Who asks: the internal key of OKLA's services, and the tokens that AuthService signs (OKLA.md §2, §7)."""

import hmac
from collections.abc import Mapping
from typing import Any

import jwt
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from scheduler_project.demo.services import answers

KEY_HEADER = "X-Internal-Api-Key"
ROLE_CLAIMS = ("role", "http://schemas.microsoft.com/ws/2008/06/identity/claims/role")
ADMIN_ROLES = frozenset({"admin", "notification-admin"})


def refuse_without_key(request: HttpRequest) -> HttpResponse | None:
    """503 when no key is configured on this side, 401 when the caller's is another one; None: it may pass."""
    expected: str = settings.SCHEDULER_INTERNAL_API_KEY
    if not expected:
        return answers.error(503, "Internal API key is not configured.")
    given = request.headers.get(KEY_HEADER, "")
    if not hmac.compare_digest(given.encode(), expected.encode()):
        return answers.error(401, "Invalid internal API key.")
    return None


def claims_of(request: HttpRequest) -> Mapping[str, Any] | None:
    """The claims of a valid bearer token: signature, issuer, audience and expiry, without any leeway. Else None."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    jwt_settings = settings.SCHEDULER_JWT
    try:
        claims: dict[str, Any] = jwt.decode(
            token.strip(),
            jwt_settings["key"],
            algorithms=["HS256"],
            issuer=jwt_settings["issuer"],
            audience=jwt_settings["audience"],
            options={"require": ["exp", "sub"]},
        )
    except jwt.PyJWTError:
        return None
    # Half of a two-factor sign-in is no sign-in.
    is_whole = scheme.lower() == "bearer" and str(claims.get("temp_token", "")).lower() != "true"
    return claims if is_whole else None


def is_administrator(claims: Mapping[str, Any]) -> bool:
    """The policy NotificationServiceAdmin."""
    given = [claims.get(name, []) for name in ROLE_CLAIMS]
    roles = [role for each in given for role in (each if isinstance(each, list) else [each])]
    return any(str(role).lower() in ADMIN_ROLES for role in roles)
