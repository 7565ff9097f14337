"""What is done is written down, in the same transaction, and stays as it was written."""

import sys
import time
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.utils import timezone

from executions import control
from executions.alerts import episodes
from executions.dispatch import RunRequest, run_now
from executions.models import Alert, JobExecution
from jobs import gateways, holds
from jobs.as_code.planning import Choices
from jobs.as_code.schedule_file import ScheduleFile
from jobs.clock import database_now
from jobs.deeds import acted
from jobs.models import SYSTEM_USER_ID, ScheduledJob, ScheduleRevision
from jobs.signals import revised
from scheduler_project.audit.hiding import hidden, shown
from scheduler_project.audit.models import Means, Record
from scheduler_project.identity.models import ApiToken, User
from scheduler_project.identity.roles import Role
from tests.conftest import Caller, assert_problem
from tests.factories import SOMEBODY, a_job, a_run, started

pytestmark = pytest.mark.django_db

UNCHANGED = Choices()


def trail(about: Any) -> list[Record]:
    """What is known of it, the oldest first."""
    return list(Record.objects.filter(subject_id=str(about)).order_by("at", "id"))


def last(about: Any) -> Record:
    return trail(about)[-1]


# --- What is written --------------------------------------------------------------------------------------------------
def test_each_change_of_a_job_leaves_one_record_of_the_fields_that_differ() -> None:
    job = a_job(description="first")
    job.redefine(by=SOMEBODY, description="second", priority=2)
    job.redefine(by=SOMEBODY, description="second")
    job.pause(by=SOMEBODY, reason="stock-taking")
    job.resume(by=SOMEBODY)
    job.disable(by=SOMEBODY)
    job.enable(by=SOMEBODY)
    job.retire(by=SOMEBODY)
    created, changed, paused, resumed, *rest = trail(job.id)
    assert (created.action, created.before, created.after["cronExpression"]) == ("JobCreated", None, "0 0 1 1 *")
    assert changed.before == {"description": "first", "priority": 5}
    assert changed.after == {"description": "second", "priority": 2}
    assert paused.after == {"status": "Paused", "pauseReason": "stock-taking"}
    assert resumed.after == {"status": "Enabled", "pauseReason": ""}
    assert [(each.action, each.before, each.after) for each in rest] == [
        ("JobDisabled", {"status": "Enabled"}, {"status": "Disabled"}),
        ("JobEnabled", {"status": "Disabled"}, {"status": "Enabled"}),
        ("JobDeleted", {"status": "Enabled"}, {"status": "Deleted"}),
    ]
    assert {each.subject_name for each in trail(job.id)} == {"job"}
    assert {each.user_id for each in trail(job.id)} == {SYSTEM_USER_ID, SOMEBODY}


def test_a_file_that_is_applied_leaves_a_record_of_each_job_and_one_of_itself(
    django_assert_max_num_queries: Any,
) -> None:
    line = "  - {{name: j{0}, jobType: NoOpJob, cronExpression: '@daily', priority: {1}}}\n"

    def file(priority: int) -> ScheduleFile:
        return ScheduleFile("set: many\njobs:\n" + "".join(line.format(n, priority) for n in range(200)), SOMEBODY)

    file(3).apply(UNCHANGED)
    with django_assert_max_num_queries(30):
        file(4).apply(UNCHANGED)
    file(4).apply(UNCHANGED)
    for job in ScheduledJob.objects.filter(name__in=["j0", "j199"]):
        assert [each.action for each in trail(job.id)] == ["JobCreated", "JobChanged"]
        assert (last(job.id).before, last(job.id).after) == ({"priority": 3}, {"priority": 4})
    assert [each.after for each in trail("many")] == [
        {"created": 200, "changed": 0, "removed": 0}, {"created": 0, "changed": 200, "removed": 0},
    ]  # fmt: skip


def test_no_revision_is_without_its_record() -> None:
    a_job().disable(by=SOMEBODY)
    assert Record.objects.filter(subject_type="Job").count() >= ScheduleRevision.objects.count() > 1


def test_what_people_do_to_runs_is_written_once() -> None:
    job = a_job(overlap_policy="Allow", job_type="SweepingJob", parameters={"keep": 2})
    asked = RunRequest(by=SOMEBODY, idempotency_key="twice")
    run = run_now(job, asked)
    assert run_now(job, asked).id == run.id
    assert [each.action for each in trail(run.id)] == ["RunRequested"]
    assert last(run.id).after["parameters"] == {"keep": 2}
    control.cancel(run)
    with pytest.raises(control.WrongState):
        control.cancel(run)
    retried = control.retry(run, by=SOMEBODY)
    assert (last(retried.id).action, last(retried.id).after["retryOf"]) == ("RetryRequested", str(run.id))
    assert (last(run.id).before["status"], last(run.id).after["status"]) == ("Queued", "Cancelled")
    assert len(trail(run.id)) == 2
    running = started(job)
    for _again in range(2):
        control.cancel(running)
    assert [each.action for each in trail(running.id)] == ["RunRequested", "RunCancelled"]


