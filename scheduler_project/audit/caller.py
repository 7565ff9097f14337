"""Who asks at this moment, with what and from where: the request that is under way, or else a command or the system."""

import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.deprecation import MiddlewareMixin

from jobs import log_context
from jobs.models import SYSTEM_USER_ID
from scheduler_project.audit.models import Means
from scheduler_project.identity.addresses import address_of
from scheduler_project.identity.models import ApiToken
from scheduler_project.identity.okla_tokens import Bearer

COMMANDS = ("manage.py", "django-admin")

_request: ContextVar[HttpRequest | None] = ContextVar("audit_request", default=None)


@dataclass(frozen=True)
class Caller:
    """`credential`: the name of the token or of the command. `user_id` None: nobody who is known."""

    means: Means
    credential: str = ""
    user_id: uuid.UUID | None = None
    user_name: str = ""
    address: str = ""
    correlation_id: str = ""


def current(by: uuid.UUID | None = None) -> Caller:
    """`by`: the user whom the verb was told; where nobody asked by HTTP it is all that is known of them."""
    request = _request.get()
    correlation_id = str(log_context.current().get("correlation_id", ""))
    if request is not None:
        return _of_request(request, correlation_id)
    command = _command()
    is_system = by in (None, SYSTEM_USER_ID) and not command
    return Caller(Means.SYSTEM if is_system else Means.COMMAND, command, by, correlation_id=correlation_id)


class CallerMiddleware(MiddlewareMixin):
    """What is done during a request is done by whoever asks; who that is, is looked at when something is done."""

    get_response: Any  # one for each mode, and its stub knows both as one

    def __call__(self, request: HttpRequest) -> Any:
        if self.async_mode:
            return self.__acall__(request)
        with _asking(request):
            return self.get_response(request)

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        with _asking(request):
            response: HttpResponseBase = await self.get_response(request)
            return response


@contextmanager
def _asking(request: HttpRequest) -> Iterator[None]:
    token = _request.set(request)
    try:
        yield
    finally:
        _request.reset(token)


def _of_request(request: HttpRequest, correlation_id: str) -> Caller:
    credential = getattr(request, "auth", None)  # as the API's authentication leaves it there
    means, name = Means.SESSION, ""
    if isinstance(credential, ApiToken):
        means, name = Means.TOKEN, credential.name
    elif isinstance(credential, Bearer):
        means = Means.BEARER
    user: Any = getattr(request, "user", None)
    is_known = bool(user and user.is_authenticated)
    return Caller(
        means, name, user.pk if is_known else None, user.get_username() if is_known else "",
        address_of(request), correlation_id,
    )  # fmt: skip


def _command() -> str:
    """The name of the command that this process is; empty when it is none."""
    program, *arguments = sys.argv or [""]
    return arguments[0] if arguments and Path(program).name in COMMANDS else ""
