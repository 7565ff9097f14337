"""Whose request it is: an id that goes in, out and into every line of the log, and one line for each request."""

import logging
import time
import uuid
from contextlib import AbstractContextManager
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.deprecation import MiddlewareMixin
from django.utils.encoding import escape_uri_path
from django.utils.functional import empty
from opentelemetry.trace import format_trace_id
from rest_framework.request import Request

from jobs import log_context, trace_context
from jobs.log_context import CORRELATION_HEADER

logger = logging.getLogger(__name__)

API_PREFIX = "/api/"
ASKED_ALL_THE_TIME = ("/health", "/metrics", "/static/")


class CorrelationMiddleware(MiddlewareMixin):
    """Every request has an id, the caller's `X-Correlation-Id` where it is sane, and one line in the log."""

    get_response: Any  # one for each mode, and its stub knows both as one

    def __call__(self, request: HttpRequest) -> Any:
        if self.async_mode:
            return self.__acall__(request)
        with self._begin(request):
            return self._end(request, self.get_response(request))

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        with self._begin(request):
            return self._end(request, await self.get_response(request))

    def _begin(self, request: HttpRequest) -> AbstractContextManager[None]:
        key = log_context.sane_correlation_id(request.headers.get(CORRELATION_HEADER)) or uuid.uuid4().hex
        request.META["scheduler.trace_id"], request.META["scheduler.began"] = key, time.monotonic()
        if "Transfer-Encoding" in request.headers and not request.META.get("CONTENT_LENGTH"):
            # .NET clients send bodies in chunks, and DRF takes a body without a length for none. Django measures it.
            request.META["CONTENT_LENGTH"] = "-1"
        caller = trace_context.given_by({name: request.headers.get(name) for name in trace_context.NAMES})
        # Not only within: what Django says of an error comes after the last middleware.
        log_context.begin(correlation_id=key, trace_id=format_trace_id(caller.trace_id) if caller else key)
        return trace_context.done_for(caller)

    def _end(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        response[CORRELATION_HEADER] = trace_id(request)
        if request.path.startswith(API_PREFIX):
            response.headers.setdefault("Cache-Control", "no-store")
        _tell(request, response)
        return response


def trace_id(request: HttpRequest | Request) -> str:
    return str(request.META.get("scheduler.trace_id", ""))


def _tell(request: HttpRequest, response: HttpResponseBase) -> None:
    """The path without its query, in which people put what is nobody's business."""
    path = escape_uri_path(request.path)
    milliseconds = round(1000 * (time.monotonic() - request.META["scheduler.began"]))
    about = {"method": request.method, "path": path, "status": response.status_code, "duration_ms": milliseconds}
    logger.log(
        logging.DEBUG if path.startswith(ASKED_ALL_THE_TIME) or "X-Live" in request.headers else logging.INFO,
        "%s %s: %d in %d ms", request.method, path, response.status_code, milliseconds,
        extra={**about, "user_id": _user_id(request)},
    )  # fmt: skip


def _user_id(request: HttpRequest) -> str | None:
    """Of somebody who is known by now; nobody is looked up for the log."""
    user = getattr(request, "_cached_user", None) or vars(request).get("user")
    if user is None or getattr(user, "_wrapped", user) is empty or not user.is_authenticated:
        return None
    return str(user.pk)
