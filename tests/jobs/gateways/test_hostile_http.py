"""All that are asked over HTTP, each as hostile as the next: what every gateway makes of it, and in which time."""

import gzip
import json
import socket
import time
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from jobs.gateways import http
from jobs.gateways.audit import AuditEntry, AuditService
from jobs.gateways.health import HealthTargets
from jobs.gateways.notifications import AlertMessage, Email, NotificationError, NotificationService
from jobs.gateways.outgoing import OutgoingError, OutgoingHttp
from jobs.gateways.pricing import PriceQuestion, PricingAgent, PricingError, PricingMl, UnusablePrice
from jobs.gateways.service_token import ServiceToken
from tests.jobs.gateways.conftest import Behaviour, RawServer, saying, wait_for_hang_up

QUICK, BOUND = 0.5, 5.0  # seconds: the time-out that each has, and what the slowest may take on a busy machine
TOKEN = ServiceToken(key="a key of at least thirty-two letters", issuer="OkApp", audience="OKLA")
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
BOMB = gzip.compress(gzip.compress(b"[" * 64 * 2**20))


def outcomes(url: str, *, seconds: float) -> dict[str, str]:
    """What each gateway says when it is asked there, all of them at once."""
    notifier = NotificationService(
        url, internal_key="a-key", token=TOKEN, alerts_to=["a@b.do"], timeout_seconds=seconds
    )
    question, targets = PriceQuestion("Toyota", "Corolla", 2020, 25_000), HealthTargets()
    request = http.Request("POST", url, seconds, body={})
    asked: dict[str, Callable[[], Any]] = {
        "message": lambda: notifier.send(Email("ana@example.com", "s", "<p>h</p>", "t")).value,
        "alert": lambda: notifier.alert(AlertMessage("t", "m")),
        "price": lambda: PricingAgent(url, seconds).ask(question),
        "twin": lambda: PricingMl(url, seconds).ask(question),
        "health": lambda: targets.ask("gateway", url=url, timeout_seconds=seconds).status,
        "audit": lambda: AuditService(url, TOKEN, timeout_seconds=seconds).record(AuditEntry("RUN", "jobs")),
        "any": lambda: OutgoingHttp(["127.0.0.1"]).call(request).status,
    }
    with ThreadPoolExecutor(len(asked)) as pool:
        return dict(zip(asked, pool.map(_outcome, asked.values()), strict=True))


def _outcome(ask: Callable[[], Any]) -> str:
    try:
        return str(ask())
    except UnusablePrice:
        return "no price"
    except (NotificationError, PricingError, OutgoingError) as fault:
        return " ".join(("permanent" if fault.permanent else "later", *["uncertain"] * fault.is_uncertain))


# --- No answer: it may have been done, and nobody asks twice ---------------------------------------------------------
def dripping(head: bytes, drop: bytes) -> Behaviour:
    """A drop now and then, each well within the time, for much longer than anybody should wait."""

    def drip(connection: socket.socket) -> None:
        connection.sendall(head)
        for _ in range(100):
            connection.sendall(drop)
            time.sleep(QUICK / 4)

    return drip


def half_closed(said: bytes) -> Behaviour:
    """Says no more than this, and goes on listening."""

    def close_half(connection: socket.socket) -> None:
        connection.sendall(said)
        connection.shutdown(socket.SHUT_WR)
        wait_for_hang_up(connection)

    return close_half


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


UNANSWERED = {
    "message": "later uncertain", "alert": "later uncertain", "price": "later", "twin": "later",
    "health": "Unreachable", "audit": "False", "any": "permanent uncertain",
}  # fmt: skip


@pytest.mark.parametrize(
    "behave",
    [
        wait_for_hang_up,
        dripping(OK, b"X: y\r\n"),
        dripping(OK + b"\r\n", b" "),
        dripping(OK + b"Content-Encoding: gzip\r\n\r\n", gzip.compress(b"")),
        dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        half_closed(b""),
        half_closed(OK + b'Content-Length: 100\r\n\r\n{"status": "Sent"}'),
        reset,
        saying(OK + b"Content-Encoding: " + b"gzip, " * 9 + b"gzip\r\n\r\n{}"),
    ],
    ids=[
        "silence", "headers drip", "an answer that ends with the connection drips", "what unpacks to nothing drips",
        "go on, for ever", "half-closed", "half-closed in the middle", "reset", "ten times packed",
    ],
)  # fmt: skip
def test_who_gives_no_whole_answer_holds_nobody_up(raw_server: Callable[..., RawServer], behave: Behaviour) -> None:
    """What unpacked to nothing, of an answer without a length, was waited for as long as it dripped."""
    server = raw_server(behave)
    began = time.monotonic()
    assert outcomes(server.url, seconds=QUICK) == UNANSWERED
    assert time.monotonic() - began < BOUND
    assert len(server.seen) == len(UNANSWERED), "somebody has asked twice"


