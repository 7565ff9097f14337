"""AuditService over real sockets: entries that obey its rules, and no trouble of its becomes a job's."""

import json
import logging
import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_httpserver import HTTPServer

from jobs.gateways import audit
from jobs.gateways.audit import AuditEntry, AuditService
from jobs.gateways.service_token import ServiceToken
from tests.jobs.gateways.conftest import RawServer, Retries, saying, wait_for_hang_up

KEY = "a key that OKLA's services share, of 32 bytes and more"
TOKEN = ServiceToken(key=KEY, issuer="OklaService", audience="Okla-App")
ENTRY = AuditEntry("BACKUP", "jobs.execution")
QUICK = 0.4  # seconds

pytestmark = pytest.mark.usefixtures("without_pauses")


def service(url: str, token: ServiceToken = TOKEN, timeout_seconds: float = 5) -> AuditService:
    return AuditService(url, token, timeout_seconds=timeout_seconds)


def recorded(httpserver: HTTPServer, entry: AuditEntry) -> dict[str, Any]:
    """The body that the service took."""
    httpserver.expect_request("/api/audit", method="POST").respond_with_json({"success": True, "data": "1"}, 201)
    assert service(httpserver.url_for("")).record(entry)
    return dict(httpserver.log[-1][0].get_json())


# --- What is told ----------------------------------------------------------------------------------------------------
def test_an_entry_says_what_the_contract_asks_for(httpserver: HTTPServer) -> None:
    entry = AuditEntry(
        "BACKUP", "jobs.execution", severity="Warning", duration_ms=1234, correlation_id="0191-ab",
        data={"jobId": uuid.UUID(int=1), "at": datetime(2026, 1, 2, tzinfo=UTC), "bytes": 5, "databases": ("a", "b")},
    )  # fmt: skip
    assert recorded(httpserver, entry) == {
        "userId": "system",
        "action": "BACKUP",
        "resource": "jobs.execution",
        "userIp": "127.0.0.1",
        "userAgent": "System",
        "additionalData": {
            "jobId": "00000000-0000-0000-0000-000000000001",
            "at": "2026-01-02T00:00:00+00:00",
            "bytes": 5,
            "databases": ["a", "b"],
        },
        "success": True,
        "durationMs": 1234,
        "correlationId": "0191-ab",
        "serviceName": "SchedulerService",
        "severity": 3,
    }


def test_an_entry_carries_the_service_token(httpserver: HTTPServer) -> None:
    recorded(httpserver, ENTRY)
    scheme, token = httpserver.log[0][0].headers["Authorization"].split()
    assert scheme == "Bearer"
    assert jwt.decode(token, KEY, ["HS256"], issuer="OklaService", audience="Okla-App")


def test_words_that_would_be_refused_are_adapted_and_kept_in_full_beside(httpserver: HTTPServer) -> None:
    body = recorded(httpserver, AuditEntry("run now", "jobs/backup-database", correlation_id="a_b/c"))
    assert (body["action"], body["resource"], body["correlationId"]) == ("run_now", "jobs_backup_database", "a-b-c")
    assert body["additionalData"] == {"action": "run now", "resource": "jobs/backup-database"}


@pytest.mark.parametrize(
    ("given_error", "told"),
    [(None, "no reason was given"), (" ", "no reason was given"), ("x" * 2000, "x" * 999 + "…"), ("a\0b", "ab")],
)
def test_a_failure_has_a_reason_of_at_most_a_thousand_characters(
    httpserver: HTTPServer, given_error: str | None, told: str
) -> None:
    body = recorded(httpserver, AuditEntry("BACKUP", "jobs", success=False, error_message=given_error))
    assert (body["success"], body["errorMessage"]) == (False, told)


def test_data_that_json_cannot_say_is_told_as_text(httpserver: HTTPServer) -> None:
    endless: dict[str, Any] = {}
    endless["self"] = endless
    data = {
        "none": None, "inside": {"none": None, "list": [None, 1]}, "nan": float("nan"), "price": Decimal("1.50"),
        "half": "\ud83d", 7: "seven", "x" * 200: 1, "endless": endless, "huge": 10**30,
    }  # fmt: skip
    told = recorded(httpserver, AuditEntry("BACKUP", "jobs", data=data))["additionalData"]
    assert told["inside"] == {"list": [1]}
    assert (told["nan"], told["price"], told["half"], told["7"]) == ("nan", "1.50", "\ufffd", "seven")
    assert "none" not in told and told["x" * 99 + "…"] == 1


