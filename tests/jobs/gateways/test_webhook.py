"""The webhook over real sockets: what is signed, what each answer means, and that no key comes back."""

import hashlib
import hmac
import json
import time
import traceback
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from jobs.gateways.errors import NotConfigured
from jobs.gateways.notifications import MessageRefused, NotificationError
from jobs.gateways.webhook import Webhook
from tests.jobs.gateways.conftest import RawServer, saying, wait_for_hang_up

SECRET, KEY = "a secret that both sides know", "T0K3N-in-the-path"
DELIVERY = uuid.UUID("5c4ed01e-0000-4000-8000-0000000000dd")
BODY = {"kind": "Opened", "title": "«Año» \u2028 😀", "job": {"name": "Prices"}, "closedAt": None}
QUICK, BOUND = 0.4, 10.0  # seconds: a short time-out, and what a test takes at most


def webhook(url: str, secret: str = SECRET, **more: Any) -> Webhook:
    return Webhook(url, secret=secret, **{"timeout_seconds": 5, **more})


def fault_of(hook: Webhook) -> Any:
    with pytest.raises(NotificationError) as fault:
        hook.send(BODY, delivery_id=DELIVERY)
    return fault.value


# --- What is sent ----------------------------------------------------------------------------------------------------
def test_it_is_json_signed_with_the_time_over_the_very_bytes_that_came(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/hook", "POST").respond_with_data(status=204)
    webhook(httpserver.url_for("/hook")).send(BODY, delivery_id=DELIVERY)
    ((request, _answer),) = httpserver.log
    assert json.loads(request.data) == BODY
    assert request.headers["Content-Type"] == "application/json"
    timestamp = request.headers["X-Scheduler-Timestamp"]
    assert abs(int(timestamp) - time.time()) < 60
    expected = hmac.new(SECRET.encode(), timestamp.encode() + b"." + request.data, hashlib.sha256).hexdigest()
    assert request.headers["X-Scheduler-Signature"] == f"sha256={expected}"
    assert request.headers["X-Scheduler-Delivery"] == str(DELIVERY)


def test_without_a_secret_nothing_is_signed(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_data()
    webhook(httpserver.url_for("/"), secret="").send(BODY, delivery_id=DELIVERY)
    assert "X-Scheduler-Signature" not in httpserver.log[0][0].headers


# --- What answers mean -----------------------------------------------------------------------------------------------
LATER, MEND, UNCERTAIN, REFUSED = (False, False, False), (True, False, False), (False, True, False), (True, False, True)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (301, MEND), (307, MEND), (400, REFUSED), (401, MEND), (403, MEND), (404, MEND), (405, MEND), (408, LATER),
        (409, REFUSED), (410, MEND), (413, REFUSED), (415, MEND), (422, REFUSED), (425, LATER), (429, LATER),
        (500, UNCERTAIN), (502, UNCERTAIN), (503, UNCERTAIN), (599, UNCERTAIN),
    ],
)  # fmt: skip
def test_each_answer_is_about_the_message_the_address_or_the_moment(
    httpserver: HTTPServer, status: int, expected: tuple[bool, bool, bool]
) -> None:
    httpserver.expect_request("/hook").respond_with_json({"error": "no such thing"}, status=status)
    fault = fault_of(webhook(httpserver.url_for("/hook")))
    assert (fault.permanent, fault.is_uncertain, isinstance(fault, MessageRefused)) == expected
    assert f"HTTP {status}: no such thing" in str(fault)
    assert ("SCHEDULER_ALERT_WEBHOOK_URL" in str(fault)) == (expected == MEND)
    assert len(httpserver.log) == 1


def test_a_redirect_is_not_followed(httpserver: HTTPServer) -> None:
    elsewhere = httpserver.url_for("/elsewhere")
    httpserver.expect_request("/hook").respond_with_response(Response(status=308, headers={"Location": elsewhere}))
    httpserver.expect_request("/elsewhere").respond_with_data()
    assert fault_of(webhook(httpserver.url_for("/hook"))).permanent
    assert [request.path for request, _answer in httpserver.log] == ["/hook"]


def test_what_the_other_side_asks_for_is_passed_on(httpserver: HTTPServer) -> None:
    answer = Response(status=429, headers={"Retry-After": "120"})
    httpserver.expect_request("/hook").respond_with_response(answer)
    assert fault_of(webhook(httpserver.url_for("/hook"))).retry_after_seconds == 120


# --- Peers that misbehave --------------------------------------------------------------------------------------------
def test_nobody_there_is_certainly_not_told(free_port: int) -> None:
    fault = fault_of(webhook(f"http://127.0.0.1:{free_port}/hook"))
    assert not fault.is_uncertain and not fault.permanent


def test_a_peer_that_says_nothing_is_waited_for_within_bounds(raw_server: Callable[..., RawServer]) -> None:
    began = time.monotonic()
    fault = fault_of(webhook(raw_server(wait_for_hang_up).url, timeout_seconds=QUICK))
    assert fault.is_uncertain and time.monotonic() - began < BOUND


@pytest.mark.parametrize("answer", [b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 5_000_000, b"garbage\r\n\r\n", b""])
def test_a_peer_that_floods_or_raves_does_no_harm(raw_server: Callable[..., RawServer], answer: bytes) -> None:
    peer = raw_server(saying(answer))
    if answer.startswith(b"HTTP"):
        webhook(peer.url).send(BODY, delivery_id=DELIVERY)
    else:
        assert fault_of(webhook(peer.url)).is_uncertain
    assert len(peer.seen) == 1


# --- Secrets ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("path", [f"/services/{KEY}", f"/hook?token={KEY}&x=1"])
def test_a_key_in_the_address_does_not_come_back_with_the_answer(httpserver: HTTPServer, path: str) -> None:
    httpserver.expect_request(path.partition("?")[0]).respond_with_data(f"no hook at {path}", status=404)
    fault = fault_of(webhook(httpserver.url_for("") + path.lstrip("/")))
    told = "".join(traceback.format_exception(fault))
    assert "no hook at" in told and KEY not in told and SECRET not in told


@pytest.mark.parametrize("url", [f"http://{KEY}:99999/", f"http://127.0.0.1:1/{KEY}", f"ftp://{KEY}/"])
def test_nor_with_an_address_that_cannot_be_asked(url: str) -> None:
    told = "".join(traceback.format_exception(fault_of(webhook(url))))
    assert KEY not in told


def test_one_that_is_not_configured_names_the_variable() -> None:
    with pytest.raises(NotConfigured, match="SCHEDULER_ALERT_WEBHOOK_URL"):
        webhook("").send(BODY, delivery_id=DELIVERY)
