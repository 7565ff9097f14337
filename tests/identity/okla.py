"""Tokens as OKLA's AuthService makes them, and as it never would."""

import base64
import hmac
import json
import time
import uuid
from typing import Any

import jwt
from django.test import Client

KEY = "the-key-that-authservice-signs-with-0123456789"
OTHER_KEY = "a-key-that-comes-or-goes-while-keys-change-0123"
ISSUER, AUDIENCE = "OklaService", "Okla-App"
MARIA = uuid.UUID("8a1c0b5e-3f0d-4c55-9a53-0c6f4b0b7a11")
ROLE = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"
CLAIMS = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"
JOBS = "/api/scheduler/jobs"


def claims(**changes: Any) -> dict[str, Any]:
    """Those of an admin called María; a claim that is changed to None is left out."""
    now = int(time.time())
    usual = {
        "sub": str(MARIA), "jti": str(uuid.uuid4()), "iss": ISSUER, "aud": AUDIENCE, "iat": now, "nbf": now,
        "exp": now + 3600, ROLE: ["Admin", "Compliance"], f"{CLAIMS}name": "María Pérez",
        f"{CLAIMS}emailaddress": "maria@okla.com.do", "email_verified": "true", "account_type": "4",
    }  # fmt: skip
    return {name: value for name, value in {**usual, **changes}.items() if value is not None}


def token(*, key: str = KEY, algorithm: str = "HS256", headers: dict[str, Any] | None = None, **changes: Any) -> str:
    return jwt.encode(claims(**changes), key, algorithm, headers)


def assembled(header: bytes, payload: bytes, signature: bytes = b"") -> str:
    """Three parts that no library would put together."""
    return b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in (header, payload, signature)).decode()


def signed_with(key: bytes) -> str:
    """By HS256 with a key that a library would refuse to sign with."""
    unfinished = assembled(b'{"alg":"HS256","typ":"JWT"}', json.dumps(claims()).encode()).rpartition(".")[0]
    signature = base64.urlsafe_b64encode(hmac.digest(key, unfinished.encode(), "sha256")).rstrip(b"=")
    return f"{unfinished}.{signature.decode()}"


def unsigned(**changes: Any) -> str:
    return assembled(b'{"alg":"none","typ":"JWT"}', json.dumps(claims(**changes)).encode())


def asked(method: str = "GET", path: str = JOBS, *, bearer: str | None = None, body: Any = None, **more: Any) -> Any:
    """The answer to whoever shows that token; `more` as for Django's client: headers, cookies of OKLA's pages."""
    client = Client(raise_request_exception=False)
    for name, value in more.pop("cookies", {}).items():
        client.cookies[name] = value
    headers = {**more.pop("headers", {}), **({"Authorization": f"Bearer {bearer}"} if bearer is not None else {})}
    data = json.dumps(body).encode() if body is not None else b""
    return client.generic(method, path, data, content_type="application/json", headers=headers, **more)
