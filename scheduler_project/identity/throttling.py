"""How often one caller may ask the API."""

from typing import TYPE_CHECKING

from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from scheduler_project.identity import counting
from scheduler_project.identity.models import ApiToken

if TYPE_CHECKING:
    from rest_framework.views import APIView


class IdentityThrottle(BaseThrottle):
    """SCHEDULER_RATE_API for each API token, and for each person otherwise."""

    seconds_left = 0

    def allow_request(self, request: Request, view: "APIView") -> bool:
        rate = settings.SCHEDULER_RATE_API
        if rate is None:
            return True
        count = counting.add(f"api:{_identity(request)}", rate)
        self.seconds_left = count.seconds_left
        return bool(count.number <= rate.number)

    def wait(self) -> float:
        return self.seconds_left


def _identity(request: Request) -> str:
    return f"token:{request.auth.pk}" if isinstance(request.auth, ApiToken) else f"user:{request.user.pk}"
