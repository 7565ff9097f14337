"""`Authorization: Token <key>` for scripts; people come with a Django session."""

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from scheduler_project.identity.models import ApiToken, User

KEYWORD = b"token"


class ApiTokenAuthentication(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        parts = get_authorization_header(request).split()
        if not parts or parts[0].lower() != KEYWORD:
            return None
        if len(parts) != 2:
            raise AuthenticationFailed(_("The header must read: Authorization: Token <key>."))
        try:
            token = ApiToken.find(parts[1].decode())
        except UnicodeDecodeError:
            token = None
        if token is None or not token.is_usable(timezone.now()):
            raise AuthenticationFailed(_("This API token is unknown, expired or revoked."))
        return token.owner, token

    def authenticate_header(self, request: Request) -> str:
        return "Token"
