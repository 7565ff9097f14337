"""The admin site itself, and the admin of people and API tokens."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib import admin as django_admin
from django.test import Client
from django.urls import reverse
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from jobs.models import SYSTEM_USER_ID
from scheduler_project.audit.models import Record
from scheduler_project.identity.backends import needed_role
from scheduler_project.identity.models import ApiToken, User
from scheduler_project.identity.roles import Role
from tests.admin_pages import client_of, filled, person, said, text, url

pytestmark = pytest.mark.django_db

TOKEN = "identity_apitoken"
USER = "identity_user"


@pytest.fixture
def admin() -> Iterator[Client]:
    yield client_of("admin")


def issue(admin: Client, **answers: Any) -> Any:
    page = admin.get(url(TOKEN, "add"))
    return admin.post(url(TOKEN, "add"), filled(page, name="CI", **answers), follow=True)


# --- The site ---------------------------------------------------------------------------------------------------------
def test_whoever_has_a_role_may_come_in_and_others_may_not() -> None:
    stranger = Client()
    stranger.force_login(User.objects.create(username="stranger"))
    assert client_of("viewer").get(reverse("admin:index")).status_code == 200
    assert stranger.get(reverse("admin:index")).status_code == 302
    assert Client().get(reverse("admin:index")).status_code == 302


def test_a_viewer_logs_in_with_the_login_page() -> None:
    user = person("viewer")
    user.set_password("a long enough pass phrase")
    user.save()
    login = {"username": user.username, "password": "a long enough pass phrase", "next": reverse("admin:index")}
    response = Client().post(reverse("admin:login"), login, follow=True)
    assert "Schedules, executions and access" in text(response)


def test_the_index_has_our_apps_first_and_shows_a_viewer_what_can_be_read() -> None:
    def apps(role: str) -> list[str]:
        return [app["app_label"] for app in client_of(role).get(reverse("admin:index")).context["app_list"]]

    assert apps("admin") == ["jobs", "executions", "django_celery_beat", "identity", "audit"]
    assert apps("viewer") == ["jobs", "executions", "django_celery_beat"]


@pytest.mark.parametrize("role", ["viewer", "admin"])
@pytest.mark.parametrize("language", ["en", "es"])
def test_every_list_and_every_empty_form_opens(role: str, language: str) -> None:
    client = client_of(role)
    for model, model_admin in django_admin.site._registry.items():
        name = f"{model._meta.app_label}_{model._meta.model_name}"
        is_written_here = role == "admin" and not name.startswith(("executions_", "audit_"))
        pages = ["changelist", "add"] if is_written_here else ["changelist"]
        expected = 403 if role == "viewer" and model._meta.app_label in ("identity", "audit") else 200
        for page in pages:
            response = client.get(url(name, page), headers={"accept-language": language})
            assert response.status_code == expected, (name, page, model_admin)


@pytest.mark.parametrize(
    ("permission", "role"),
    [
        ("jobs.view_scheduledjob", Role.VIEWER), ("executions.view_jobexecution", Role.VIEWER),
        ("jobs.operate_scheduledjob", Role.OPERATOR), ("jobs.change_scheduledjob", Role.ADMIN),
        ("jobs.delete_scheduledjob", Role.ADMIN), ("identity.view_apitoken", Role.ADMIN),
        ("identity.operate_user", Role.ADMIN), ("nonsense", Role.ADMIN),
    ],
)  # fmt: skip
def test_a_permission_belongs_to_a_role(permission: str, role: Role) -> None:
    assert needed_role(permission) == role


def test_somebody_inactive_may_nothing() -> None:
    user = person("admin")
    user.is_active = False
    assert not user.has_perm("jobs.view_scheduledjob")


# --- API tokens -------------------------------------------------------------------------------------------------------
def test_an_issued_token_shows_its_key_once_and_never_its_hash(admin: Client) -> None:
    response = issue(admin)
    message = next(line for line in said(response) if line.startswith("The key of “CI”"))
    found = re.search(r": (\S+) Copy", message)
    assert found
    key = found.group(1)
    token = ApiToken.find(key)
    assert token is not None and token.owner == person("admin")
    for address in (url(TOKEN, "changelist"), url(TOKEN, "change", token.pk)):
        page = admin.get(address).content.decode()
        assert token.key_hash not in page and key not in page


def test_a_tokens_end_is_kept(admin: Client) -> None:
    issue(admin, expires_at_0="2030-01-01", expires_at_1="00:00:00")
    assert ApiToken.objects.get().expires_at is not None


def test_a_token_may_be_issued_in_a_lower_role_and_its_list_says_so(admin: Client) -> None:
    issue(admin, role="viewer")
    assert ApiToken.objects.get().role == "viewer"
    assert "viewer: reads" in text(admin.get(url(TOKEN, "changelist")))


def test_a_role_that_there_is_not_is_refused(admin: Client) -> None:
    issue(admin, role="root")
    assert not ApiToken.objects.exists()


def test_the_list_shows_when_a_token_was_last_used(admin: Client) -> None:
    issue(admin)
    token = ApiToken.objects.get()
    pages = [url(TOKEN, "changelist"), url(TOKEN, "change", token.pk)]
    shown = re.compile(r"Wed 4 Mar( 2026)?, 01:06")
    assert [bool(shown.search(text(admin.get(page)))) for page in pages] == [False, False]
    ApiToken.objects.update(last_used_at=datetime(2026, 3, 4, 5, 6, tzinfo=UTC))
    assert [bool(shown.search(text(admin.get(page)))) for page in pages] == [True, True]


def test_revoking_a_token_ends_it_and_keeps_its_row(admin: Client) -> None:
    issue(admin)
    token = ApiToken.objects.get()
    chosen = {"action": "revoke", "_selected_action": [str(token.pk)]}
    assert said(admin.post(url(TOKEN, "changelist"), chosen, follow=True)) == ["1 token was revoked."]
    token.refresh_from_db()
    assert token.revoked_at is not None
    assert admin.post(url(TOKEN, "delete", token.pk), {"post": "yes"}).status_code == 403


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_tokens_and_people_are_for_admins(role: str) -> None:
    client = client_of(role)
    for name in (TOKEN, USER):
        assert client.get(url(name, "changelist")).status_code == 403
        assert client.get(url(name, "add")).status_code == 403


# --- People -----------------------------------------------------------------------------------------------------------
def test_a_new_person_gets_a_role_and_may_come_in(admin: Client) -> None:
    password = "a long enough pass phrase"
    operator = person("operator").groups.get()
    new = {
        "username": "maria", "usable_password": "true", "password1": password, "password2": password,
        "groups": [operator.pk],
    }  # fmt: skip
    admin.post(url(USER, "add"), new)
    maria = User.objects.get(username="maria")
    assert maria.has_perm("jobs.operate_scheduledjob") and not maria.has_perm("jobs.change_scheduledjob")
    assert "operator" in text(admin.get(url(USER, "changelist")))


def test_a_viewer_runs_and_switches_no_periodic_task_by_the_librarys_actions() -> None:
    every = IntervalSchedule.objects.create(every=1, period="hours")
    task = PeriodicTask.objects.create(name="theirs", task="somebody.elses", interval=every)
    for action in ("disable_tasks", "toggle_tasks", "run_tasks", "delete_selected"):
        chosen = {"action": action, "_selected_action": [str(task.pk)], "post": "yes"}
        client_of("viewer").post(reverse("admin:django_celery_beat_periodictask_changelist"), chosen)
        assert PeriodicTask.objects.get(pk=task.pk).enabled, action


def test_what_is_done_to_people_is_in_the_audit_trail_without_their_passwords(admin: Client) -> None:
    words = {"password1": "a long enough pass phrase", "password2": "a long enough pass phrase"}
    answer = admin.post(url(USER, "add"), {"username": "ana", "usable_password": "true", **words})
    assert answer.status_code == 302, answer.content
    user = User.objects.get(username="ana")
    record = Record.objects.get(action="UserCreated")
    assert (record.subject_id, record.after["isSuperuser"]) == (str(user.pk), False)
    assert "pass phrase" not in str(record.after)
    assert admin.post(url(USER, "delete", user.pk), {"post": "yes"}).status_code == 403


def test_the_system_user_is_never_deleted(admin: Client) -> None:
    assert admin.post(url(USER, "delete", SYSTEM_USER_ID), {"post": "yes"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [str(SYSTEM_USER_ID)], "post": "yes"}
    admin.post(url(USER, "changelist"), chosen)
    assert User.objects.filter(pk=SYSTEM_USER_ID).exists()
