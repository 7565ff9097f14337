"""Which pages of other origins may ask the API from a browser: none, unless SCHEDULER_CORS_ORIGINS names them."""

from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from jobs.log_context import CORRELATION_HEADER

HEADERS = ("accept", "accept-language", "authorization", "content-type", "if-match", "idempotency-key")


def configuration(origins: list[str]) -> dict[str, Any]:
    """django-cors-headers' settings for them: tokens in headers only, never a cookie.

    Raises ImproperlyConfigured for what is no origin, and for `*`.
    """
    for origin in origins:
        if not _is_origin(origin):
            raise ImproperlyConfigured(
                f"SCHEDULER_CORS_ORIGINS: {origin!r} is not of the form https://host[:port]; separate several by commas"
            )
    return {
        "CORS_ALLOWED_ORIGINS": origins,
        "CORS_URLS_REGEX": r"^/api/",
        "CORS_ALLOW_CREDENTIALS": False,
        "CORS_ALLOW_HEADERS": (*HEADERS, CORRELATION_HEADER.lower()),
        "CORS_EXPOSE_HEADERS": ("ETag", "Location", "Retry-After", CORRELATION_HEADER),
        "CORS_PREFLIGHT_MAX_AGE": 600,
    }


def _is_origin(text: str) -> bool:
    parts = urlsplit(text)
    bare = f"{parts.scheme}://{parts.netloc}"
    return parts.scheme in ("http", "https") and bool(parts.hostname) and "*" not in text and bare == text
