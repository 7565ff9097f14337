"""API tokens: a role of their own, their end, and when they were last used. How they are issued: test_admin.py."""

import logging
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from scheduler_project.identity.models import ApiToken, User
from tests.conftest import Caller, assert_problem
from tests.factories import a_job
from tests.identity.okla import JOBS

NEW_JOB = {"name": "new", "jobType": "NoOpJob", "cronExpression": "@daily"}

pytestmark = pytest.mark.django_db


def answers_to(client: Any, key: str) -> tuple[int, int, int]:
    """To reading, to running, to defining a job."""
    headers = {"Authorization": f"Token {key}"}
    job = a_job(overlap_policy="Allow")
    read = client.get(JOBS, headers=headers)
    run = client.post(f"{JOBS}/{job.id}/run-now", {}, content_type="application/json", headers=headers)
    defined = client.post(JOBS, NEW_JOB, content_type="application/json", headers=headers)
    return read.status_code, run.status_code, defined.status_code


@pytest.mark.parametrize(
    ("owner", "role", "answers"),
    [
        ("admin", "", (200, 202, 201)),
        ("admin", "admin", (200, 202, 201)),
        ("admin", "operator", (200, 202, 403)),
        ("admin", "viewer", (200, 403, 403)),
        ("operator", "admin", (200, 202, 403)),
        ("viewer", "operator", (200, 403, 403)),
        ("nobody", "admin", (403, 403, 403)),
    ],
)
def test_a_token_does_what_its_role_says_and_never_more_than_its_owner(client, caller_in, owner, role, answers):
    _token, key = ApiToken.issue(owner=caller_in(owner).user, name="CI", role=role)
    assert answers_to(client, key) == answers


def test_a_superusers_token_is_held_to_its_role_too(client):
    _token, key = ApiToken.issue(owner=User.objects.create_superuser("root"), name="CI", role="viewer")
    assert answers_to(client, key) == (200, 403, 403)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"revoked_at": timezone.now()}, "it was revoked"),
        ({"expires_at": timezone.now() - timedelta(seconds=1)}, "it has expired"),
    ],
    ids=("revoked", "expired"),
)
def test_a_token_that_has_ended_is_refused_and_told_by_its_id(api: Caller, caplog, change, reason):
    ApiToken.objects.update(**change)
    assert_problem(api.get("/jobs"), 401, "UNAUTHORIZED")
    token = ApiToken.objects.get()
    told = [record.getMessage() for record in caplog.records if record.name.startswith("scheduler_project.identity")]
    assert told == [f"The API token {token.id} from 127.0.0.1 was refused: {reason}."]
    assert token.last_used_at is None


def test_a_token_of_somebody_inactive_is_refused(api: Caller, caplog):
    User.objects.update(is_active=False)
    assert_problem(api.get("/jobs"), 401, "UNAUTHORIZED")
    assert "its owner is not active" in caplog.text


@pytest.mark.parametrize("key", ["x" * 100_000, "\xff" * 40, "nonsense"], ids=("long", "no ASCII", "unknown"))
def test_a_key_that_is_none_is_told_once_without_itself(client, caplog, key):
    caplog.set_level(logging.INFO)
    assert_problem(client.get(JOBS, headers={"Authorization": f"Token {key}"}), 401, "UNAUTHORIZED")
    told = [record for record in caplog.records if record.name.startswith("scheduler_project.identity")]
    assert len(told) == 1 and key not in caplog.text


def test_the_last_use_is_written_down_and_at_most_once_a_minute(api: Caller):
    def last_used() -> Any:
        return ApiToken.objects.get().last_used_at

    assert last_used() is None
    api.get("/jobs")
    first = last_used()
    assert timezone.now() - first < timedelta(minutes=1)
    api.get("/jobs")
    assert last_used() == first
    ApiToken.objects.update(last_used_at=first - timedelta(seconds=61))
    api.get("/jobs")
    assert last_used() > first


def test_a_token_that_the_environment_presets_stays_revoked(monkeypatch, capsys):
    monkeypatch.setenv("SCHEDULER_API_TOKEN", "a-preset-token-of-some-length")
    monkeypatch.delenv("SCHEDULER_ADMIN_PASSWORD", raising=False)
    call_command("ensure_access")
    assert "revoked" not in capsys.readouterr().err
    ApiToken.objects.update(revoked_at=timezone.now())
    call_command("ensure_access")
    assert "was revoked and stays so" in capsys.readouterr().err
    assert ApiToken.objects.get().revoked_at is not None


# --- By the API ------------------------------------------------------------------------------------------------------
@pytest.fixture
def session(api: Caller) -> Caller:
    """The same person, signed in."""
    session = Caller()
    session.client.force_login(api.user)
    return session


def test_a_token_is_issued_listed_used_and_revoked(api: Caller, session: Caller) -> None:
    answer = session.post("/tokens", {"name": "wallboard", "role": "viewer"})
    issued = answer.json()
    assert (answer.status_code, issued["role"], issued["isUsable"]) == (201, "viewer", True)
    board = Caller()
    board.headers = {"Authorization": f"Token {issued['key']}"}
    assert board.get("/jobs").status_code == 200
    assert board.get("/tokens").status_code == 403
    listed = {each["name"]: each for each in api.get("/tokens").json()["items"]}
    assert "key" not in listed["wallboard"] and listed["wallboard"]["lastUsedAt"]
    assert [api.delete(f"/tokens/{issued['id']}").status_code for _again in range(2)] == [204, 204]
    assert board.get("/jobs").status_code == 401
    assert ApiToken.objects.get(pk=issued["id"]).revoked_at


def test_a_token_issues_no_other_one(api: Caller) -> None:
    assert_problem(api.post("/tokens", {"name": "child"}), 403, "FORBIDDEN")
    assert not ApiToken.objects.filter(name="child").exists()


def test_a_token_that_could_not_be_used_is_not_issued(session: Caller) -> None:
    api = session
    past = (timezone.now() - timedelta(seconds=1)).isoformat()
    assert_problem(api.post("/tokens", {"name": "a", "expiresAt": past}), 400, "VALIDATION_ERROR", "expiresAt")
    assert_problem(api.post("/tokens", {"name": "a", "role": "king"}), 400, "VALIDATION_ERROR", "role")
    assert_problem(api.post("/tokens", {"name": "a", "key": "mine"}), 400, "VALIDATION_ERROR", "key")
    assert_problem(api.delete("/tokens/nonsense"), 404, "NOT_FOUND")
    assert ApiToken.objects.count() == 1
