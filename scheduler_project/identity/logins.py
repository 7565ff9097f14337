"""Failed logins are counted, by the name that was tried and by where it came from; after too many none is looked at.

Whoever knows their password is never counted, so no suite of tests and no office behind one address is in the way.
"""

import logging
import unicodedata
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.signals import user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.deprecation import MiddlewareMixin
from django.utils.translation import gettext as _

from scheduler_project import rest
from scheduler_project.identity import counting
from scheduler_project.identity.addresses import address_of
from scheduler_project.openapi import PROBLEM

logger = logging.getLogger(__name__)

NAME_MAX_LENGTH = 500
LOGIN = "login"  # the url name of every page where somebody signs in


class LoginThrottle(MiddlewareMixin):
    """SCHEDULER_RATE_LOGIN: 429 in the place of the login page, whatever password was sent."""

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        rate = settings.SCHEDULER_RATE_LOGIN
        if rate is None or request.method != "POST" or not _is_login(request):
            return None
        counts = [counting.look(key, rate) for key in _keys(request, request.POST.get("username", ""))]
        too_many = next((count for count in counts if count.number >= rate.number), None)
        return _refusal(request, too_many.seconds_left) if too_many else None


@receiver(user_login_failed)
def count_failure(request: HttpRequest | None, credentials: dict[str, Any], **_about: Any) -> None:
    """`request` is None where no browser asked. The name is not told: people type their password there, too."""
    if request is None:
        return
    logger.warning("A login from %s failed.", address_of(request))
    if settings.SCHEDULER_RATE_LOGIN is not None:
        for key in _keys(request, str(credentials.get("username", ""))):
            counting.add(key, settings.SCHEDULER_RATE_LOGIN)


def _is_login(request: HttpRequest) -> bool:
    return request.resolver_match is not None and request.resolver_match.url_name == LOGIN


def _keys(request: HttpRequest, username: str) -> list[str]:
    # As the form reads it: what looks different there is the same name here.
    named = counting.of_text(unicodedata.normalize("NFKC", username[:NAME_MAX_LENGTH]).strip().lower())
    return [f"login:from:{counting.of_text(address_of(request))}", f"login:as:{named}"]


def _refusal(request: HttpRequest, seconds: int) -> HttpResponse:
    logger.warning("A login from %s was not looked at: too many have failed.", address_of(request))
    text = _("Too many logins have failed. Try again in %(seconds)d seconds.") % {"seconds": seconds}
    headers = {"Retry-After": str(seconds)}
    if request.get_preferred_type(["text/html", PROBLEM]) != "text/html":
        return rest.answer(request, rest.Fault(429, text, headers=headers))
    page = {**admin.site.each_context(request), "title": _("Log in"), "text": text}
    response = render(request, "identity/too_many_logins.html", page, status=429)
    response["Retry-After"] = headers["Retry-After"]
    return response
