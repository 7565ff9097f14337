"""NotificationService over real sockets: what each answer means, and that nothing is sent twice."""

import json
import socket
import time
import traceback
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from jobs.gateways.content_rules import SUBJECT_MAX_UNITS, WORD_JOINER, body_faults, subject_faults
from jobs.gateways.errors import GatewayError, NotConfigured
from jobs.gateways.notifications import (
    AlertMessage,
    Delivery,
    Email,
    MessageRefused,
    NotificationError,
    NotificationService,
    PartlyTold,
    mail_alert,
)
from jobs.gateways.service_token import ServiceToken
from tests.jobs.gateways.conftest import RawServer, Retries, saying, wait_for_hang_up

KEY = "a key that OKLA's services share, of 32 bytes and more"
TOKEN = ServiceToken(key=KEY, issuer="OklaService", audience="Okla-App")
NO_TOKEN = ServiceToken(key="", issuer="", audience="")
GUID = "1f1b0f7e-3f0a-4a6c-9d7a-000000000001"
EMAIL = Email(to="ana@example.com", subject="Daily Sales Report", html="<p>Hola</p>", text="Hola")
ALERT = AlertMessage("Service auth is unhealthy!", "HTTP 503\nsince 03:00", "Critical")
INTERNAL, PUBLIC = "/api/internal/notifications/email", "/api/notifications/email"
ADMIN_ALERT = "/api/notifications/admin-alert"
QUICK, BOUND = 0.4, 10.0  # seconds: a short time-out, and what a test takes at most


def service(
    url: str, *, internal_key: str = "secret", token: ServiceToken = NO_TOKEN, **more: Any
) -> NotificationService:
    more = {"alerts_to": ["admin@okla.com.do"], "timeout_seconds": 5, **more}
    return NotificationService(url, internal_key=internal_key, token=token, **more)


def sent(status: str = "Sent") -> dict[str, str]:
    return {"notificationId": GUID, "status": status, "message": "m"}


def fault_of(use: Callable[[], object], kind: type[GatewayError] = NotificationError) -> Any:
    with pytest.raises(kind) as fault:
        use()
    return fault.value


# --- What is asked ---------------------------------------------------------------------------------------------------
def test_with_the_internal_key_the_internal_route_is_asked(httpserver: HTTPServer) -> None:
    body = {
        "to": "ana@example.com", "subject": "Daily Sales Report", "body": "<p>Hola</p>", "isHtml": True,
        "isMarketing": False,
    }  # fmt: skip
    expected = httpserver.expect_request(INTERNAL, "POST", headers={"X-Internal-Api-Key": "secret"}, json=body)
    expected.respond_with_json(sent())
    assert service(httpserver.url_for("/"), token=TOKEN).send(EMAIL) is Delivery.SENT
    assert "Authorization" not in httpserver.log[0][0].headers


def test_without_it_the_public_route_is_asked_with_the_service_token(httpserver: HTTPServer) -> None:
    httpserver.expect_request(PUBLIC, "POST").respond_with_json(sent())
    assert service(httpserver.url_for(""), internal_key="", token=TOKEN).send(EMAIL) is Delivery.SENT
    headers = httpserver.log[0][0].headers
    assert jwt.decode(headers["Authorization"].split()[1], KEY, ["HS256"], issuer="OklaService", audience="Okla-App")
    assert "X-Internal-Api-Key" not in headers


@pytest.mark.parametrize(
    ("user_id", "told"), [(GUID, GUID), (None, None), ("", None), ("user_17", None), ("1" * 32, None)]
)
def test_the_recipients_id_is_told_where_it_is_one(
    httpserver: HTTPServer, user_id: str | None, told: str | None
) -> None:
    httpserver.expect_request(INTERNAL).respond_with_json(sent())
    email = Email(EMAIL.to, EMAIL.subject, EMAIL.html, EMAIL.text, recipient_user_id=user_id)
    service(httpserver.url_for("")).send(email)
    assert httpserver.log[0][0].get_json().get("recipientUserId") == told


