"""GET /jobs/{id}/why: the answer in both languages, and whatever may be asked, no 500."""

from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from django.utils import translation

from executions.why.wording import say
from executions.why_api import _in
from jobs.clock import database_now
from jobs.enums import JobStatus
from tests.conftest import Caller, assert_problem
from tests.factories import SOMEBODY, a_job, a_run, fell_due, rows_of, settle

DUE = datetime(2026, 1, 8, 7, tzinfo=UTC)
AT = "2026-01-08T07:00:00Z"

pytestmark = pytest.mark.django_db


def test_the_answer_has_the_gates_in_order_with_plain_facts(api: Caller) -> None:
    job = a_job("Backup", cron_expression="0 3 * * *")
    told = api.get(f"/jobs/{job.id}/why?at=2026-01-08T03:00:42-04:00").json()
    assert list(told) == [
        "jobId", "jobName", "at", "local", "dueTime", "verdict", "answer", "gates", "executions",
    ]  # fmt: skip
    assert (told["jobId"], told["jobName"], told["dueTime"]) == (str(job.id), "Backup", AT)
    assert (told["at"], told["local"]) == ("2026-01-08T07:00:42Z", "2026-01-08T03:00:42-04:00")
    assert told["verdict"] == "NotOnSchedule"
    assert [gate["gate"] for gate in told["gates"]] == [
        "schedule", "status", "hold", "fired", "misfire", "overlap", "deadline", "worker", "result",
    ]  # fmt: skip
    schedule, status, *rest = told["gates"]
    assert list(schedule) == ["gate", "state", "isDecisive", "text", "facts"]
    assert schedule["facts"]["changedAt"].endswith("Z")
    assert (status["state"], status["isDecisive"]) == ("stopped", True)
    assert {gate["state"] for gate in rest} == {"notReached"}
    assert told["executions"] == []


def test_every_attempt_of_the_due_time_is_named(api: Caller) -> None:
    job = a_job(cron_expression="0 3 * * *", overlap_policy="Allow", misfire_grace_seconds=86_400)
    fell_due(job, DUE)
    settle(job, DUE)
    again = a_run(job, scheduled_for=DUE)
    told = api.get(f"/jobs/{job.id}/why?at={AT}").json()
    assert told["executions"] == [
        {"id": str(row.id), "status": "Queued", "reason": None, "trigger": trigger, "retryAttempt": 0}
        for row, trigger in ((rows_of(job)[0], "Schedule"), (again, "Manual"))
    ]


@pytest.mark.parametrize("language", ["en", "es", "fr"])
def test_both_languages_are_answered_whatever_the_caller_speaks(api: Caller, language: str) -> None:
    job = a_job("Backup", cron_expression="0 3 * * *")
    told = api.get(f"/jobs/{job.id}/why?at={AT}", Accept_Language=language).json()
    assert told["answer"]["en"].startswith("Backup did not exist yet at 2026-01-08 03:00 (America/Santo_Domingo)")
    assert set(told["answer"]) == set(told["gates"][0]["text"]) == {"en", "es"}


def test_a_text_is_made_in_the_language_that_was_asked_for_and_in_no_other() -> None:
    text = say("{word}", word=JobStatus.ENABLED.label)
    with translation.override("es"):
        spanish = str(JobStatus.ENABLED.label)
        assert (_in("en", text), _in("es", text)) == ("Enabled", spanish)
    assert spanish != "Enabled"


def test_without_an_instant_the_present_one_is_meant(api: Caller) -> None:
    job = a_job(cron_expression="* * * * *")
    before = database_now()
    told = api.get(f"/jobs/{job.id}/why").json()
    assert before <= datetime.fromisoformat(told["at"]) <= database_now()


def test_a_deleted_job_still_answers(api: Caller) -> None:
    job = a_job("Gone", cron_expression="0 3 * * *")
    job.retire(by=SOMEBODY)
    told = api.get(f"/jobs/{job.id}/why?at=2999-01-08T07:00:00Z").json()
    assert (told["verdict"], told["jobName"]) == ("NotOnSchedule", "Gone")
    assert "deleted it at" in told["answer"]["en"]


@pytest.mark.parametrize("job_id", ["00000000-0000-4000-8000-000000000000", "nonsense"])
def test_a_job_that_never_was_is_not_found(api: Caller, job_id: str) -> None:
    assert_problem(api.get(f"/jobs/{job_id}/why"), 404, "JOB_004")


@pytest.mark.parametrize(
    "at",
    [
        "soon", "2026-13-01T00:00:00Z", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-12:00",
        "0001-01-01T00:00:00+14:00",
        "1969-12-31T23:59:59Z", "2026-01-08T07:00:00+99:00", "\x00", "2026-01-08T07:00:00Z" * 50,
    ],
)  # fmt: skip
def test_an_instant_that_makes_no_sense_is_refused_by_name(api: Caller, at: str) -> None:
    assert_problem(api.get(f"/jobs/{a_job().id}/why?at={quote(at)}"), 400, "VALIDATION_ERROR", "at")


@pytest.mark.parametrize(
    "at",
    [
        "2026-01-08T07:00:00Z", "2026-01-08T07:00:00", "2026-01-08T11:00:00%2B04:00", "2026-01-08T11:00:00+04:00",
        "2026-01-08T03:00:00-04:00", "2026-01-08T07:00Z",
    ],
)  # fmt: skip
def test_an_instant_may_come_with_an_offset_or_without_one_for_utc(api: Caller, at: str) -> None:
    told = api.get(f"/jobs/{a_job(cron_expression='0 3 * * *').id}/why?at={at}").json()
    assert told["dueTime"] == AT


@pytest.mark.parametrize("at", ["1970-01-01T00:00:00Z", "9998-12-30T23:59:59Z", "2011-12-30T12:00:00Z"])
@pytest.mark.parametrize("zone", ["Pacific/Apia", "Asia/Kathmandu", "Australia/Lord_Howe"])
def test_the_ends_of_time_and_a_day_that_never_was_have_an_answer(api: Caller, at: str, zone: str) -> None:
    job = a_job(cron_expression="0 0 30 12 *", time_zone=zone)
    response = api.get(f"/jobs/{job.id}/why?at={at}")
    assert response.status_code == 200 and response.json()["answer"]["en"]
