"""What many look at is made once: a page's answer to `live.js`, shared for some seconds by who would get the same.

Whoever was let in gets a pass with the answer. With it, and with the same session's cookie, the next answers that are
there already come at once (LiveMiddleware); after PASS_SECONDS the session is asked again.
"""

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core import signing
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.utils.translation import get_language

HEADER, PASS_HEADER = "X-Live", "X-Live-Pass"
# How long somebody who was locked out may still see what others see. Who logs out has no cookie any more.
PASS_SECONDS = 20
# A shared answer holds nothing of one person: no name, no messages, and no token, which live.js puts into the forms.
NOBODY = {"user": AnonymousUser(), "messages": (), "csrf_token": ""}
MOST_KEPT = 256

Key = tuple[str, str]  # the address; the role and the language


@dataclass(frozen=True)
class Answer:
    """`fresh_until`: by the monotonic clock, in seconds."""

    body: bytes
    tag: str
    fresh_until: float


_kept: dict[Key, Answer] = {}
_locks = [threading.Lock() for _number in range(16)]
_signer = signing.TimestampSigner(salt="dashboard.live")


def is_live(request: HttpRequest) -> bool:
    """Whether `live.js` asks, which takes over the page's live regions and nothing else."""
    return HEADER in request.headers


def respond(request: HttpRequest, role: str, make: Callable[[], bytes], *, seconds: float) -> HttpResponse:
    """The answer for all of that role, at most `seconds` old; 304 when the asker has it already."""
    view = f"{role} {get_language()}"
    response = _response(request, _answer((request.get_full_path(), view), make, seconds))
    response[PASS_HEADER] = _signer.sign(f"{_holder(request)} {view}")
    return response


def answer_for_pass(request: HttpRequest) -> HttpResponse | None:
    """What the bearer of a pass asks for. None: it is no pass, or there is no such answer any more."""
    if not is_live(request):
        return None
    try:
        holder, _space, view = _signer.unsign(request.headers[HEADER], max_age=PASS_SECONDS).partition(" ")
    except signing.BadSignature:
        return None
    answer = _fresh((request.get_full_path(), view)) if holder == _holder(request) else None
    return _response(request, answer) if answer else None


def forget() -> None:
    """All that was made."""
    _kept.clear()


def _holder(request: HttpRequest) -> str:
    return hashlib.sha256(request.COOKIES.get(settings.SESSION_COOKIE_NAME, "").encode()).hexdigest()


def _response(request: HttpRequest, answer: Answer) -> HttpResponse:
    if request.headers.get("If-None-Match", "").removeprefix("W/") == answer.tag:
        response: HttpResponse = HttpResponseNotModified()
    else:
        response = HttpResponse(answer.body, headers={"Content-Length": str(len(answer.body))})
    response["ETag"], response["Cache-Control"] = answer.tag, "private, no-store"
    return response


def _fresh(key: Key) -> Answer | None:
    answer = _kept.get(key)
    return answer if answer and time.monotonic() < answer.fresh_until else None


def _answer(key: Key, make: Callable[[], bytes], seconds: float) -> Answer:
    with _locks[hash(key) % len(_locks)]:  # who comes meanwhile waits for the one that makes it
        return _fresh(key) or _keep(key, make(), seconds)


def _keep(key: Key, body: bytes, seconds: float) -> Answer:
    if len(_kept) >= MOST_KEPT:
        forget()
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    answer = _kept[key] = Answer(body, tag, time.monotonic() + seconds)
    return answer