def test_of_many_data_the_first_fifty_are_told(httpserver: HTTPServer) -> None:
    told = recorded(httpserver, AuditEntry("BACKUP", "jobs", data={f"k{n}": n for n in range(80)}))
    assert list(told["additionalData"]) == [f"k{n}" for n in range(50)]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(
    st.builds(
        AuditEntry, action=st.text(), resource=st.text(), success=st.booleans(), user_id=st.text(),
        error_message=st.none() | st.text(), correlation_id=st.none() | st.text(),
        data=st.dictionaries(st.text(), VALUES),
    )
)  # fmt: skip
def test_whatever_happened_obeys_the_rules_of_the_contract(entry: AuditEntry) -> None:
    body = json.loads(json.dumps(audit.body_of(entry), allow_nan=False))
    assert re.fullmatch(r"[A-Za-z0-9_]{1,100}", body["action"])
    assert re.fullmatch(r"[A-Za-z0-9_.]{1,255}", body["resource"])
    assert re.fullmatch(r"[A-Za-z0-9-]{1,50}", body["serviceName"])
    assert re.fullmatch(r"[A-Za-z0-9-]{1,100}", body.get("correlationId", "-"))
    assert body["userId"].strip() and 1 <= len(body["userAgent"]) <= 500
    assert len(body["additionalData"]) <= 50 and all(len(key) <= 100 for key in body["additionalData"])
    assert has_no_null(body)
    assert body["success"] or 1 <= len(body["errorMessage"]) <= 1000


def has_no_null(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(has_no_null, value.values()))
    return all(map(has_no_null, value)) if isinstance(value, list) else value is not None


# --- What is not configured ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("url", "key"), [("", KEY), ("http://127.0.0.1:1", ""), ("", "")])
def test_without_an_address_or_a_key_nothing_is_told(url: str, key: str, caplog: pytest.LogCaptureFixture) -> None:
    gateway = service(url, ServiceToken(key=key, issuer="", audience=""))
    assert not gateway.is_configured
    assert gateway.record(ENTRY) is False
    assert not caplog.records


def test_a_key_that_cannot_sign_is_a_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    assert service("http://127.0.0.1:1", ServiceToken(key="short", issuer="", audience="")).record(ENTRY) is False
    assert "Jwt__Key is too short" in caplog.text


# --- What goes wrong -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 429, 500, 503])
def test_a_refusal_is_asked_once_and_told_in_the_log(
    httpserver: HTTPServer, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    httpserver.expect_request("/api/audit").respond_with_json({"success": False, "error": "no such user"}, status)
    assert service(httpserver.url_for("")).record(ENTRY) is False
    assert len(httpserver.log) == 1
    assert f"HTTP {status}, no such user" in caplog.text


@pytest.mark.parametrize(
    "behave",
    [
        wait_for_hang_up,
        saying(b""),
        saying(b"HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{"),
        saying(b"garbage\r\n\r\n"),
    ],
    ids=["silence", "hangs up", "half an answer", "garbage"],
)
def test_an_entry_that_may_have_arrived_is_not_told_twice(
    raw_server: Callable[..., RawServer], caplog: pytest.LogCaptureFixture, behave: Any
) -> None:
    server = raw_server(behave)
    assert service(server.url, timeout_seconds=QUICK).record(ENTRY) is False
    assert len(server.seen) == 1
    assert "AuditService took no entry" in caplog.text


def test_a_service_that_cannot_be_reached_is_tried_once_more(free_port: int, retries: Retries) -> None:
    assert service(f"http://127.0.0.1:{free_port}").record(ENTRY) is False
    assert retries.count == 1


def test_trouble_is_one_line_until_it_is_over(httpserver: HTTPServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "jobs.gateways.audit")
    httpserver.expect_ordered_request("/api/audit").respond_with_data("", 500)
    httpserver.expect_ordered_request("/api/audit").respond_with_data("", 500)
    httpserver.expect_ordered_request("/api/audit").respond_with_data("", 201)
    httpserver.expect_ordered_request("/api/audit").respond_with_data("", 500)
    gateway = service(httpserver.url_for(""))
    assert [gateway.record(ENTRY) for _ in range(4)] == [False, False, True, False]
    said = [record.levelname for record in caplog.records if record.name == "jobs.gateways.audit"]
    assert said == ["WARNING", "INFO", "WARNING"]
