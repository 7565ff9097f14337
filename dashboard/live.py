"""What many look at is made once: a page's answer to `live.js`, shared for some seconds by who would get the same."""

import hashlib
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified

HEADER = "X-Live"
# A shared answer holds nothing of one person: no name, no messages, and no token, which live.js puts into the forms.
NOBODY = {"user": AnonymousUser(), "messages": (), "csrf_token": "NOTPROVIDED"}
MOST_KEPT = 256
LOCKS = [threading.Lock() for _number in range(16)]


@dataclass(frozen=True)
class Answer:
    """`fresh_until`: by the monotonic clock, in seconds."""

    body: bytes
    tag: str
    fresh_until: float


_kept: dict[Hashable, Answer] = {}


def is_live(request: HttpRequest) -> bool:
    """Whether `live.js` asks, which takes over the page's live regions and nothing else."""
    return HEADER in request.headers


def respond(request: HttpRequest, key: Hashable, make: Callable[[], bytes], *, seconds: float) -> HttpResponse:
    """The answer for that key, at most `seconds` old; 304 when the asker has it already."""
    answer = _answer(key, make, seconds)
    has_it = request.headers.get("If-None-Match") == answer.tag
    response = HttpResponseNotModified() if has_it else HttpResponse(answer.body)
    response["ETag"], response["Cache-Control"] = answer.tag, "private, no-store"
    return response


def forget() -> None:
    """All that was made."""
    _kept.clear()


def _answer(key: Hashable, make: Callable[[], bytes], seconds: float) -> Answer:
    answer = _kept.get(key)
    if answer and time.monotonic() < answer.fresh_until:
        return answer
    with LOCKS[hash(key) % len(LOCKS)]:  # who comes meanwhile waits for the one that makes it
        answer = _kept.get(key)
        if answer is None or time.monotonic() >= answer.fresh_until:
            answer = _keep(key, make(), seconds)
        return answer


def _keep(key: Hashable, body: bytes, seconds: float) -> Answer:
    if len(_kept) >= MOST_KEPT:
        forget()
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    answer = _kept[key] = Answer(body, tag, time.monotonic() + seconds)
    return answer
