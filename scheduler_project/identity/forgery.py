"""Whether a request that a browser sent with its cookie was meant: OKLA's double submit, and where it comes from."""

from django.conf import settings
from django.utils.crypto import constant_time_compare
from django.utils.http import is_same_domain
from rest_framework.request import Request

COOKIE, HEADER = "csrf_token", "X-CSRF-Token"


def is_meant(request: Request) -> bool:
    """The header repeats the cookie, as only pages of OKLA's can, and no other site's page sent it."""
    kept, sent = request.COOKIES.get(COOKIE, ""), request.headers.get(HEADER, "")
    origin = request.headers.get("Origin")
    return bool(kept) and constant_time_compare(kept, sent) and (origin is None or _is_trusted(origin, request))


def _is_trusted(origin: str, request: Request) -> bool:
    """This service's own, or one of SCHEDULER_TRUSTED_ORIGINS; behind a gateway those are what the browser sees."""
    ours = f"{request.scheme}://{request.get_host()}"
    return origin == ours or any(_matches(origin, trusted) for trusted in settings.CSRF_TRUSTED_ORIGINS)


def _matches(origin: str, trusted: str) -> bool:
    """`https://*.example.com` stands for every host below it, as it does for Django's own forms."""
    if "*" not in trusted:
        return origin == trusted
    scheme, _, host = origin.partition("://")
    trusted_scheme, _, pattern = trusted.partition("://*")
    return scheme == trusted_scheme and is_same_domain(host, pattern)
