"""What may be done from the pages: by whom, what is said of it, and where one comes out."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse

from executions.models import Alert, JobExecution
from jobs.models import ScheduledJob
from tests.admin_pages import person, said, text
from tests.dashboard.pages.conftest import NOWHERE
from tests.factories import a_job

OPERATORS_VERBS, ADMINS_VERBS = ("run_now", "pause", "resume"), ("enable", "disable")


def doors(service: dict[str, Any]) -> dict[str, str]:
    """Each with the least role that may pass."""
    job, running, failed, alert = (service[name] for name in ("job", "running", "failed", "alert"))
    return {
        **{reverse("job-door", args=[job.id, name]): "operator" for name in OPERATORS_VERBS},
        **{reverse("job-door", args=[job.id, name]): "admin" for name in ADMINS_VERBS},
        reverse("job-run", args=[job.id]): "operator",
        reverse("execution-door", args=[running.id, "cancel"]): "operator",
        reverse("execution-door", args=[failed.id, "retry"]): "operator",
        reverse("alert-door", args=[alert.id]): "operator",
    }


# --- Who may ---------------------------------------------------------------------------------------------------------
def test_a_door_opens_from_its_role_on(someone: Callable[[str], Client], service: dict[str, Any]) -> None:
    for role in ("nobody", "viewer", "operator", "admin"):
        client, ranks = someone(role), ("nobody", "viewer", "operator", "admin")
        for address, least in doors(service).items():
            may = ranks.index(role) >= ranks.index(least)
            assert (client.post(address).status_code != 403) == may, (role, address)
        for verb in (*OPERATORS_VERBS, *ADMINS_VERBS):
            may = role == "admin" or (role == "operator" and verb in OPERATORS_VERBS)
            answer = client.post("/jobs/do", {"verb": verb, "job": str(service["job"].id)})
            assert answer.status_code == (200 if may else 403), (role, verb)


def test_who_is_not_logged_in_opens_none(service: dict[str, Any]) -> None:
    for address in (*doors(service), "/jobs/do"):
        answer = Client().post(address, {"verb": "disable", "job": str(service["job"].id)})
        assert answer.status_code == 302 and answer["Location"].startswith("/admin/login/")
    assert not JobExecution.objects.filter(cancel_requested_at__isnull=False).exists()


def test_a_door_is_not_opened_by_looking_at_it(someone: Callable[[str], Client], service: dict[str, Any]) -> None:
    """It leads to the page that it belongs to: who was sent to the login on the way comes back so."""
    client, before = someone("admin"), JobExecution.objects.count()
    for address in (*doors(service), "/jobs/do"):
        answer = client.get(address, follow=True)
        assert answer.status_code == 200 and said(answer) == ["Nothing was done. Ask for it again here."], address
        assert address.startswith(answer.request["PATH_INFO"].rstrip("/")), address
        assert client.put(address).status_code == 405
    assert JobExecution.objects.count() == before
    assert ScheduledJob.objects.get(pk=service["job"].pk).version == service["job"].version


def test_a_form_of_another_site_opens_none(service: dict[str, Any]) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(person("admin"))
    for address in (*doors(service), "/jobs/do"):
        assert client.post(address).status_code == 403
    shown = client.get(f"/jobs/{service['job'].id}")
    token = shown.content.decode().partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]
    answer = client.post(f"/jobs/{service['job'].id}/do/run_now", {"csrfmiddlewaretoken": token})
    assert answer.status_code == 302


# --- What is said ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "verb", "reason"),
    [
        ("disabled", "run_now", "disabled"),
        ("disabled", "resume", "Enable it instead"),
        ("disabled", "pause", "Enable it first"),
    ],
)
def test_a_refused_verb_says_why(
    someone: Callable[[str], Client], service: dict[str, Any], name: str, verb: str, reason: str
) -> None:
    (told,) = said(someone("operator").post(f"/jobs/{service[name].id}/do/{verb}", follow=True))
    assert told.startswith(f"{name}: ") and reason in told


def test_a_run_beside_another_that_the_policy_forbids_is_refused_and_said_so(
    someone: Callable[[str], Client], db: None
) -> None:
    job, client = a_job("alone"), someone("operator")
    client.post(f"/jobs/{job.id}/do/run_now")
    answer = client.post(f"/jobs/{job.id}/run")
    assert JobExecution.objects.filter(job=job).count() == 1
    assert answer.context["run_form"].non_field_errors() and answer.context["run_form"].is_bound


def test_what_an_execution_cannot_do_any_more_is_said(
    someone: Callable[[str], Client], service: dict[str, Any]
) -> None:
    client, finished, running = someone("operator"), service["failed"], service["running"]
    (cancelled,) = said(client.post(f"/executions/{finished.id}/do/cancel", follow=True))
    (retried,) = said(client.post(f"/executions/{running.id}/do/retry", follow=True))
    assert "nothing left to cancel" in cancelled and "Wait for its end" in retried
    assert client.post(f"/executions/{running.id}/do/explode").status_code == 404


def test_a_verb_that_changes_nothing_says_so(someone: Callable[[str], Client], service: dict[str, Any]) -> None:
    (told,) = said(someone("admin").post(f"/jobs/{service['disabled'].id}/do/disable", follow=True))
    assert told == "Nothing to do, it is so already: disabled."


def test_a_pause_that_cannot_be_is_said_and_not_made(someone: Callable[[str], Client], service: dict[str, Any]) -> None:
    client, job = someone("operator"), service["job"]
    for until in ("2020-01-01T00:00", "no time", "99999-01-01T00:00"):
        answer = client.post(f"/jobs/{job.id}/do/pause", {"reason": "stocktaking", "until": until})
        shown = answer.content.decode()
        assert answer.context["pause_form"].errors["until"] and '<details class="card grid-gap asks" open>' in shown
        assert f'value="{until}"' in shown and 'value="stocktaking"' in shown and "autofocus" in shown
        assert f'data-live-url="/jobs/{job.id}"' in shown, "it would be fetched again from the door"
        assert ScheduledJob.objects.get(pk=job.pk).status == "Enabled", until


def test_parameters_of_ones_own_are_an_admins(someone: Callable[[str], Client], tmp_path: Any, db: None) -> None:
    job = a_job("diary", job_type="DiaryJob", parameters={"path": "/dev/null"}, overlap_policy="Allow")
    stored, other = ({"parameter-path": path, "parameter-seconds": "0"} for path in ("/dev/null", str(tmp_path)))
    assert someone("operator").post(f"/jobs/{job.id}/run", other).status_code == 403
    assert someone("operator").post(f"/jobs/{job.id}/run", stored).status_code == 302
    someone("admin").post(f"/jobs/{job.id}/run", other)
    first, second = (run.parameters["path"] for run in JobExecution.objects.filter(job=job).order_by("queued_at"))
    assert (first, second) == ("/dev/null", str(tmp_path))
    sent = {"parameter-path": "/tmp/else", "parameter-seconds": "soon"}
    answer = someone("admin").post(f"/jobs/{job.id}/run", sent)
    assert answer.context["run_form"].errors["seconds"] and 'value="/tmp/else"' in answer.content.decode()
    assert JobExecution.objects.filter(job=job).count() == 2


def test_an_operators_form_changes_nothing_but_the_dry_run(someone: Callable[[str], Client], db: None) -> None:
    job = a_job("logs", job_type="CleanupOldLogsJob", parameters={"days": 60, "dryRun": True}, overlap_policy="Allow")
    client = someone("operator")
    form = client.get(f"/jobs/{job.id}").context["run_form"]
    assert [name for name, field in form.fields.items() if not field.disabled] == ["dryRun"]
    answer = client.post(f"/jobs/{job.id}/run", {"parameter-days": "5"})  # a browser sends no field that is closed
    assert answer.status_code == 403 and answer.context["run_form"].errors["days"]
    answer = client.post(f"/jobs/{job.id}/run", {})  # the stored parameters say dry: for real is more than they say
    assert answer.status_code == 403 and not JobExecution.objects.filter(job=job).exists()
    assert client.post(f"/jobs/{job.id}/run", {"parameter-dryRun": "on"}).status_code == 302
    assert JobExecution.objects.get(job=job).parameters == {"days": 60, "dryRun": True}


def test_an_alert_is_acknowledged_with_who_and_why(someone: Callable[[str], Client], service: dict[str, Any]) -> None:
    client, alert = someone("operator"), service["alert"]
    client.post(f"/alerts/{alert.id}/acknowledge", {"note": "looking at it"})
    alert = Alert.objects.get(pk=alert.pk)
    assert alert.acknowledged_at and alert.note == "looking at it"
    assert "operator-person" in text(client.get("/alerts"))
    (told,) = said(someone("admin").post(f"/alerts/{alert.id}/acknowledge", {"note": "me, too"}, follow=True))
    assert told == "operator-person had acknowledged it before you. Your note was not kept: “me, too”"


def test_a_closed_alert_has_an_address_of_its_own(someone: Callable[[str], Client], service: dict[str, Any]) -> None:
    alert = service["alert"]
    Alert.objects.filter(pk=alert.pk).update(closed_at=Now())
    client = someone("viewer")
    assert f'href="/alerts?alert={alert.id}"' in client.get(f"/jobs/{service['job'].id}").content.decode()
    assert "authservice is unhealthy" in text(client.get(f"/alerts?alert={alert.id}"))
    assert "There is no such alert any more." in text(client.get(f"/alerts?alert={NOWHERE}"))


def test_run_now_says_where_the_run_is(someone: Callable[[str], Client], service: dict[str, Any]) -> None:
    answer = someone("operator").post(f"/jobs/{service['job'].id}/do/run_now", follow=True)
    run = JobExecution.objects.filter(job=service["job"]).latest("queued_at")
    (message,) = answer.context["messages"]
    assert str(message) == f'Run queued: <a href="/executions/{run.id}">Sync Vehicle Prices</a>.'


# --- Where one comes out ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "place",
    ["https://evil.example/", "//evil.example/", "/\\evil.example", "///evil.example", "javascript:alert(1)",
     "http:evil.example", "evil.example", "\t//evil.example", "/\t/evil.example", ""],
)  # fmt: skip
def test_no_door_leads_to_another_site(someone: Callable[[str], Client], service: dict[str, Any], place: str) -> None:
    client, job = someone("admin"), service["job"]
    away = [
        client.post(f"/jobs/{job.id}/do/run_now", {"next": place}),
        client.post("/jobs/do", {"verb": "run_now", "job": str(job.id), "confirmed": "1", "next": place}),
        client.post("/jobs/do", {"verb": "run_now", "next": place}),
        client.post(f"/alerts/{service['alert'].id}/acknowledge", {"next": place}),
    ]
    for answer in away:
        assert answer["Location"] in (f"/jobs/{job.id}", "/jobs", "/alerts")


def test_a_door_leads_back_to_where_it_was_opened(someone: Callable[[str], Client], service: dict[str, Any]) -> None:
    place = "/jobs?search=a&page=2"
    answer = someone("admin").post(f"/jobs/{service['job'].id}/do/run_now", {"next": place})
    assert answer["Location"] == place


def test_a_door_of_what_is_not_there_does_nothing(someone: Callable[[str], Client], service: dict[str, Any]) -> None:
    client, deleted = someone("admin"), service["deleted"]
    for key in (deleted.id, NOWHERE):
        for door in ("do/run_now", "do/enable", "run"):
            assert said(client.post(f"/jobs/{key}/{door}", follow=True)) == ["The job was deleted meanwhile."]
    for address in (
        f"/jobs/{service['job'].id}/do/explode", f"/executions/{NOWHERE}/do/cancel", f"/alerts/{NOWHERE}/acknowledge",
    ):  # fmt: skip
        assert client.post(address).status_code == 404, address
    assert client.post("/jobs/do", {"verb": "explode"}).status_code == 404
    assert client.post("/jobs/do", {"verb": "run_now", "job": "no-uuid"}).status_code == 404


# --- Many at once ----------------------------------------------------------------------------------------------------
def test_many_jobs_are_changed_after_they_were_counted(
    someone: Callable[[str], Client], service: dict[str, Any]
) -> None:
    client, jobs = someone("admin"), [service["job"], service["paused"], service["disabled"]]
    asked = {"verb": "disable", "job": [str(job.id) for job in jobs]}
    assert "Disable: 3 jobs" in text(client.post("/jobs/do", asked))
    assert ScheduledJob.objects.filter(status="Disabled").count() == 1
    told = said(client.post("/jobs/do", {**asked, "confirmed": "1"}, follow=True))
    assert ScheduledJob.objects.live().exclude(status="Disabled").count() == 0
    assert "Sync Vehicle Prices" in told[0] and "paused" in told[0] and told[1].endswith(": disabled.")


def test_a_verb_that_asks_first_asks_once_for_all(someone: Callable[[str], Client], service: dict[str, Any]) -> None:
    client, asked = someone("operator"), {"verb": "pause", "job": str(service["job"].id)}
    assert "Reason" in text(client.post("/jobs/do", asked))
    client.post("/jobs/do", {**asked, "confirmed": "1", "reason": "stocktaking"})
    job = ScheduledJob.objects.get(pk=service["job"].pk)
    assert (job.status, job.pause_reason) == ("Paused", "stocktaking")


def test_the_end_of_a_pause_is_on_the_clock_that_is_named(someone: Callable[[str], Client], db: None) -> None:
    jobs = [a_job("here"), a_job("there", time_zone="Asia/Kathmandu")]
    client, end = someone("operator"), "2099-01-01T06:00"
    for chosen, zone, instant in (
        (jobs[1:], "Asia/Kathmandu", "2099-01-01T00:15:00+00:00"),
        (jobs, "America/Santo_Domingo", "2099-01-01T10:00:00+00:00"),
    ):
        asked = {"verb": "pause", "job": [str(job.id) for job in chosen]}
        assert f"Until, on the clock of {zone}" in text(client.post("/jobs/do", asked))
        client.post("/jobs/do", {**asked, "confirmed": "1", "until": end})
        for job in chosen:
            assert ScheduledJob.objects.get(pk=job.pk).paused_until.isoformat() == instant, zone
    assert "Until, on the clock of Asia/Kathmandu" in text(client.get(f"/jobs/{jobs[1].id}"))


def test_without_a_choice_nothing_is_done(someone: Callable[[str], Client], service: dict[str, Any]) -> None:
    assert said(someone("admin").post("/jobs/do", {"verb": "disable"}, follow=True)) == ["Choose some jobs first."]
