"""With what a caller of the API shows who they are, beside a Django session: an API token, or a token of OKLA's.

Whatever is shown and does not hold is answered with 401 and told once in the log, without the token.
"""

import logging
from typing import NoReturn

from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from scheduler_project.identity import forgery, people
from scheduler_project.identity.addresses import address_of
from scheduler_project.identity.models import ApiToken, User
from scheduler_project.identity.okla_tokens import BadToken, Bearer, Rules, read
from scheduler_project.identity.roles import Role

logger = logging.getLogger(__name__)

KEY_MAX_BYTES = 512  # generated ones have 43
OKLA_COOKIE = "okla_access_token"


class ApiTokenAuthentication(BaseAuthentication):
    """`Authorization: Token <key>`, for scripts."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        key = _credential(request, b"token")
        if key is None:
            return None
        if len(key) > KEY_MAX_BYTES:
            refuse(request, "An API token", f"it is longer than {KEY_MAX_BYTES} bytes")
        token = ApiToken.find(key.decode(errors="replace"))
        now = timezone.now()
        if token is None:
            refuse(request, "An API token", "it is unknown")
        if reason := token.unusable_because(now):
            refuse(request, f"The API token {token.id}", reason)
        token.note_use(now)
        return token.bearer(), token

    def authenticate_header(self, request: Request) -> str:
        """For all kinds: DRF asks the first authenticator alone."""
        return "Bearer, Token"


class BearerAuthentication(BaseAuthentication):
    """`Authorization: Bearer <JWT>`, for what comes through OKLA's gateway and for its services."""

    def authenticate(self, request: Request) -> tuple[User, Bearer] | None:
        token = _credential(request, b"bearer")
        return None if token is None else _let_in(request, token)


class OklaCookieAuthentication(BaseAuthentication):
    """The same token in the cookie of OKLA's pages. What changes something must prove that it was meant."""

    def authenticate(self, request: Request) -> tuple[User, Bearer] | None:
        token = request.COOKIES.get(OKLA_COOKIE)
        if not token:
            return None
        user, bearer = _let_in(request, token.encode(errors="replace"))
        if request.method not in SAFE_METHODS and not forgery.is_meant(request):
            logger.warning(_REFUSED, "A cookie", address_of(request), "its request may be forged")
            raise PermissionDenied(_("With a cookie the header X-CSRF-Token must repeat the cookie csrf_token."))
        return user, bearer


def refuse(request: Request, what: str, reason: str) -> NoReturn:
    logger.warning(_REFUSED, what, address_of(request), reason)
    raise AuthenticationFailed(_("This token is unknown, malformed, expired or revoked."))


def _credential(request: Request, scheme: bytes) -> bytes | None:
    """What follows the scheme; None where the header is of another one."""
    given, _space, credential = get_authorization_header(request).partition(b" ")
    if given.lower() != scheme:
        return None
    credential = credential.strip()
    if not credential or b" " in credential:
        refuse(request, "A header", "it is not of the form Authorization: Bearer <token> or Token <key>")
    return credential


def _let_in(request: Request, token: bytes) -> tuple[User, Bearer]:
    try:
        bearer = read(token, Rules.current())
    except BadToken as fault:
        refuse(request, "A JWT", str(fault))
    user = people.person_of(bearer)
    if not user.is_active:
        refuse(request, f"A JWT of {user.pk}", "this user is not active here")
    if bearer.role == Role.NONE:
        # Known, and the permissions answer 403.
        logger.warning(_REFUSED, f"A JWT of {user.pk}", address_of(request), "it carries no role that counts here")
    return user, bearer


_REFUSED = "%s from %s was refused: %s."
