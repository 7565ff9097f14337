"""The short way to a page's live answer that is there already, before sessions are read and languages looked up."""

from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

from dashboard import live


@sync_and_async_middleware
def live_middleware(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Nothing in it waits: in the web process it needs no thread."""
    if iscoroutinefunction(get_response):

        async def answer_in_loop(request: HttpRequest) -> HttpResponseBase:
            known = live.answer_for_pass(request)
            return known if known else await get_response(request)

        return answer_in_loop

    def answer(request: HttpRequest) -> HttpResponseBase:
        known = live.answer_for_pass(request)
        return known if known else get_response(request)

    return answer