# --- An answer that is none ------------------------------------------------------------------------------------------
def lying(body: bytes, *headers: bytes) -> Behaviour:
    lines = [b"Content-Length: %d" % len(body), *headers]
    return saying(OK + b"\r\n".join(lines) + b"\r\n\r\n" + body)


def pour(connection: socket.socket) -> None:
    connection.sendall(OK + b"\r\n")
    while True:
        connection.sendall(b"[" * 65_536)


WRONG_TYPES = {
    "status": {"Sent": True}, "success": "yes", "precioSugeridoDop": [1], "precioSugeridoUsd": "20000",
    "suggested_price_dop": {"value": 1}, "suggested_price_usd": True,
}  # fmt: skip


@pytest.mark.parametrize(
    "behave",
    [
        lying(b"[]"), lying(b"17"), lying(b'"Sent"'), lying(b"null"), lying(json.dumps(WRONG_TYPES).encode()),
        lying(b"9" * 5_000), lying(b"<html>Welcome</html>"), lying(BOMB, b"Content-Encoding: gzip, gzip"), pour,
        saying(OK + b'Content-Length: 10\r\n\r\n{"status": "Sent", "success": true}'),
    ],
    ids=[
        "a list", "a number", "a text", "null", "wrong types", "a number of 5,000 digits", "HTML", "packed twice",
        "endless", "longer than it says",
    ],
)  # fmt: skip
def test_a_success_that_says_something_else_is_nobodys_success(
    raw_server: Callable[..., RawServer], behave: Behaviour
) -> None:
    server = raw_server(behave)
    assert outcomes(server.url, seconds=10) == {
        "message": "later uncertain", "alert": "later uncertain", "price": "no price", "twin": "no price",
        "health": "Healthy", "audit": "True", "any": "200",
    }  # fmt: skip
    assert len(server.seen) == len(UNANSWERED)


def test_of_an_answer_that_unpacks_to_a_lot_no_more_is_unpacked_than_is_read(
    raw_server: Callable[..., RawServer],
) -> None:
    server = raw_server(lying(BOMB, b"Content-Encoding: gzip, gzip"))
    tracemalloc.start()
    try:
        answer = http.ask(http.Request("GET", server.url, 10, answer_max_bytes=100_000))
        assert (len(answer.body), answer.is_cut) == (100_000, True)
        assert tracemalloc.get_traced_memory()[1] < 4 * 2**20
    finally:
        tracemalloc.stop()


# --- Elsewhere -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("status", [301, 307])
@pytest.mark.parametrize("place", [None, "http://169.254.169.254/latest/meta-data/"], ids=["inside", "metadata"])
def test_nobody_is_led_elsewhere(raw_server: Callable[..., RawServer], status: int, place: str | None) -> None:
    inside = raw_server(saying(OK + b'Content-Length: 18\r\n\r\n{"status": "Sent"}'))
    head = f"HTTP/1.1 {status} Moved\r\nLocation: {place or inside.url}\r\nContent-Length: 0\r\n\r\n"
    server = raw_server(saying(head.encode()))
    assert outcomes(server.url, seconds=10) == {
        "message": "permanent", "alert": "permanent", "price": "permanent", "twin": "permanent",
        "health": "Unhealthy", "audit": "False", "any": str(status),
    }  # fmt: skip
    assert (len(server.seen), inside.seen) == (len(UNANSWERED), [])


# --- Not now ---------------------------------------------------------------------------------------------------------
@pytest.mark.usefixtures("without_pauses")
@pytest.mark.parametrize(
    "wish", ["Wed, 21 Oct 99999999999 07:28:00 GMT", "Wed, 21 Oct 2099 07:28:00 +99999999999999999999"]
)
def test_a_pause_until_no_time_at_all_is_none(raw_server: Callable[..., RawServer], wish: str) -> None:
    """The year, or the zone, ended the job with an OverflowError."""
    server = raw_server(saying(f"HTTP/1.1 503 No\r\nRetry-After: {wish}\r\nContent-Length: 0\r\n\r\n".encode()))
    assert outcomes(server.url, seconds=10) == {
        "message": "later", "alert": "later", "price": "later", "twin": "later",
        "health": "Unhealthy", "audit": "False", "any": "503",
    }  # fmt: skip
