"""One HTTP question, one answer within its time, whatever the other side does; and asking again within bounds."""

import json
import re
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import Any

import requests
import stamina
from requests.adapters import HTTPAdapter
from requests.exceptions import InvalidHeader, InvalidJSONError, InvalidSchema, InvalidURL, MissingSchema
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationParseError,
    NameResolutionError,
    NewConnectionError,
    ReadTimeoutError,
)
from urllib3.util.ssl_ import create_urllib3_context

from jobs.gateways import trust
from jobs.gateways.calls import call

ANSWER_MAX_BYTES = 1_048_576
TRIES = 3
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
BEFORE_SENDING = (NewConnectionError, ConnectTimeoutError, NameResolutionError, LocationParseError)
# Latin-1 is all that http.client sends.
HEADER_VALUE = re.compile(r"(?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?")
# What requests refuses to send, with what is at fault. Its own words quote that, and a header may hold a secret.
UNASKABLE = (
    ((MissingSchema, InvalidSchema, InvalidURL, LocationParseError), "its address is none"),
    ((InvalidHeader,), "a header holds what none can carry"),
    ((InvalidJSONError,), "its body is no JSON"),
    ((UnicodeEncodeError,), "it holds a character that cannot be sent"),
)
UNKNOWN_AUTHORITY = ("local issuer", "self-signed")  # OpenSSL's words


class NoAnswer(Exception):
    """Nothing usable came back. `was_sent`: the request had left, so it may have been carried out.

    `permanent`: it cannot be sent as it is, now or later; somebody has to mend an address or a key.
    """

    def __init__(self, reason: str, *, was_sent: bool, permanent: bool = False, milliseconds: int = 0) -> None:
        super().__init__(reason)
        self.was_sent, self.permanent = was_sent, permanent
        self.milliseconds = milliseconds


class AskAgain(Exception):
    """An answer that says “not now”."""

    def __init__(self, answer: "Answer") -> None:
        super().__init__(f"HTTP {answer.status}")
        self.answer = answer


@dataclass(frozen=True)
class Request:
    """What is asked. `body` is sent as JSON. Redirects are answers here: they are never followed.

    `server_name`: whose certificate it must be where the URL holds an address instead of the name.
    """

    method: str
    url: str
    timeout_seconds: float
    body: Any = None
    query: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    answer_max_bytes: int = ANSWER_MAX_BYTES
    server_name: str | None = None


@dataclass(frozen=True)
class Answer:
    """What came back. `body` is cut at `answer_max_bytes`, which `is_cut` then says."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    milliseconds: int
    is_cut: bool = False

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace").strip()

    def json(self) -> Any:
        """The body's value; None when it is no JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    @property
    def retry_after_seconds(self) -> float | None:
        """Of `Retry-After`, in seconds or as a date; None when it says nothing sensible."""
        text = self.headers.get("Retry-After", "").strip()
        if text.isascii() and text.isdigit():
            return float(text)
        with suppress(ValueError, TypeError, OverflowError):  # the last: a year or a zone of twenty digits
            until = parsedate_to_datetime(text)
            return max(0.0, until.replace(tzinfo=until.tzinfo or UTC).timestamp() - time.time())
        return None


def ask(request: Request) -> Answer:
    """Ask once. Raises NoAnswer, which repeats neither headers nor body: either may hold a secret."""
    with call(request.method, request.url, server_name=request.server_name) as asking:
        answer = _ask(replace(request, headers={**asking.headers, **request.headers}))
        asking.answered(answer.status)
    return answer


def _ask(request: Request) -> Answer:
    """Ask once. Raises NoAnswer, which repeats neither headers nor body: either may hold a secret."""
    _refuse_unsendable(request.headers)
    began = time.monotonic()
    deadline = _Deadline(request.timeout_seconds, request.server_name)
    try:
        with _OneAnswer() as session:
            session.trust_env = False
            session.mount("http://", deadline)
            session.mount("https://", deadline)
            with (
                deadline,
                session.request(
                    request.method, request.url, json=request.body, params=dict(request.query) or None,
                    headers=dict(request.headers), timeout=request.timeout_seconds, stream=True, allow_redirects=False,
                ) as response,
            ):  # fmt: skip
                body = _read(response, request.answer_max_bytes, until=began + request.timeout_seconds)
                if deadline.has_come:  # an answer that was cut may look like a whole one
                    raise requests.ReadTimeout("the answer did not end in time")
    except (requests.RequestException, HTTPError, HTTPException, ValueError, OSError) as fault:
        # Once it was asked, such words are about the answer.
        if not deadline.has_asked and (unaskable := _what_is_unaskable(fault)):
            # No cause is kept: its words are those of the request.
            raise NoAnswer(unaskable, was_sent=False, permanent=True) from None
        was_sent = deadline.has_asked and not _is_before_sending(fault)
        if deadline.has_come:
            fault = requests.ReadTimeout()
        took = round(1000 * (time.monotonic() - began))
        raise NoAnswer(_explain(fault, request.timeout_seconds), was_sent=was_sent, milliseconds=took) from fault
    return Answer(
        status=response.status_code,
        headers=response.headers,
        body=body[: request.answer_max_bytes],
        milliseconds=round(1000 * (time.monotonic() - began)),
        is_cut=len(body) > request.answer_max_bytes,
    )


