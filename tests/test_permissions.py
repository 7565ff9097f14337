"""Who may do what: the roles against the routes."""

from typing import Any

import pytest
from django.db.models.functions import Now
from django.test import Client

from executions.models import Alert, Artifact
from tests.conftest import API, assert_problem
from tests.factories import a_job, a_run, ended, started

READ, OPERATE, CHANGE = "viewer", "operator", "admin"
RANK = ["nobody", "viewer", "operator", "admin"]
NEW_JOB = {"name": "new", "jobType": "NoOpJob", "cronExpression": "@daily"}
ROUTES: list[tuple[str, str, Any, str]] = [
    ("GET", "/jobs", None, READ),
    ("GET", "/jobs/{job}", None, READ),
    ("GET", "/jobs/{job}/next", None, READ),
    ("GET", "/jobs/{job}/revisions", None, READ),
    ("GET", "/jobs/{job}/executions", None, READ),
    ("GET", "/jobs/{job}/why", None, READ),
    ("GET", "/executions", None, READ),
    ("GET", "/executions/{execution}", None, READ),
    ("GET", "/executions/{execution}/log", None, READ),
    ("GET", "/executions/{execution}/artifacts", None, READ),
    ("GET", "/executions/{execution}/artifacts/{artifact}", None, READ),
    ("GET", "/alerts", None, READ),
    ("GET", "/alerts/{alert}", None, READ),
    ("POST", "/alerts/{alert}/acknowledge", None, OPERATE),
    ("GET", "/job-types", None, READ),
    ("POST", "/cron/preview", {"cronExpression": "@daily"}, READ),
    ("GET", "/dashboard", None, READ),
    ("GET", "/schema", None, READ),
    ("GET", "/docs", None, READ),
    ("PUT", "/jobs/{job}/pause", None, OPERATE),
    ("PUT", "/jobs/{job}/resume", None, OPERATE),
    ("POST", "/jobs/{job}/run-now", None, OPERATE),
    ("POST", "/jobs/{job}/run-now", {"parameters": None}, OPERATE),
    ("POST", "/jobs/{job}/run-now", {"parameters": {"dryRun": True}}, OPERATE),
    ("POST", "/jobs/{job}/run-now", {"parameters": '{"dryRun": true}'}, OPERATE),
    ("POST", "/jobs/{job}/run-now", {"parameters": {"dryRun": False}}, CHANGE),
    ("POST", "/jobs/{job}/run-now", {"parameters": {"keep": 1}}, CHANGE),
    ("POST", "/jobs/{job}/run-now", {"parameters": {}}, CHANGE),
    ("POST", "/executions/{execution}/cancel", None, OPERATE),
    ("POST", "/executions/{ended}/retry", None, OPERATE),
    ("POST", "/hold", None, CHANGE),
    ("POST", "/release", None, CHANGE),
    ("POST", "/jobs", NEW_JOB, CHANGE),
    ("PUT", "/jobs/{job}", NEW_JOB, CHANGE),
    ("PATCH", "/jobs/{job}", {"name": "other"}, CHANGE),
    ("DELETE", "/jobs/{job}", None, CHANGE),
    ("PUT", "/jobs/{job}/enable", None, CHANGE),
    ("PUT", "/jobs/{job}/disable", None, CHANGE),
]


@pytest.fixture
def here(db):
    """What the routes are about, by the names in their braces."""
    job = a_job(job_type="SweepingJob", overlap_policy="Allow")
    execution = a_run(job).id
    artifact = Artifact.objects.create(
        execution_id=execution, name="report.html", content_type="text/html", size=2, content=b"hi"
    )
    alert = Alert.objects.create(rule="job", job=job, subject="odd", opened_at=Now())
    return {
        "job": job.id, "execution": execution, "artifact": artifact.name, "ended": ended(started(job)).id,
        "alert": alert.id,
    }  # fmt: skip


@pytest.mark.parametrize(("method", "path", "body", "role"), ROUTES)
def test_a_route_is_open_from_its_role_on(caller_in, here, method, path, body, role):
    for caller in reversed(RANK):
        response = caller_in(caller).ask(method, path.format(**here), body)
        if RANK.index(caller) < RANK.index(role):
            assert_problem(response, 403, "FORBIDDEN")
        else:
            # The admin may have changed what an operator asks about next; it is the role that is asked about here.
            assert response.status_code < 300 or (response.status_code, caller) == (409, "operator")


@pytest.mark.parametrize(("method", "path", "body", "role"), ROUTES)
def test_nothing_answers_a_stranger(caller_in, here, method, path, body, role):
    response = caller_in("stranger").ask(method, path.format(**here), body)
    assert_problem(response, 401, "UNAUTHORIZED")
    assert response["WWW-Authenticate"] == "Token"


@pytest.mark.parametrize("path", ["/api/", "/api/scheduler", f"{API}/nothing/here", "/api/v2/jobs"])
def test_a_stranger_does_not_even_learn_which_routes_there_are(caller_in, path):
    assert_problem(caller_in("stranger").get(path), 401, "UNAUTHORIZED")


def test_a_stranger_with_a_broken_body_is_still_a_stranger(caller_in, here):
    path = "/jobs/{job}/run-now".format(**here)
    assert_problem(caller_in("stranger").post(path, b"{"), 401, "UNAUTHORIZED")


@pytest.mark.parametrize("header", ["Token", "Token nonsense", "Token a b", "Token \xff"])
def test_a_token_that_is_none_is_refused(client, db, header):
    assert_problem(client.get(f"{API}/jobs", headers={"Authorization": header}), 401, "UNAUTHORIZED")


def test_a_session_is_as_good_as_a_token_but_must_prove_that_it_is_no_forgery(caller_in, db):
    user = caller_in("admin").user
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(user)
    assert browser.get(f"{API}/jobs").status_code == 200
    response = browser.post(f"{API}/jobs", NEW_JOB, content_type="application/json")
    assert_problem(response, 403, "FORBIDDEN")