def test_a_hold_and_its_release_are_written_and_a_release_of_nothing_is_not() -> None:
    before = Record.objects.filter(subject_type="Schedule").count()
    holds.release(by=SOMEBODY)
    holds.hold(by=SOMEBODY, reason="cables")
    holds.hold(by=SOMEBODY, reason="more cables")
    holds.release(by=SOMEBODY)
    holds.release(by=SOMEBODY)
    found = list(Record.objects.filter(subject_type="Schedule").order_by("at"))[before:]
    assert [(each.action, each.before and each.before["reason"]) for each in found] == [
        ("ScheduleHeld", None), ("ScheduleHeld", "cables"), ("ScheduleReleased", "more cables"),
    ]  # fmt: skip


def test_only_who_acknowledges_first_is_written() -> None:
    alert = Alert.objects.create(rule="job", job=a_job(), subject="odd", opened_at=database_now())
    episodes.acknowledge(alert.id, by=SOMEBODY, note="on it")
    episodes.acknowledge(alert.id, by=SYSTEM_USER_ID)
    assert [(each.action, each.user_id, each.after["note"]) for each in trail(alert.id)] == [
        ("AlertAcknowledged", SOMEBODY, "on it")
    ]


def test_a_token_is_issued_changed_and_revoked_and_its_key_is_nowhere(caller_in: Any) -> None:
    owner = caller_in("admin").user
    token, key = ApiToken.issue(owner=owner, name="CI")
    ApiToken.issue(owner=owner, name="CI", key=key)
    ApiToken.issue(owner=owner, name="CI", key=key, role="viewer")
    assert [token.revoke(), token.revoke()] == [True, False]
    issued, changed, revoked = trail(token.id)
    assert (issued.action, issued.after["owner"]) == ("TokenIssued", owner.username)
    assert (changed.action, changed.before, changed.after) == ("TokenChanged", {"role": ""}, {"role": "viewer"})
    assert (revoked.action, revoked.before) == ("TokenRevoked", {"revokedAt": None})
    assert not Record.objects.filter(after__icontains=key).exists()


# --- One transaction --------------------------------------------------------------------------------------------------
class Refusal(Exception):
    pass


def refuse(**_kwargs: Any) -> None:
    raise Refusal


@pytest.mark.parametrize("verb", ["run", "pause", "hold", "cancel", "acknowledge", "issue"])
def test_what_cannot_be_written_down_is_not_done(caller_in: Any, verb: str) -> None:
    """As when the database refuses the record: another listener raises in its place."""
    job, owner = a_job(overlap_policy="Allow"), caller_in("admin").user
    run = a_run(job)
    alert = Alert.objects.create(rule="job", job=job, subject="odd", opened_at=database_now())
    verbs = {
        "run": lambda: run_now(job, RunRequest(by=SOMEBODY)),
        "pause": lambda: job.pause(by=SOMEBODY),
        "hold": lambda: holds.hold(by=SOMEBODY),
        "cancel": lambda: control.cancel(run),
        "acknowledge": lambda: episodes.acknowledge(alert.id, by=SOMEBODY),
        "issue": lambda: ApiToken.issue(owner=owner, name="new"),
    }

    def state() -> Any:
        job.refresh_from_db()
        run.refresh_from_db()
        alert.refresh_from_db()
        counts = [model.objects.count() for model in (JobExecution, ApiToken, holds.ScheduleHold, Record)]
        return job.status, run.status, alert.acknowledged_at, counts

    before = state()
    for signal in (acted, revised):
        signal.connect(refuse)
    try:
        with pytest.raises(Refusal):
            verbs[verb]()
    finally:
        for signal in (acted, revised):
            assert signal.disconnect(refuse)
    assert state() == before
    verbs[verb]()
    assert state() != before