def ask_patiently(
    request: Request, *, again_on: Callable[[Answer], bool], is_repeatable: bool, tries: int = TRIES
) -> Answer:
    """Ask up to `tries` times, with growing pauses or as long a pause as `Retry-After` wants (30 s at most).

    `again_on` picks the answers that mean “not now”. Without an answer it asks again when the request never left,
    or when it is `is_repeatable`: carried out twice it does no harm. Returns the last answer; raises the last NoAnswer.
    """

    def pause(fault: Exception) -> bool | float:
        if isinstance(fault, AskAgain):
            wanted = fault.answer.retry_after_seconds
            return True if wanted is None else wanted <= LONGEST_PAUSE_SECONDS and max(wanted, 0.05)
        return isinstance(fault, NoAnswer) and not fault.permanent and (is_repeatable or not fault.was_sent)

    try:
        for attempt in stamina.retry_context(
            on=pause, attempts=tries, timeout=None, wait_initial=FIRST_PAUSE_SECONDS, wait_max=LONGEST_PAUSE_SECONDS
        ):
            with attempt:
                answer = ask(request)
                if again_on(answer):
                    raise AskAgain(answer)
                return answer
    except AskAgain as fault:
        return fault.answer
    raise AssertionError("unreachable")


class _OneAnswer(requests.Session):
    """Leaves a redirect alone: requests would read all of its body and stumble over a Location that is none."""

    def get_redirect_target(self, _response: Any) -> None:
        return None


class _Deadline(HTTPAdapter):
    """Cuts its connections once the time is up: the timeout of a socket counts anew with every byte that drips in.

    `has_asked`: a connection was there to ask over, with TLS after the handshake.
    """

    def __init__(self, seconds: float, server_name: str | None = None) -> None:
        self.sockets: list[socket.socket] = []
        self.server_name = server_name
        self.timer = threading.Timer(seconds, self.cut)
        self.timer.daemon = True
        self.has_come = self.has_asked = False
        super().__init__()

    def __enter__(self) -> None:
        self.timer.start()

    def __exit__(self, *_fault: object) -> None:
        self.timer.cancel()
        for one in self.sockets:
            one.close()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        context = trust.extend(create_urllib3_context())
        super().init_poolmanager(*args, server_hostname=self.server_name, ssl_context=context, **options)

    def get_connection_with_tls_context(self, *args: Any, **options: Any) -> Any:
        pool: Any = super().get_connection_with_tls_context(*args, **options)
        pool.ConnectionCls = _bounded_by(self, pool.ConnectionCls)
        return pool

    def bound(self, connected: socket.socket) -> None:
        """By a socket of our own: a connection drops its one in a handshake, and where an answer ends only with it."""
        self.sockets.append(connected.dup())
        if self.has_come:
            connected.close()
            raise TimeoutError

    def cut(self) -> None:
        self.has_come = True
        for one in list(self.sockets):
            with suppress(OSError):  # the other side has gone
                one.shutdown(socket.SHUT_RDWR)


def _bounded_by(deadline: _Deadline, plain: Any) -> Any:
    class Connection(plain):  # type: ignore[misc]
        def _new_conn(self) -> Any:
            connected = super()._new_conn()
            deadline.bound(connected)
            return connected

        def connect(self) -> None:
            super().connect()
            deadline.has_asked = True

    return Connection


def _read(response: requests.Response, most: int, *, until: float) -> bytes:
    """At most one byte more than `most`, and no longer than `until`: who drips must not hold the job."""
    body = b""
    # What has come, not a whole block: that would be waited for, each byte with a timeout of its own.
    while len(body) <= most and (part := response.raw.read1(min(65_536, most + 1 - len(body)), decode_content=True)):
        body += part
        if time.monotonic() > until:
            raise requests.ReadTimeout("the answer did not end in time")
    return body


def _refuse_unsendable(headers: Mapping[str, str]) -> None:
    """Names the header at fault, and not what it holds (RFC 9110 §5.5)."""
    for name, value in headers.items():
        if not HEADER_VALUE.fullmatch(value):
            raise NoAnswer(
                f"the request cannot be sent: the value of {name[:100]!r} is none that a header can carry,"
                " such as one with a line break or with a blank at its end",
                was_sent=False,
                permanent=True,
            )


def _what_is_unaskable(fault: BaseException) -> str:
    """Why this fault is one of the request itself; empty when it is none."""
    return next((f"the request cannot be sent: {what}" for kinds, what in UNASKABLE if isinstance(fault, kinds)), "")


def _is_before_sending(fault: BaseException) -> bool:
    """True only where the connection was never there, so that the request certainly did not leave."""
    reason = getattr(fault.args[0], "reason", None) if fault.args else None
    return isinstance(fault, requests.ConnectTimeout) or isinstance(reason or fault, BEFORE_SENDING)


def _explain(fault: BaseException, timeout_seconds: float) -> str:
    if isinstance(fault, requests.Timeout | TimeoutError | ReadTimeoutError):
        return f"no answer within {timeout_seconds:g} s"
    if isinstance(fault, requests.ConnectionError):
        reason = getattr(fault.args[0], "reason", None) if fault.args else None
        text = str(reason or fault).rsplit(": ", 1)[-1][:200]
        remedy = f"; look at {trust.VARIABLE}" if any(words in text for words in UNKNOWN_AUTHORITY) else ""
        return f"no connection: {text}{remedy}"
    if isinstance(fault, ValueError):  # who knows what it quotes
        return f"it cannot be understood ({type(fault).__name__})"
    return f"{type(fault).__name__}: {str(fault)[:200]}"
