"""The same commands at another instance, by its address and a token: over a real connection."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group
from pytest_httpserver import HTTPServer

from executions.command_line.there import There
from executions.models import JobExecution
from jobs.enums import JobStatus
from jobs.models import ScheduledJob
from scheduler_project.identity.models import ApiToken, User
from tests.executions.command_line.test_command import jobs
from tests.factories import COMPLETED, a_job, claimed, ended, fresh, started

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def there(live_server: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], User]:
    """The other instance is this one; `there(role)` gives the token of a person in that role to the commands."""
    monkeypatch.setenv("SCHEDULER_URL", live_server.url)

    def with_token_of(role: str) -> User:
        user = User.objects.create_user(f"an-{role}")
        user.groups.add(Group.objects.get_or_create(name=role)[0])
        monkeypatch.setenv("SCHEDULER_API_TOKEN", ApiToken.issue(owner=user, name="test")[1])
        return user

    return with_token_of


def test_looking_is_the_same_there_as_here(there: Callable[[str], User], monkeypatch: pytest.MonkeyPatch) -> None:
    there("viewer")
    a_job("One", cron_expression="*/5 * * * *", description="né", retry_backoff="Exponential")
    resting = a_job("Two words")
    ended(started(resting))
    resting.pause(by=resting.created_by_user_id, reason="resting")
    commands = (
        ["list"], ["list", "--json"], ["list", "--status", "paused"], ["show", "one"], ["show", "Two words", "--json"],
        ["show", str(resting.id)], ["history"], ["history", "two-words", "--json"], ["export"], ["export", "one"],
    )  # fmt: skip
    afar = [jobs(*command) for command in commands]
    monkeypatch.delenv("SCHEDULER_URL")
    near = [jobs(*command) for command in commands]
    assert [code for code, _out, _err in near] == [0] * len(commands)
    for command, one, other in zip(commands, near, afar, strict=True):
        assert one == other, command


def test_pages_are_followed_to_their_end(there: Callable[[str], User], live_server: Any) -> None:
    there("viewer")
    place = There(live_server.url, os.environ["SCHEDULER_API_TOKEN"], page_size=2)
    for number in range(5):
        ended(started(a_job(f"Job {number}")))
    assert [job["name"] for job in place.jobs({})] == [f"Job {number}" for number in range(5)]
    newest_first = [run["jobName"] for run in place.history(None, {}, limit=20)]
    assert newest_first == [f"Job {number}" for number in reversed(range(5))]
    assert [run["jobName"] for run in place.history(None, {}, limit=3)] == newest_first[:3]


def test_doing_is_done_there_by_the_owner_of_the_token(there: Callable[[str], User]) -> None:
    person = there("admin")
    job = a_job()
    assert jobs("pause", "job", "--reason", "moving")[0] == 0
    assert (fresh(job).pause_reason, fresh(job).paused_by_user_id) == ("moving", person.id)
    assert [jobs(verb, "job")[0] for verb in ("resume", "disable", "enable")] == [0, 0, 0]
    once = ("run", "job", "--idempotency-key", "once")
    assert jobs(*once)[0] == 0
    run = JobExecution.objects.get(job=job)
    assert run.triggered_by == person.id
    assert jobs("run", "job")[0] == 4
    ended(claimed(run), COMPLETED)
    assert jobs(*once, "--wait", "--timeout", "5")[0] == 0
    assert jobs("disable", "job")[0] == 0 and jobs("resume", "job")[0] == 4
    assert fresh(job).status == JobStatus.DISABLED


def test_files_are_planned_and_applied_there(there: Callable[[str], User], tmp_path: Path) -> None:
    person = there("admin")
    file = tmp_path / "schedules.yaml"
    file.write_text("jobs:\n  - {key: nightly, name: Nightly, jobType: NoOpJob, cronExpression: 0 3 1 1 *}\n")
    assert jobs("plan", str(file))[0] == 2
    code, out, _err = jobs("apply", str(file))
    assert (code, out.splitlines()[0]) == (0, "+ nightly: new")
    assert ScheduledJob.objects.get().created_by_user_id == person.id
    assert jobs("plan", str(file))[:2] == (0, "Plan, set default: 1 unchanged.\n")
    ScheduledJob.objects.get().redefine(by=person.id, max_retries=9)
    code, out, _err = jobs("apply", str(file))
    assert (code, "edited since the last apply by an-admin" in out) == (4, True)
    assert jobs("apply", str(file), "--take-over", "nightly")[0] == 0
    file.write_text("jobs:\n  - {name: Nightly, jobType: NoOpJob, cronExpression: 0 25 1 1 *}\n")
    code, _out, err = jobs("apply", str(file))
    first = err.splitlines()[0]
    assert (code, first.startswith(f"{file}:2:"), ": Nightly: cronExpression: " in first) == (1, True, True)


@pytest.mark.parametrize(("role", "plan", "apply"), [("nobody", 8, 8), ("viewer", 2, 8), ("operator", 2, 8)])
def test_a_role_that_may_not_is_told_so(
    there: Callable[[str], User], tmp_path: Path, role: str, plan: int, apply: int
) -> None:
    there(role)
    file = tmp_path / "schedules.yaml"
    file.write_text("jobs:\n  - {name: Nightly, jobType: NoOpJob, cronExpression: 0 3 1 1 *}\n")
    assert jobs("plan", str(file))[0] == plan
    assert jobs("apply", str(file))[0] == apply
    assert not ScheduledJob.objects.exists()


def test_a_wrong_token_and_a_server_that_is_gone_are_told_apart_from_faults(
    there: Callable[[str], User], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCHEDULER_API_TOKEN", "wrong")
    assert jobs("list")[0] == 8
    code, _out, err = jobs("list", "--url", "http://127.0.0.1:9")
    assert (code, err.startswith("http://127.0.0.1:9 does not answer: ")) == (8, True)


def test_the_token_follows_no_redirect(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCHEDULER_API_TOKEN", "secret")
    elsewhere = {"Location": httpserver.url_for("/elsewhere")}
    httpserver.expect_request("/api/scheduler/jobs").respond_with_data("moved", 302, elsewhere)
    code, _out, err = jobs("list", "--url", httpserver.url_for("/"))
    assert (code, "answers 302" in err) == (8, True)
    assert [request.path for request, _response in httpserver.log] == ["/api/scheduler/jobs"]