@pytest.mark.parametrize(
    "changes",
    [
        {"to": "no tiene"}, {"to": ""}, {"to": "a@b"}, {"to": "ana@example.com\r\nBcc: x@example.com"},
        {"to": "Ana <ana@example.com>"}, {"to": "ana@example.com, x@example.com"}, {"to": "x" * 400 + "@example.com"},
        {"subject": "Your listing was updated"}, {"subject": "x" * 201}, {"subject": ""}, {"subject": "a\nb"},
        {"html": "<p><img src=x></p>"}, {"html": ""}, {"html": "\ud83d"},
    ],
)  # fmt: skip
def test_a_message_that_would_be_refused_is_not_even_asked_about(
    httpserver: HTTPServer, changes: dict[str, str]
) -> None:
    email = Email(**{"to": EMAIL.to, "subject": EMAIL.subject, "html": EMAIL.html, "text": "", **changes})
    fault = fault_of(lambda: service(httpserver.url_for("")).send(email), MessageRefused)
    assert fault.permanent and not fault.is_uncertain
    assert httpserver.log == []


# --- What answers mean -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("status", "delivery"),
    [
        ("Sent", Delivery.SENT),
        ("sent", Delivery.SENT),
        ("Skipped", Delivery.SKIPPED),
        ("ConsentBlocked", Delivery.BLOCKED),
    ],
)
def test_a_success_says_what_became_of_the_message(httpserver: HTTPServer, status: str, delivery: Delivery) -> None:
    httpserver.expect_request(INTERNAL).respond_with_json(sent(status))
    assert service(httpserver.url_for("")).send(EMAIL) is delivery


@pytest.mark.parametrize(
    "body",
    [
        "", "OK", "<html>", "[]", "null", "{}", '{"status": null}', '{"status": 1}', '{"status": ["Sent"]}',
        '{"status": "Pending"}', '{"status": "Sent"', '{"a":' * 3_000, "\xff\x00", "x" * 2_000_000,
    ],
)  # fmt: skip
def test_a_success_that_does_not_say_sent_is_uncertain_and_not_asked_again(httpserver: HTTPServer, body: str) -> None:
    httpserver.expect_request(INTERNAL).respond_with_data(body.encode("latin-1"))
    fault = fault_of(lambda: service(httpserver.url_for("")).send(EMAIL))
    assert fault.is_uncertain
    assert len(httpserver.log) == 1


@pytest.mark.usefixtures("without_pauses")
@pytest.mark.parametrize(
    ("status", "body", "words", "permanent", "uncertain", "refused", "asked"),
    [
        (200, {"status": "Failed", "message": "mailbox full"}, "mailbox full", False, False, False, 1),
        (400, {"title": "t", "errors": {"To": ["Invalid email"]}}, "Invalid email", True, False, True, 1),
        (422, {"detail": "no such word"}, "no such word", True, False, True, 1),
        (401, {"error": "bad key"}, "Security__InternalApiKey", True, False, False, 1),
        (403, "", "Security__InternalApiKey", True, False, False, 1),
        (404, "", "HTTP 404", True, False, False, 1),
        (405, "", "HTTP 405", True, False, False, 1),
        (413, "", "HTTP 413", True, False, False, 1),
        (301, "", "HTTP 301", True, False, False, 1),
        (503, {"error": "Internal API key is not configured"}, "Set Security__InternalApiKey", True, False, False, 1),
        (503, {"detail": "Failed to send email: provider down"}, "provider down", False, False, False, 3),
        (503, {"detail": "An unexpected error occurred while sending"}, "unexpected", False, True, False, 1),
        (503, "<html>", "HTTP 503", False, False, False, 3),
        (429, "slow down", "slow down", False, False, False, 3),
        (408, "", "HTTP 408", False, False, False, 3),
        (500, {"error": {"message": "boom"}}, "boom", False, True, False, 1),
        (502, "", "HTTP 502", False, True, False, 1),
        (504, "", "HTTP 504", False, True, False, 1),
    ],
)  # fmt: skip
def test_a_refusal_says_whether_a_retry_helps_and_whether_it_may_have_been_sent(
    httpserver: HTTPServer, status: int, body: Any, words: str, permanent: bool, uncertain: bool, refused: bool,
    asked: int,
) -> None:  # fmt: skip
    text = body if isinstance(body, str) else json.dumps(body)
    httpserver.expect_request(INTERNAL).respond_with_data(text, status)
    fault = fault_of(lambda: service(httpserver.url_for("")).send(EMAIL))
    assert (fault.permanent, fault.is_uncertain, isinstance(fault, MessageRefused)) == (permanent, uncertain, refused)
    assert words in str(fault)
    assert len(httpserver.log) == asked


def test_a_refused_token_names_its_variables(httpserver: HTTPServer) -> None:
    httpserver.expect_request(PUBLIC).respond_with_data("", 401)
    fault = fault_of(lambda: service(httpserver.url_for(""), internal_key="", token=TOKEN).send(EMAIL))
    assert "Jwt__Key, Jwt__Issuer and Jwt__Audience" in str(fault)


