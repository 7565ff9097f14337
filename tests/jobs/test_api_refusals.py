"""What is refused, with which code, at which field, and that nothing of it is stored. No body ever answers 500."""

from typing import Any

import pytest

from jobs.models import ScheduledJob, ScheduleRevision
from tests.conftest import assert_problem
from tests.factories import a_job

GOOD = {"name": "n", "jobType": "HealthCheckMonitoringJob", "cronExpression": "0 3 * * *"}
WRITABLE = [
    "name", "description", "jobType", "parameters", "cronExpression", "timeZone", "status", "isEnabled", "pausedUntil",
    "pauseReason", "maxRetries", "retryDelayMinutes", "retryBackoff", "timeoutSeconds", "overlapPolicy",
    "misfirePolicy", "misfireGraceSeconds", "startDeadlineSeconds", "maxDurationSeconds", "graceSeconds",
    "maxConsecutiveFailures",
    "notifyOnFailure", "notificationEmails", "queue", "priority", "key",
]  # fmt: skip
HOSTILE: list[Any] = [
    None, True, -1, 10**400, 1.5, "", "a\x00b", "\ud800", "x" * 20_000, [], [None], [[]], {}, {"a": 1},
    {"a\x00": 1}, {"a": "\ud800"}, {"a": ["\x00"]}, [{"a": "\x00"}], {"a": [[[[[[[[[[1]]]]]]]]]]},
]  # fmt: skip


def assert_nothing_is_stored() -> None:
    assert not ScheduledJob.objects.exists()
    assert not ScheduleRevision.objects.exists()


@pytest.mark.parametrize(
    ("field", "value", "code", "hint"),
    [
        ("cronExpression", "0 0 31 2 *", "JOB_001", "never"),
        ("cronExpression", "60 * * * *", "JOB_001", "minute"),
        ("cronExpression", "* * * *", "JOB_001", "4 found, five needed"),
        ("cronExpression", "@reboot", "JOB_001", "@reboot"),
        ("cronExpression", "* * * * * *", "JOB_001", "six"),
        ("cronExpression", "0 " * 60, "JOB_001", "100"),
        ("jobType", "MakeCoffeeJob", "JOB_002", "HealthCheckMonitoringJob"),
        ("timeoutSeconds", 0, "JOB_007", "1"),
        ("timeoutSeconds", 86_401, "JOB_007", "86400"),
        ("timeoutSeconds", 10**30, "JOB_007", "86400"),
        ("maxRetries", -1, "JOB_008", "0"),
        ("maxRetries", 21, "JOB_008", "20"),
        ("timeZone", "Mars/Phobos", "VALIDATION_ERROR", "America/Santo_Domingo"),
        ("timeZone", "a" * 100_000, "VALIDATION_ERROR", "64"),
        ("timeZone", "../../etc/passwd", "VALIDATION_ERROR", "IANA"),
        ("name", "n" * 201, "VALIDATION_ERROR", "200"),
        ("name", "  ", "VALIDATION_ERROR", "blank"),
        ("description", "d" * 1001, "VALIDATION_ERROR", "1000"),
        ("parameters", {"servicez": ["a"]}, "VALIDATION_ERROR", "services"),
        ("parameters", {"services": "a"}, "VALIDATION_ERROR", "services"),
        ("parameters", '{"servicez": []}', "VALIDATION_ERROR", "services"),
        ("parameters", "{", "VALIDATION_ERROR", "JSON"),
        ("parameters", "[1]", "VALIDATION_ERROR", "object"),
        ("parameters", "[" * 100_000, "VALIDATION_ERROR", "deep"),
        ("parameters", {"services": ["s" * 17_000]}, "VALIDATION_ERROR", "16384"),
        ("parameters", {"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": {"i": 1}}}}}}}}}, "VALIDATION_ERROR", "8"),
        ("retryDelayMinutes", 1441, "VALIDATION_ERROR", "1440"),
        ("priority", 10, "VALIDATION_ERROR", "9"),
        ("queue", "two words", "VALIDATION_ERROR", "letters"),
        ("key", "Not A Slug", "VALIDATION_ERROR", "lower-case"),
        ("notificationEmails", ["admin@okla.com.do", "nobody"], "VALIDATION_ERROR", "nobody"),
        ("notificationEmails", ["a@okla.com.do"] * 51, "VALIDATION_ERROR", "50"),
        ("notificationEmails", "admin@okla.com.do", "VALIDATION_ERROR", "list"),
        ("misfirePolicy", "Sometimes", "VALIDATION_ERROR", "RunOnce"),
        ("pausedUntil", "0001-01-01T00:00:00+14:00", "VALIDATION_ERROR", ""),
    ],
)
def test_a_bad_value_is_refused_with_its_code_its_field_and_a_sentence_that_helps(api, field, value, code, hint):
    problem = assert_problem(api.post("/jobs", {**GOOD, field: value}), 400, code, field)
    assert hint in " ".join(problem["errors"][field])
    assert_nothing_is_stored()


