"""What `manage.py check` says of the keys of OKLA's tokens."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning

from scheduler_project.identity.okla_tokens import KEY_MIN_BYTES


def token_keys(**_kwargs: Any) -> list[CheckMessage]:
    ours = settings.SCHEDULER_JWT
    keys = {"Jwt__Key": ours["key"], "SCHEDULER_JWT_SECOND_KEY": settings.SCHEDULER_JWT_SECOND_KEY}
    found: list[CheckMessage] = [
        Error(
            f"{name} has {len(key.encode())} bytes: no token that it signs is believed.",
            hint=f"Set the key of OKLA's AuthService; a key for HS256 has at least {KEY_MIN_BYTES} bytes.",
            id="identity.E001",
        )
        for name, key in keys.items()
        if 0 < len(key.encode()) < KEY_MIN_BYTES
    ]
    if any(keys.values()) and not (ours["key"] and ours["issuer"] and ours["audience"]):
        hint = "Set Jwt__Key, Jwt__Issuer and Jwt__Audience as OKLA's AuthService has them."
        found.append(
            Warning("No token of OKLA's is believed: a part of Jwt__* is missing.", hint=hint, id="identity.W001")
        )
    return found
