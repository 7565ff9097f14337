"""The API's frame: problems where there is no other answer, trace ids, chunked bodies, the schema and its page."""

import asyncio
import json
import threading
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError, connection, connections
from django.http import HttpResponse
from django.test import RequestFactory
from rest_framework.exceptions import Throttled

from jobs.models import ScheduledJob
from scheduler_project import rest
from scheduler_project.asgi import application
from scheduler_project.identity.models import ApiToken, User
from tests.conftest import assert_problem
from tests.factories import a_job


def told(exception: Exception) -> HttpResponse:
    response = rest.problem(exception, {"request": RequestFactory().get("/api/scheduler/jobs")})
    assert response
    return response


# --- Problems --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("path", ["/nothing", "/jobs/", "/jobs/x/y/z", "/../admin", "/executions/x/nothing"])
def test_an_unknown_route_is_a_problem(api, path):
    problem = assert_problem(api.get(path), 404, "NOT_FOUND")
    assert problem["title"] == "Not Found"


def test_a_method_that_a_route_does_not_know_is_a_problem(api):
    response = api.delete("/jobs")
    assert_problem(response, 405, "METHOD_NOT_ALLOWED")
    assert response["Allow"] == "GET, POST, HEAD, OPTIONS"
    assert_problem(api.ask("OPTIONS", "/jobs"), 405, "METHOD_NOT_ALLOWED")


def test_a_form_that_is_not_spoken_here_is_a_problem(api):
    assert_problem(api.get("/jobs", Accept="application/xml"), 406, "NOT_ACCEPTABLE")


def test_a_throttled_request_says_when_to_come_again():
    response = told(Throttled(wait=7))
    assert (response.status_code, response["Retry-After"]) == (429, "7")
    assert json.loads(response.content)["errorCode"] == "RATE_LIMIT_EXCEEDED"


def test_a_database_that_is_away_is_a_503_and_not_a_500():
    response = told(OperationalError("server closed the connection"))
    assert (response.status_code, json.loads(response.content)["errorCode"]) == (503, "SERVICE_UNAVAILABLE")
    assert b"server closed" not in response.content


def test_what_nobody_expected_is_a_problem_that_tells_nothing_but_its_trace_id(api):
    job = a_job()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE jobs_schedulerevision RENAME TO elsewhere")
    response = api.get(f"/jobs/{job.id}/revisions", X_Correlation_Id="trace-me")
    problem = assert_problem(response, 500, "INTERNAL_ERROR")
    assert problem["traceId"] == "trace-me"
    assert "schedulerevision" not in response.content.decode()


def test_two_requests_that_take_one_name_at_the_same_moment_are_told_so():
    taken = json.loads(told(IntegrityError('violates unique constraint "job_name_unique_among_live"')).content)
    assert (taken["status"], taken["errorCode"], list(taken["errors"])) == (400, "JOB_003", ["name"])
    assert told(IntegrityError("something else")).status_code == 409


@pytest.mark.django_db(transaction=True)
def test_one_name_asked_for_by_many_at_once_is_given_once(caller_in):
    api = caller_in("admin")
    statuses = []

    def post():
        body = {"name": "One", "jobType": "NoOpJob", "cronExpression": "@daily"}
        statuses.append(api.post("/jobs", body).status_code)
        connection.close()

    threads = [threading.Thread(target=post) for _each in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [201] + [400] * 5
    assert ScheduledJob.objects.count() == 1


def test_problems_are_told_in_the_callers_language(api):
    spanish = api.get("/jobs?status=x", Accept_Language="es")
    assert spanish["Content-Language"] == "es"


# --- The trace -------------------------------------------------------------------------------------------------------
def test_a_sane_correlation_id_is_kept_and_echoed(api):
    assert api.get("/jobs", X_Correlation_Id="0af7-42:b")["X-Correlation-Id"] == "0af7-42:b"


@pytest.mark.parametrize("given", ["", "x" * 129, "a b", "<script>", "ü"])
def test_any_other_correlation_id_is_replaced(api, given):
    echoed = api.get("/jobs", X_Correlation_Id=given)["X-Correlation-Id"]
    assert echoed != given
    assert len(echoed) == 32


def test_answers_of_the_api_are_not_stored_by_caches(api):
    assert api.get("/jobs")["Cache-Control"] == "no-store"


# --- Bodies in chunks, as .NET clients send them ---------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("size", "status"), [(10, 201), (1_100_000, 413)])
def test_a_body_without_a_length_is_read_and_limited_all_the_same(monkeypatch, size, status):
    # Each ASGI request has a thread of its own: here, without a pool, its connection ends with it.
    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", 0)
    _token, key = ApiToken.issue(owner=User.objects.create_superuser("somebody"), name="t")
    job = {"name": "n", "jobType": "NoOpJob", "cronExpression": "@daily", "description": "d" * size}
    assert asyncio.run(status_of_chunked_post(key, json.dumps(job).encode())) == status


async def status_of_chunked_post(key: str, body: bytes) -> int:
    scope = {
        "type": "http", "http_version": "1.1", "method": "POST", "path": "/api/scheduler/jobs", "raw_path": b"",
        "query_string": b"", "root_path": "", "scheme": "http", "server": ("testserver", 80), "client": ("::1", 1),
        "headers": [
            (b"host", b"testserver"), (b"content-type", b"application/json"), (b"transfer-encoding", b"chunked"),
            (b"authorization", f"Token {key}".encode()),
        ],
    }  # fmt: skip
    middle = len(body) // 2
    chunks = [
        {"type": "http.request", "body": body[:middle], "more_body": True},
        {"type": "http.request", "body": body[middle:], "more_body": False},
    ]
    sent: list[dict[str, Any]] = []

    async def receive():
        if chunks:
            return chunks.pop(0)
        await asyncio.sleep(60)
        return {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    await application(scope, receive, send)
    return int(sent[0]["status"])


# --- The schema ------------------------------------------------------------------------------------------------------
def test_the_schema_is_served_and_tells_the_example(api):
    schema = api.get("/schema", Accept="application/vnd.oai.openapi+json").json()
    assert schema["openapi"].startswith("3.1")
    posting = schema["paths"]["/api/scheduler/jobs"]["post"]
    example = posting["requestBody"]["content"]["application/json"]["examples"]["ADailyJob"]["value"]
    assert example["jobType"] == "CleanupExpiredListingsJob"
    fields = schema["components"]["schemas"]["Job"]["properties"]
    assert "cronExpression" in fields and "cron_expression" not in fields


def test_the_page_about_the_api_needs_no_other_server(api):
    page = api.get("/docs", Accept="text/html").content.decode()
    assert "swagger-ui" in page
    assert "https://" not in page and "http://" not in page
    assert "/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js" in page


def test_the_root_is_the_dashboard_behind_the_login(client):
    assert client.get("/")["Location"] == "/admin/login/?next=/"