def test_several_faults_are_told_at_once(api):
    body = {**GOOD, "jobType": "X", "cronExpression": "x", "notificationEmails": ["x"]}
    fields = ("jobType", "cronExpression", "notificationEmails")
    assert_problem(api.post("/jobs", body), 400, "JOB_001", *fields)


def test_a_name_that_is_taken_is_refused(api):
    a_job("n")
    assert_problem(api.post("/jobs", GOOD), 400, "JOB_003", "name")
    assert_problem(api.patch(f"/jobs/{a_job('m').id}", {"name": "n"}), 400, "JOB_003", "name")


def test_a_refused_change_leaves_the_job_as_it_was(api):
    job = a_job()
    assert_problem(
        api.patch(f"/jobs/{job.id}", {"name": "x", "cronExpression": "@reboot"}), 400, "JOB_001", "cronExpression"
    )
    stored = ScheduledJob.objects.get()
    assert (stored.name, stored.version, ScheduleRevision.objects.count()) == (job.name, 1, 1)


@pytest.mark.parametrize(
    "body",
    [
        b"{", b"name=n", b"\xff\xfe", b"null", b"[]", b'"text"', b"1", b"[" * 5_000, b'{"a":' * 5_000,
        b'{"priority": NaN}', b'{"priority": Infinity}', b'{"priority": ' + b"9" * 5_000 + b"}",
        b'{"\\u0000": 1}', b'{"\\ud800": 1}', b"{'name': 'n'}",
    ],
    ids=repr,
)  # fmt: skip
def test_a_body_that_is_no_json_object_is_refused_with_a_sentence_that_helps(api, body):
    response = api.post("/jobs", body)
    problem = response.json()
    assert (response.status_code, problem["errorCode"]) == (400, "VALIDATION_ERROR")
    assert any(word in problem["detail"] for word in ("JSON", "UTF-8", "deep", "stored", "surrogate"))
    assert_nothing_is_stored()


@pytest.mark.parametrize("field", WRITABLE)
def test_no_value_of_any_field_answers_500(api, field):
    for number, value in enumerate(HOSTILE):
        response = api.post("/jobs", {**GOOD, "name": f"n{number}", field: value})
        assert response.status_code in (201, 400), (value, response.content)
        if response.status_code == 400:
            assert list(response.json()["errors"]) == [field]


def test_a_number_beyond_all_floats_is_refused(api):
    body = b'{"name": "n", "jobType": "NoOpJob", "cronExpression": "@daily", "parameters": {"a": 1e999}}'
    assert_problem(api.post("/jobs", body), 400, "VALIDATION_ERROR", "parameters")


def test_a_hundred_thousand_unknown_fields_are_refused_without_naming_all(api):
    response = api.post("/jobs", {f"f{number}": 1 for number in range(80_000)})
    assert response.status_code == 400
    assert len(response.content) < 10_000


def test_a_body_of_more_than_a_megabyte_is_refused_with_413(api):
    assert_problem(api.post("/jobs", {**GOOD, "description": "d" * 1_100_000}), 413, "PAYLOAD_TOO_LARGE")


def test_a_body_that_says_it_is_something_else_is_refused_with_415(api):
    response = api.post("/jobs", b"name=n", Content_Type="application/x-www-form-urlencoded")
    assert_problem(response, 415, "UNSUPPORTED_MEDIA_TYPE")


# --- Lists -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("page=abc", "page"), ("page=0", "page"), ("page=-1", "page"), ("page=1e3", "page"),
        ("page=99999999999999999999", "page"), ("pageSize=x", "pageSize"), ("pageSize=0", "pageSize"),
        ("status=Sleeping", "status"), ("status=1", "status"), ("order=version", "order"), ("search=%00", "search"),
        ("jobType=%00", "jobType"),
    ],
)  # fmt: skip
def test_a_list_asked_for_in_a_way_that_makes_no_sense_is_refused(api, query, field):
    assert_problem(api.get(f"/jobs?{query}"), 400, "VALIDATION_ERROR", field)
