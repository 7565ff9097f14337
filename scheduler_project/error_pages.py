"""The pages for what went wrong, as people see them; what the API answers is said in `rest`."""

import sys

from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import translation
from django.views import csrf

from dashboard.pages.base import can_view, frame
from scheduler_project import rest
from scheduler_project.correlation import API_PREFIX, trace_id


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    if request.path.startswith(API_PREFIX):
        return rest.answer(request, rest.VERBS[PermissionDenied])
    return _among_the_pages(request, "dashboard/errors/403.html", status=403)


def forged(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form whose token is not this reader's."""
    if hasattr(request, "urlconf"):  # the demo's, which has none of these pages
        return csrf.csrf_failure(request, reason)
    return render(request, "dashboard/errors/forged.html", status=403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if request.path.startswith(API_PREFIX):
        return rest.page_not_found(request, exception)
    return _among_the_pages(request, "dashboard/errors/404.html", status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Asks the database nothing: it may be what is at fault."""
    if request.path.startswith(API_PREFIX):
        return rest.server_error(request)
    is_down = isinstance(sys.exc_info()[1], OperationalError | InterfaceError)
    with translation.override(translation.get_language_from_request(request)):
        page = render_to_string(f"dashboard/errors/{503 if is_down else 500}.html", {"trace_id": trace_id(request)})
    headers = rest.NO_DATABASE.headers if is_down else {}
    return HttpResponse(page, status=503 if is_down else 500, headers=headers)


def _among_the_pages(request: HttpRequest, template: str, *, status: int) -> HttpResponse:
    """With the ways to the others, for whom they are open."""
    is_reader = request.user.is_authenticated and can_view(request)
    return render(request, template, frame(request, "") if is_reader else {}, status=status)