def test_what_is_taken_back_leaves_no_record() -> None:
    job = a_job()
    with pytest.raises(Refusal), transaction.atomic():
        job.pause(by=SOMEBODY)
        raise Refusal
    assert [each.action for each in trail(job.id)] == ["JobCreated"]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_record SET user_name = 'somebody else'",
        "UPDATE audit_record SET user_name = '' WHERE false",
        "DELETE FROM audit_record",
        "TRUNCATE audit_record",
        "INSERT INTO audit_record SELECT * FROM audit_record ON CONFLICT (id) DO UPDATE SET user_name = ''",
    ],
)
def test_the_database_lets_nobody_change_a_record(statement: str) -> None:
    job = a_job()
    with pytest.raises(DatabaseError, match="only ever added to"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert last(job.id).user_name == "system"


def test_neither_does_a_session_that_plays_a_replica_get_around_the_trigger() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tgenabled FROM pg_trigger WHERE tgname = 'audit_record_stays'")
        assert cursor.fetchall() == [("A",)]


# --- Who, with what, from where ---------------------------------------------------------------------------------------
def test_a_token_is_named_with_its_owner_address_and_correlation_id(caller_in: Any) -> None:
    caller = caller_in("admin")
    job = a_job()
    assert caller.put(f"/jobs/{job.id}/disable", X_Correlation_Id="abc-1").status_code == 200
    found = last(job.id)
    assert (found.means, found.credential, found.user_name) == (Means.TOKEN, "test", "a-admin")
    assert (found.user_id, found.address, found.correlation_id) == (caller.user.id, "127.0.0.1", "abc-1")
    assert abs(found.at - database_now()) < timedelta(minutes=1)


def test_somebody_with_a_token_of_oklas_is_named_and_comes_from_before_the_proxy(client: Client, settings: Any) -> None:
    settings.SCHEDULER_JWT = {"key": "k" * 32, "issuer": "okla", "audience": "okla"}
    settings.SCHEDULER_JWT_ROLES = {"Admin": Role.ADMIN}
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": 1}
    sub, job = uuid.uuid4(), a_job()
    claims = {
        "sub": str(sub), "iss": "okla", "aud": "okla", "exp": time.time() + 600, "role": "Admin", "email": "m@okla.do",
    }  # fmt: skip
    headers = {
        "Authorization": f"Bearer {jwt.encode(claims, 'k' * 32, 'HS256')}",
        "X-Forwarded-For": "1.1.1.1, 9.9.9.9",
    }
    assert client.put(f"/api/scheduler/jobs/{job.id}/disable", headers=headers).status_code == 200
    found = last(job.id)
    assert (found.means, found.user_id, found.user_name, found.address) == (Means.BEARER, sub, "m@okla.do", "9.9.9.9")


def test_the_name_stays_as_it_was(caller_in: Any) -> None:
    caller = caller_in("admin")
    job = a_job()
    caller.put(f"/jobs/{job.id}/disable")
    User.objects.filter(pk=caller.user.pk).delete()
    assert last(job.id).user_name == "a-admin"


def test_a_session_is_one_from_the_login_to_the_logout(caller_in: Any) -> None:
    person = caller_in("admin").user
    person.set_password("a long password")
    person.save()
    browser = Client()
    browser.post("/admin/login/", {"username": "a-admin", "password": "wrong"})
    browser.post("/admin/login/", {"username": "a-admin", "password": "a long password"})
    job = a_job()
    assert browser.put(f"/api/scheduler/jobs/{job.id}/pause", {}, content_type="application/json").status_code == 200
    browser.post("/admin/logout/")
    browser.post("/admin/logout/")
    failed, came, left = trail(person.id)
    assert [each.action for each in (failed, came, left)] == ["LoginFailed", "LoggedIn", "LoggedOut"]
    assert (failed.user_id, failed.subject_name, failed.address) == (None, "a-admin", "127.0.0.1")
    for each in (came, left, last(job.id)):
        assert (each.means, each.user_name, each.address) == (Means.SESSION, "a-admin", "127.0.0.1")


def test_a_password_that_was_typed_as_a_name_is_not_kept() -> None:
    Client().post("/admin/login/", {"username": "my secret password", "password": "x"})
    found = Record.objects.filter(action="LoginFailed").latest("at")
    assert (found.subject_id, found.subject_name) == ("", "")


def test_what_nobody_asked_for_is_the_systems() -> None:
    job = a_job()
    job.pause(by=SOMEBODY, until=timezone.now() + timedelta(days=1))
    ScheduledJob.objects.filter(pk=job.pk).update(paused_until=database_now())
    ScheduledJob.resume_elapsed()
    found = last(job.id)
    assert (found.action, found.means, found.user_name, found.address) == ("JobResumed", Means.SYSTEM, "system", "")


def test_a_command_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/app/manage.py", "ensure_access"])
    monkeypatch.setenv("SCHEDULER_API_TOKEN", "a-key-of-more-than-twenty-letters")
    monkeypatch.delenv("SCHEDULER_ADMIN_PASSWORD", raising=False)
    call_command("ensure_access")
    found = last(ApiToken.objects.get(name="SCHEDULER_API_TOKEN").id)
    assert (found.action, found.means, found.credential) == ("TokenIssued", Means.COMMAND, "ensure_access")


# --- Secrets ----------------------------------------------------------------------------------------------------------
def test_secrets_are_masked_wherever_they_stand() -> None:
    value = {
        "url": "https://me:pa55@example.com/?token=abc&x=1",
        "headers": {"Authorization": "short-abc"},
        "list": [{"apiKey": "abc", "clientSecret": {"a": "b"}, "password": ""}],
        "keep": 3,
    }
    found = hidden(value)
    for secret in ("pa55", "abc", "'b'"):
        assert secret not in str(found)
    assert (found["keep"], found["list"][0]["password"]) == (3, "")


def test_a_secret_that_changed_is_seen_to_have_changed() -> None:
    assert shown({"password": "a b", "x": 1}, {"password": "c", "x": 1}) == ({"password": "***"}, {"password": "***"})


@pytest.fixture
def callable_host(settings: Any) -> Iterator[None]:
    settings.SCHEDULER_OUTGOING_HOSTS = ["okla.com.do"]
    gateways.current.cache_clear()
    yield
    gateways.current.cache_clear()


def test_parameters_of_a_job_are_masked_in_the_trail(callable_host: None) -> None:
    def parameters(password: str) -> dict[str, Any]:
        return {"method": "POST", "url": "https://okla.com.do/", "body": {"password": password, "keep": 1}}

    job = a_job(job_type="HttpRequestJob", parameters=parameters("hunter2 two"))
    job.redefine(by=SOMEBODY, parameters=parameters("hunter3"))
    masked = {**parameters("x"), "body": {"password": "***", "keep": 1}}
    assert (last(job.id).before, last(job.id).after) == ({"parameters": masked}, {"parameters": masked})
    assert not any("hunter" in str((each.before, each.after)) for each in trail(job.id))


# --- Reading ----------------------------------------------------------------------------------------------------------
def test_pages_by_cursor_show_every_record_once_newest_first(api: Caller) -> None:
    job = a_job()
    for n in range(4):
        job.redefine(by=SOMEBODY, priority=n)
    seen: list[dict[str, Any]] = []
    cursor = ""
    while cursor is not None:
        page = api.get(f"/audit?subjectId={job.id}&pageSize=2&cursor={cursor}").json()
        seen += page["items"]
        cursor = page["nextCursor"]
    assert sorted(each["id"] for each in seen) == sorted(str(each.id) for each in trail(job.id))
    assert [each["id"] for each in seen] == sorted((each["id"] for each in seen), reverse=True)
    assert api.get(f"/audit?subjectId={job.id}").json()["totalCount"] == 5


def test_filters_narrow_the_list(api: Caller) -> None:
    job = a_job("wanted")
    api.put(f"/jobs/{job.id}/pause", {"reason": "why"}, X_Correlation_Id="abc-2")
    begin = trail(job.id)[0].at.isoformat().replace("+00:00", "Z")

    def found(query: str) -> list[str]:
        return [each["action"] for each in api.get(f"/audit?subjectId={job.id}&{query}").json()["items"]]

    for query in (
        "action=JobPaused", "means=token", f"userId={api.user.id}", "correlationId=abc-2", "search=SOMEBOD",
    ):  # fmt: skip
        assert found(query) == ["JobPaused"], query
    for query in ("subjectType=Job", "search=wanted", f"from={begin}"):
        assert sorted(found(query)) == ["JobCreated", "JobPaused"], query
    for query in ("to=2000-01-01T00:00:00Z", f"userId={uuid.uuid4()}", "subjectType=Alert"):
        assert found(query) == [], query
    assert_problem(api.get("/audit?means=guess"), 400, "VALIDATION_ERROR", "means")
    assert_problem(api.get("/audit?cursor=nonsense"), 400, "VALIDATION_ERROR", "cursor")


def test_the_trail_is_read_by_admins_alone_and_written_by_nobody(caller_in: Any) -> None:
    assert [caller_in(role).get("/audit").status_code for role in ("stranger", "viewer", "operator", "admin")] == [
        401, 403, 403, 200,
    ]  # fmt: skip
    assert caller_in("nobody").get("/audit").status_code == 403


def test_the_admin_shows_finds_and_changes_nothing(api: Caller) -> None:
    job = a_job("the <wanted> one", job_type="SweepingJob", parameters={"keep": 7})
    browser = Client()
    browser.force_login(api.user)
    page = "/admin/audit/record/"
    listed = browser.get(page, {"q": "<wanted>", "subject_type__exact": "Job", "since": "1h"}).content.decode()
    assert "the &lt;wanted&gt; one" in listed and "JobCreated" in listed
    for found in (str(job.id), str(SYSTEM_USER_ID)):
        assert "&lt;wanted&gt;" in browser.get(page, {"q": found}).content.decode()
    assert "&lt;wanted&gt;" not in browser.get(page, {"q": str(uuid.uuid4())}).content.decode()
    record = last(job.id)
    assert "&quot;keep&quot;: 7" in browser.get(f"{page}{record.id}/change/").content.decode()
    assert browser.post(f"{page}{record.id}/change/", {"user_name": "x"}).status_code == 403
    assert browser.post(f"{page}{record.id}/delete/", {"post": "yes"}).status_code == 403
