"""GET /alerts, GET /alerts/{id}, POST /alerts/{id}/acknowledge."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from executions.enums import AlertRule
from executions.models import Alert
from tests.conftest import Caller, assert_problem
from tests.executions.alerts.rounds import FAILURE, a_worker, ask, earlier, runs, the_alert
from tests.factories import a_job, started

pytestmark = pytest.mark.django_db
FIELDS = [
    "id", "rule", "jobId", "jobName", "subject", "severity", "title", "message", "facts", "state", "openedAt", "toldAt",
    "acknowledgedAt", "acknowledgedBy", "note", "closedAt", "duration",
]  # fmt: skip


@pytest.fixture
def alerts(api: Caller) -> dict[str, Alert]:
    """One of a job that is open, one of a worker that is acknowledged, one that is over; in this order of time."""
    job = a_job("Backup", max_duration_seconds=1_000)
    run = started(job)
    earlier(run, 2_000, "started_at")
    ask()
    over = the_alert(AlertRule.RUNNING_TOO_LONG)
    earlier(run, -2_000, "started_at")
    a_worker("celery@one", silent=60)
    ask()
    known = the_alert(AlertRule.WORKER_LOST)
    assert api.post(f"/alerts/{known.id}/acknowledge").status_code == 200
    runs(a_job("Prices", max_consecutive_failures=0), FAILURE)
    ask()
    found = {"over": over, "known": known, "open": the_alert(AlertRule.CONSECUTIVE_FAILURES)}
    for minutes, alert in enumerate(found.values()):
        Alert.objects.filter(id=alert.id).update(opened_at=Now() - timedelta(minutes=9 - minutes))
    return found


def listed(api: Caller, query: str = "") -> list[str]:
    body = api.get(f"/alerts{query}").json()
    assert body["totalCount"] == len(body["items"])
    return [item["id"] for item in body["items"]]


def test_alerts_are_listed_newest_first_and_by_state_rule_and_job(api: Caller, alerts: dict[str, Alert]) -> None:
    over, known, is_open = (str(alert.id) for alert in alerts.values())
    for query, expected in (
        ("", [is_open, known, over]), ("?state=Open", [is_open]), ("?state=acknowledged", [known]),
        ("?state=closed", [over]), ("?rule=worker_lost", [known]), ("?rule=no_beat", []),
        (f"?jobId={alerts['open'].job_id}", [is_open]), (f"?jobId={alerts['open'].job_id}&state=Closed", []),
        ("?state=", [is_open, known, over]),
    ):  # fmt: skip
        assert listed(api, query) == expected, query
    assert_problem(api.get("/alerts?state=Sleeping"), 400, "VALIDATION_ERROR", "state")


def test_an_alert_tells_its_rule_facts_state_and_sentences(api: Caller, alerts: dict[str, Alert]) -> None:
    told = api.get(f"/alerts/{alerts['open'].id}").json()
    assert list(told) == [*FIELDS, "notices"]
    assert (told["rule"], told["severity"], told["state"]) == ("consecutive_failures", "Error", "Open")
    assert (told["jobId"], told["jobName"]) == (str(alerts["open"].job_id), "Prices")
    assert told["title"] == "Prices: a run has failed"
    assert told["message"].endswith("The last error: it broke")
    assert told["facts"]["failures"] == 1
    assert (told["subject"], told["note"], told["closedAt"], told["duration"]) == (None,) * 4
    (notice,) = told["notices"]
    assert (notice["kind"], notice["channel"], notice["recipient"]) == ("Opened", "Administrators", None)
    assert (notice["state"], notice["tries"], notice["lastError"], notice["sentAt"]) == ("Waiting", 0, None, None)


def test_one_that_is_over_says_how_long_it_lasted_and_one_of_the_service_has_no_job(
    api: Caller, alerts: dict[str, Alert]
) -> None:
    over, known, _open = sorted(api.get("/alerts").json()["items"], key=lambda item: item["openedAt"])
    assert list(over) == FIELDS
    assert over["state"] == "Closed" and over["duration"].startswith("00:0")
    assert (known["jobId"], known["jobName"], known["subject"]) == (None, None, "celery@one")


def test_sentences_are_in_the_language_that_the_caller_accepts_and_a_list_asks_few_questions(
    api: Caller, alerts: dict[str, Alert], django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(6):
        assert len(api.get("/alerts", Accept_Language="es").json()["items"]) == 3


def test_an_operator_acknowledges_once_and_who_came_first_stays(caller_in: Any, alerts: dict[str, Alert]) -> None:
    path = f"/alerts/{alerts['open'].id}/acknowledge"
    first, second = caller_in("operator"), caller_in("admin")
    told = first.post(path, {"note": "the network"}).json()
    assert (told["state"], told["acknowledgedBy"], told["note"]) == (
        "Acknowledged", str(first.user.id), "the network",
    )  # fmt: skip
    again = second.post(path, {"note": "me too"})
    assert (again.status_code, again.json()) == (200, told)
    over = second.post(f"/alerts/{alerts['over'].id}/acknowledge", {"note": None}).json()
    assert (over["state"], over["acknowledgedBy"], over["note"]) == ("Closed", str(second.user.id), None)


def test_what_cannot_be_a_note_is_refused(api: Caller, alerts: dict[str, Alert]) -> None:
    path = f"/alerts/{alerts['open'].id}/acknowledge"
    for body, field in (
        ({"note": "x" * 1_001}, "note"),
        ({"note": []}, "note"),
        ({"text": ""}, "text"),
    ):
        assert_problem(api.post(path, body), 400, "VALIDATION_ERROR", field)
    alerts["open"].refresh_from_db()
    assert alerts["open"].acknowledged_at is None


@pytest.mark.parametrize("key", [uuid.uuid4(), "nonsense"])
def test_an_alert_that_is_none_is_not_found(api: Caller, key: object) -> None:
    assert_problem(api.get(f"/alerts/{key}"), 404, "ALERT_001")
    assert_problem(api.post(f"/alerts/{key}/acknowledge"), 404, "ALERT_001")