@pytest.mark.usefixtures("without_pauses")
def test_a_key_that_no_header_can_carry_is_named_and_not_shown(httpserver: HTTPServer, retries: Retries) -> None:
    gateway = service(httpserver.url_for(""), internal_key="s3cr3t-key\n")
    fault = fault_of(lambda: gateway.send(EMAIL))
    assert fault.permanent and not fault.is_uncertain and retries.count == 0
    assert "Security__InternalApiKey" in str(fault)
    assert "s3cr3t" not in "".join(traceback.format_exception(fault))


def test_a_service_that_recovers_gets_the_message_once(httpserver: HTTPServer) -> None:
    httpserver.expect_ordered_request(INTERNAL).respond_with_data("", 503)
    httpserver.expect_ordered_request(INTERNAL).respond_with_data("", 429)
    httpserver.expect_ordered_request(INTERNAL).respond_with_json(sent())
    assert service(httpserver.url_for("")).send(EMAIL) is Delivery.SENT
    assert len(httpserver.log) == 3


def test_the_pause_that_the_service_wants_is_made(httpserver: HTTPServer) -> None:
    httpserver.expect_ordered_request(INTERNAL).respond_with_data("", 429, {"Retry-After": "1"})
    httpserver.expect_ordered_request(INTERNAL).respond_with_json(sent())
    began = time.monotonic()
    assert service(httpserver.url_for("")).send(EMAIL) is Delivery.SENT
    assert 1 <= time.monotonic() - began < BOUND


@pytest.mark.parametrize("wish", ["3600", "Wed, 21 Oct 2099 07:28:00 GMT", "9" * 400])
def test_a_pause_that_is_too_long_is_left_to_the_next_attempt(httpserver: HTTPServer, wish: str) -> None:
    httpserver.expect_request(INTERNAL).respond_with_data("", 503, {"Retry-After": wish})
    began = time.monotonic()
    fault = fault_of(lambda: service(httpserver.url_for("")).send(EMAIL))
    assert (fault.permanent, fault.is_uncertain) == (False, False)
    assert time.monotonic() - began < BOUND
    assert len(httpserver.log) == 1


