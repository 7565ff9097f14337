"""NotificationService of the demo, asked over HTTP as OKLA.md §2 has it."""

import json
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from tests.demo.demo_process import RunningDemo

INSIDE = "/notificationservice/api/internal/notifications/email"
OUTSIDE = "/notificationservice/api/notifications/email"
ALERT = "/notificationservice/api/notifications/admin-alert"
MAIL = {"to": "ana.peralta@correo.example", "subject": "Daily Sales Report", "body": "<p>Hola</p>", "isHtml": True}
Bearer = Callable[..., dict[str, str]]


def mails(demo: RunningDemo) -> list[tuple[Any, ...]]:
    return demo.rows("okla", "SELECT recipient, subject, status FROM emails ORDER BY number")


def refused_fields(answer: Any) -> dict[str, list[str]]:
    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "application/problem+json"), answer.text
    problem = answer.json()
    assert problem["errorCode"] == "VALIDATION_ERROR"
    return dict(problem["errors"])


def test_a_message_from_inside_is_sent_and_can_be_asked_for(
    demo: RunningDemo, inside: dict[str, str], bearer: Bearer
) -> None:
    answer = demo.post(INSIDE, MAIL, headers=inside)
    assert answer.status_code == 200
    told = answer.json()
    assert (told["status"], told["message"]) == ("Sent", "Email sent successfully")
    assert mails(demo) == [(MAIL["to"], MAIL["subject"], "Sent")]
    status = f"/notificationservice/api/notifications/{told['notificationId']}/status"
    assert demo.get(status).status_code == 401
    assert demo.get(status, headers=bearer()).json()["status"] == "Sent"
    assert demo.get(status.replace(told["notificationId"], str(uuid.uuid4())), headers=bearer()).status_code == 404


@pytest.mark.parametrize("headers", [{}, {"X-Internal-Api-Key": "another"}, {"X-Internal-Api-Key": ""}])
def test_without_the_internal_key_nothing_is_sent(demo: RunningDemo, headers: dict[str, str]) -> None:
    answer = demo.post(INSIDE, MAIL, headers=headers)
    assert answer.status_code == 401
    assert answer.json() == {"error": "Invalid internal API key."}
    assert mails(demo) == []


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "another"},
        {"iss": "another"},
        {"exp": int(time.time()) - 1},
        {"key": "another key of more than thirty-two characters"},
        {"key": "x" * 64, "algorithm": "HS512"},
        {"temp_token": "true"},
    ],
    ids=["audience", "issuer", "expired by a second", "signature", "algorithm", "half of two factors"],
)
def test_a_token_that_is_not_valid_is_refused_as_dotnet_does(
    demo: RunningDemo, bearer: Bearer, claims: dict[str, Any]
) -> None:
    answer = demo.post(OUTSIDE, MAIL, headers=bearer(**claims))
    assert (answer.status_code, answer.content) == (401, b"")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert mails(demo) == []


def test_without_a_token_it_is_refused_and_with_any_valid_one_sent(demo: RunningDemo, bearer: Bearer) -> None:
    assert demo.post(OUTSIDE, MAIL).status_code == 401
    assert demo.post(OUTSIDE, MAIL, headers=bearer()).status_code == 200
    assert len(mails(demo)) == 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"to": ""}, "to"),
        ({"to": "no tiene"}, "to"),
        ({"to": "@correo.example"}, "to"),
        ({"to": "a@b@correo.example"}, "to"),
        ({"to": "walter@correo.example"}, "to"),
        ({"subject": " "}, "subject"),
        ({"subject": "x" * 201}, "subject"),
        ({"subject": "Your job was updated"}, "subject"),
        ({"subject": "Una alternativa"}, "subject"),
        ({"subject": "Runs at */5 * * * *"}, "subject"),
        ({"subject": "<script>"}, "subject"),
        ({"body": ""}, "body"),
        ({"body": "<IMG SRC=x>"}, "body"),
        ({"body": "a data URI in base64"}, "body"),
        ({"isHtml": "true"}, "isHtml"),
        ({"metadata": []}, "metadata"),
    ],
)
def test_what_its_validators_refuse_is_named_by_field(
    demo: RunningDemo, inside: dict[str, str], change: dict[str, Any], field: str
) -> None:
    assert list(refused_fields(demo.post(INSIDE, {**MAIL, **change}, headers=inside))) == [field]
    assert mails(demo) == []


def test_the_words_of_sql_may_stand_in_a_body_and_unknown_names_are_passed_over(
    demo: RunningDemo, inside: dict[str, str]
) -> None:
    body = "<p>SELECT and UPDATE -- as people write them</p>"
    assert demo.post(INSIDE, {**MAIL, "body": body, "unknown": 1}, headers=inside).status_code == 200


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"text"', b"[" * 100_000, b"\xff"])
def test_what_is_no_json_object_is_refused(demo: RunningDemo, inside: dict[str, str], body: bytes) -> None:
    answer = demo.post(INSIDE, headers={**inside, "Content-Type": "application/json"}, data=body)
    assert refused_fields(answer)


def test_odd_characters_are_kept_as_far_as_a_database_can(demo: RunningDemo, inside: dict[str, str]) -> None:
    text = json.dumps({**MAIL, "subject": "Año \u0000 nuevo 🚗 \ud800"})
    answer = demo.post(INSIDE, headers={**inside, "Content-Type": "application/json"}, data=text)
    assert answer.status_code == 200
    assert mails(demo)[0][1] == "Año ␀ nuevo 🚗 ?"


def test_two_hundred_does_not_mean_sent(demo: RunningDemo, inside: dict[str, str]) -> None:
    answer = demo.post(INSIDE, {**MAIL, "to": "baja.ana@sin-avisos.example"}, headers=inside)
    assert (answer.status_code, answer.json()["status"]) == (200, "ConsentBlocked")
    assert [status for _to, _subject, status in mails(demo)] == ["ConsentBlocked"]


def test_an_alert_reaches_the_administrators_as_a_message(demo: RunningDemo, bearer: Bearer) -> None:
    alert = {"alertType": "system_errors", "title": "Backup failed", "message": "Disk is full", "severity": "Error"}
    for role in (
        {"role": "admin"},
        {"http://schemas.microsoft.com/ws/2008/06/identity/claims/role": ["Compliance", "Admin"]},
    ):
        answer = demo.post(ALERT, alert, headers=bearer(**role))
        assert answer.json() == {"success": True, "error": None}
    assert mails(demo) == [("admin@okla.com.do", "Backup failed", "Sent")] * 2


def test_an_alert_needs_an_administrator_and_the_right_words(demo: RunningDemo, bearer: Bearer) -> None:
    alert = {"alertType": "system_errors", "title": "Backup failed", "message": "Disk is full", "severity": "Error"}
    assert demo.post(ALERT, alert).status_code == 401
    assert demo.post(ALERT, alert, headers=bearer(role="Buyer")).status_code == 403
    odd = {"alertType": "odd", "title": "deleted", "message": "m" * 2_001, "severity": "Bad"}
    assert set(refused_fields(demo.post(ALERT, odd, headers=bearer(role="admin")))) == set(odd)
    assert mails(demo) == []


def test_another_method_is_not_allowed_and_another_address_not_found(demo: RunningDemo) -> None:
    assert demo.get(INSIDE).status_code == 405
    assert demo.post("/notificationservice/api/notifications/sms", {}).status_code == 404
