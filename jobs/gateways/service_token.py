"""The token that this service shows to its neighbours: theirs to check by the key they share (OKLA.md §7)."""

import time
import uuid
from typing import Any

import jwt

from jobs.gateways.errors import GatewayError, NotConfigured

SYSTEM_USER_ID = "5c4ed01e-0000-4000-8000-000000000001"  # `sub`: the scheduler itself, no person
LIFE_SECONDS = 300
RENEW_BEFORE_END_SECONDS = 120
# The services allow no difference between clocks, so a token counts from a little earlier than it was made.
CLOCK_DIFFERENCE_SECONDS = 60
KEY_MIN_BYTES = 32  # RFC 7518 §3.2; .NET refuses shorter keys too
ROLE_URI = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"
ROLE = "Admin"
# One policy of theirs asks for a claim named `role` with one of these values.
SHORT_ROLES = ("admin", "notification-admin")


class ServiceToken:
    """Mints tokens of five minutes and hands out one for as long as it holds. Empty `key`: not configured."""

    def __init__(self, *, key: str, issuer: str, audience: str) -> None:
        self._key, self._issuer, self._audience = key, issuer, audience
        self._token, self._renew_at = "", 0.0

    @property
    def is_configured(self) -> bool:
        return bool(self._key)

    def check(self) -> None:
        """Raise NotConfigured without a key, GatewayError with one that cannot sign."""
        if not self._key:
            raise NotConfigured("The service token", "Jwt__Key")
        if len(self._key.encode()) < KEY_MIN_BYTES:
            raise GatewayError(
                f"Jwt__Key is too short to sign tokens: set the key of OKLA's services, {KEY_MIN_BYTES} bytes or more.",
                permanent=True,
            )

    def value(self) -> str:
        """A token that holds for two minutes at least. Raises as `check`."""
        self.check()
        now = time.time()
        if now >= self._renew_at:
            self._token = self._mint(int(now))
            self._renew_at = now + LIFE_SECONDS - RENEW_BEFORE_END_SECONDS
        return self._token

    def headers(self) -> dict[str, str]:
        """The header that carries it. Raises as `check`."""
        return {"Authorization": f"Bearer {self.value()}"}

    def _mint(self, now: int) -> str:
        claims: dict[str, Any] = {
            "sub": SYSTEM_USER_ID,
            "jti": str(uuid.uuid4()),
            "iat": now - CLOCK_DIFFERENCE_SECONDS,
            "nbf": now - CLOCK_DIFFERENCE_SECONDS,
            "exp": now + LIFE_SECONDS,
            "role": list(SHORT_ROLES),
            ROLE_URI: ROLE,
        }
        named = {"iss": self._issuer, "aud": self._audience}
        try:
            return jwt.encode({**claims, **{name: value for name, value in named.items() if value}}, self._key, "HS256")
        except jwt.InvalidKeyError as fault:
            raise GatewayError(f"Jwt__Key cannot sign a token by HS256: {fault}", permanent=True) from fault