# --- What broken peers do --------------------------------------------------------------------------------------------
@pytest.mark.usefixtures("without_pauses")
@pytest.mark.parametrize(
    "behave",
    [
        wait_for_hang_up,
        saying(b""),
        saying(b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"status": "Sent"}'),
        saying(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n{"),
        saying(b"garbage\r\n\r\n"),
        saying(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd"),
        saying(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}x"),
    ],
    ids=["silence", "hangs up", "half an answer", "half a chunk", "garbage", "gzip that is none", "two lengths"],
)
def test_a_message_that_may_have_arrived_is_uncertain_and_never_sent_twice(
    raw_server: Callable[..., RawServer], behave: Any
) -> None:
    server = raw_server(behave)
    began = time.monotonic()
    fault = fault_of(lambda: service(server.url, timeout_seconds=QUICK).send(EMAIL))
    assert fault.is_uncertain and not isinstance(fault, MessageRefused)
    assert len(server.seen) == 1 and b"ana@example.com" in server.seen[0]
    assert time.monotonic() - began < BOUND


@pytest.mark.usefixtures("without_pauses")
@pytest.mark.parametrize("location", [b"http://[::1", b"\xff\xfe://x", b"http://x:99999999/"])
def test_a_redirect_to_nowhere_is_a_redirect_and_not_sent_twice(
    raw_server: Callable[..., RawServer], location: bytes
) -> None:
    server = raw_server(saying(b"HTTP/1.1 302 Found\r\nLocation: " + location + b"\r\nContent-Length: 0\r\n\r\n"))
    fault = fault_of(lambda: service(server.url).send(EMAIL))
    assert fault.permanent and "HTTP 302" in str(fault)
    assert len(server.seen) == 1


def test_the_endless_body_of_a_redirect_is_not_read(raw_server: Callable[..., RawServer]) -> None:
    def pour(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n")
        while True:
            connection.sendall(b"x" * 65_536)

    fault = fault_of(lambda: service(raw_server(pour).url, timeout_seconds=10).send(EMAIL))
    assert fault.permanent and "HTTP 302" in str(fault)


def test_an_answer_that_comes_too_late_leaves_the_message_uncertain(raw_server: Callable[..., RawServer]) -> None:
    def answer_late(connection: socket.socket) -> None:
        wait_for_hang_up(connection)
        connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\n{"status": "Sent"}')

    server = raw_server(answer_late)
    fault = fault_of(lambda: service(server.url, timeout_seconds=QUICK).send(EMAIL))
    assert fault.is_uncertain and "no answer within 0.4 s" in str(fault)
    assert len(server.seen) == 1


@pytest.mark.usefixtures("without_pauses")
def test_a_service_that_cannot_be_reached_is_tried_three_times_and_certainly_sent_nothing(
    free_port: int, retries: Retries
) -> None:
    fault = fault_of(lambda: service(f"http://127.0.0.1:{free_port}").send(EMAIL))
    assert (fault.permanent, fault.is_uncertain) == (False, False)
    assert "did not answer" in str(fault)
    assert retries.count == 2


@pytest.mark.usefixtures("without_pauses")
def test_a_service_that_comes_up_between_two_tries_gets_the_message(free_port: int, retries: Retries) -> None:
    server = HTTPServer("127.0.0.1", free_port)
    server.expect_request(INTERNAL).respond_with_json(sent())
    retries.on_first = server.start
    try:
        assert service(f"http://127.0.0.1:{free_port}").send(EMAIL) is Delivery.SENT
    finally:
        server.stop()
    assert (retries.count, len(server.log)) == (1, 1)


# --- Alerts ----------------------------------------------------------------------------------------------------------
def test_an_alert_is_told_by_the_services_own_alert(httpserver: HTTPServer) -> None:
    httpserver.expect_request(ADMIN_ALERT, "POST").respond_with_json({"success": True})
    service(httpserver.url_for(""), token=TOKEN).alert(ALERT)
    assert httpserver.log[0][0].get_json() == {
        "alertType": "system_errors",
        "title": "Service auth is unhealthy!",
        "message": "HTTP 503\nsince 03:00",
        "severity": "Critical",
    }


def test_an_alert_of_any_words_and_length_passes_the_rules(httpserver: HTTPServer) -> None:
    httpserver.expect_request(ADMIN_ALERT, "POST").respond_with_json({"success": True})
    words = "Execution of 'Update' /* deleted */ -- <script>\n"
    service(httpserver.url_for(""), token=TOKEN).alert(AlertMessage(words * 10, words * 100))
    body = httpserver.log[0][0].get_json()
    assert subject_faults(body["title"]) == []
    assert len(body["title"]) <= SUBJECT_MAX_UNITS and len(body["message"]) <= 2000
    assert not [fault for fault in subject_faults(body["message"]) if fault.startswith("holds '")]
    assert body["message"].replace(WORD_JOINER, "").startswith(words)


def test_an_alert_without_a_message_says_its_title(httpserver: HTTPServer) -> None:
    httpserver.expect_request(ADMIN_ALERT, "POST").respond_with_json({"success": True})
    service(httpserver.url_for(""), token=TOKEN).alert(AlertMessage("Down", ""))
    assert httpserver.log[0][0].get_json()["message"] == "Down"


@pytest.mark.parametrize("status", [401, 403])
def test_an_alert_that_the_policy_keeps_out_is_e_mailed_to_each_administrator(
    httpserver: HTTPServer, status: int
) -> None:
    httpserver.expect_request(ADMIN_ALERT).respond_with_data("", status)
    httpserver.expect_request(INTERNAL).respond_with_json(sent())
    service(httpserver.url_for(""), token=TOKEN, alerts_to=["a@okla.com.do", "b@okla.com.do"]).alert(ALERT)
    assert [request.path for request, _response in httpserver.log] == [ADMIN_ALERT, INTERNAL, INTERNAL]
    bodies = [request.get_json() for request, _response in httpserver.log[1:]]
    assert [body["to"] for body in bodies] == ["a@okla.com.do", "b@okla.com.do"]
    assert "HTTP 503<br>since 03:00" in bodies[0]["body"] and "#DC3545" in bodies[0]["body"]


@pytest.mark.parametrize("key", ["", "short"])
def test_an_alert_is_e_mailed_where_no_token_can_be_made(httpserver: HTTPServer, key: str) -> None:
    httpserver.expect_request(INTERNAL).respond_with_json(sent())
    token = ServiceToken(key=key, issuer="", audience="")
    service(httpserver.url_for(""), token=token).alert(AlertMessage("Job updated & <b>deleted</b>", "Execution"))
    body = httpserver.log[0][0].get_json()
    assert body["subject"].replace(WORD_JOINER, "") == "Job updated & <b>deleted</b>"
    assert "&lt;b&gt;" in body["body"] and body_faults(body["body"]) == []


@pytest.mark.parametrize("status", [200, 400])
def test_an_alert_that_could_not_be_passed_on_is_told_again_later(httpserver: HTTPServer, status: int) -> None:
    httpserver.expect_request(ADMIN_ALERT).respond_with_json({"success": False, "error": "smtp down"}, status)
    fault = fault_of(lambda: service(httpserver.url_for(""), token=TOKEN).alert(ALERT))
    assert (fault.permanent, fault.is_uncertain) == (False, False)
    assert "smtp down" in str(fault)


@pytest.mark.usefixtures("without_pauses")
@pytest.mark.parametrize(
    ("status", "body", "permanent", "uncertain", "asked"),
    [
        (200, "", False, True, 1),
        (200, "{}", False, True, 1),
        (400, '{"title": "Validation failed"}', True, False, 1),
        (404, "", True, False, 1),
        (503, "", False, False, 3),
        (500, "", False, True, 1),
    ],
)
def test_an_alerts_refusal_says_whether_a_retry_helps(
    httpserver: HTTPServer, status: int, body: str, permanent: bool, uncertain: bool, asked: int
) -> None:
    httpserver.expect_request(ADMIN_ALERT).respond_with_data(body, status)
    fault = fault_of(lambda: service(httpserver.url_for(""), token=TOKEN).alert(ALERT))
    assert (fault.permanent, fault.is_uncertain) == (permanent, uncertain)
    assert len(httpserver.log) == asked


@pytest.mark.usefixtures("without_pauses")
def test_whom_an_alert_certainly_did_not_reach_is_named_when_another_administrator_has_it(
    httpserver: HTTPServer, caplog: pytest.LogCaptureFixture
) -> None:
    def answer(request: Request) -> Response:
        return Response(json.dumps(sent()) if request.get_json()["to"] == "b@okla.com.do" else "", 200)

    httpserver.expect_request(INTERNAL).respond_with_handler(answer)
    with pytest.raises(PartlyTold) as fault:
        service(httpserver.url_for(""), alerts_to=["no address", "a@okla.com.do", "b@okla.com.do"]).alert(ALERT)
    assert fault.value.left == ["no address"]  # a@ may have it
    assert "did not reach a@okla.com.do" in caplog.text and "'no address' is no e-mail address" in caplog.text


@pytest.mark.parametrize(
    ("faults", "permanent", "uncertain"),
    [
        ([NotificationError("a", permanent=True), NotificationError("b")], False, False),
        ([NotificationError("a"), NotificationError("b", is_uncertain=True)], False, True),
        ([MessageRefused("a"), MessageRefused("b")], True, False),
    ],
)
def test_an_alert_that_reached_nobody_fails_with_the_fault_that_promises_most(
    faults: list[NotificationError], permanent: bool, uncertain: bool
) -> None:
    def fail(_email: Email) -> Delivery:
        raise remaining.pop(0)

    remaining = list(faults)
    fault = fault_of(lambda: mail_alert(ALERT, to=["a@okla.com.do", "b@okla.com.do"], send=fail))
    assert (fault.permanent, fault.is_uncertain) == (permanent, uncertain)


def test_an_alert_that_was_skipped_reached_nobody(httpserver: HTTPServer) -> None:
    httpserver.expect_request(INTERNAL).respond_with_json(sent("Skipped"))
    assert fault_of(lambda: service(httpserver.url_for("")).alert(ALERT)).permanent


# --- What is not configured ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("gateway", "variables"),
    [
        (service(""), "ServiceUrls__NotificationService or SCHEDULER_SMTP_URL"),
        (service("http://127.0.0.1:1", internal_key=""), "Security__InternalApiKey or Jwt__Key"),
    ],
)
def test_what_is_not_configured_names_its_variables_whatever_is_asked(
    gateway: NotificationService, variables: str
) -> None:
    for use in (gateway.check, lambda: gateway.send(EMAIL), lambda: gateway.alert(ALERT)):
        fault = fault_of(use, NotConfigured)
        assert fault.permanent and f"set {variables}." in str(fault)


def test_an_alert_to_nobody_names_the_variable(httpserver: HTTPServer) -> None:
    gateway = service(httpserver.url_for(""), alerts_to=[])
    assert "SCHEDULER_ALERT_EMAILS" in str(fault_of(lambda: gateway.alert(ALERT), NotConfigured))


def test_a_configured_service_passes_the_check_without_being_asked() -> None:
    service("http://127.0.0.1:1").check()
    service("http://127.0.0.1:1", internal_key="", token=TOKEN).check()
