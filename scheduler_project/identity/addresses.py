"""Where a request comes from: as many proxies are believed as SCHEDULER_TRUSTED_PROXIES says, and no caller."""

from typing import cast

from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

_throttle = BaseThrottle()  # DRF counts the proxies from the right end of X-Forwarded-For


def address_of(request: HttpRequest | Request) -> str:
    return " ".join(str(_throttle.get_ident(cast(Request, request)) or "nowhere").split())[:64]
