"""What pages say of pauses, holds, revisions and faults: in words and clocks that mean one thing only."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import translation
from django.utils.translation import gettext

from jobs import holds
from jobs.admin import revisions
from jobs.models import SYSTEM_USER_ID, ScheduledJob
from tests.admin_pages import person, text
from tests.dashboard.pages.conftest import NOWHERE
from tests.factories import a_job

LIVE = {"X-Live": "1"}


def test_the_hold_is_told_live_on_the_business_clock_and_without_a_false_zone(
    someone: Callable[[str], Client], service: dict[str, Any]
) -> None:
    client = someone("operator")
    assert '<div id="hold" data-live></div>' in client.get("/").content.decode()
    holds.hold(by=SYSTEM_USER_ID, until=datetime(2099, 1, 1, 6, tzinfo=UTC), reason="moving house")
    asked = {"verb": "run_now", "job": str(service["job"].id)}
    for answer in (client.get("/jobs", headers=LIVE), client.get("/alerts"), client.post("/jobs/do", asked)):
        band = answer.content.decode().partition('id="hold"')[2].partition("</div>")[0]
        assert (
            "moving house" in band and re.search(r">\w{3} 1 Jan 2099, 02:00</time>", band) and "02:00 UTC" not in band
        )


def test_due_times_in_a_pause_or_hold_are_not_promised(
    someone: Callable[[str], Client], service: dict[str, Any]
) -> None:
    client, job = someone("viewer"), a_job("yearly")
    assert "will be skipped" not in text(client.get(f"/jobs/{job.id}"))
    assert text(client.get("/jobs?status=Paused")).count("will be skipped") == 1
    assert text(client.get(f"/jobs/{service['paused'].id}")).count("will be skipped") == 6  # five, and one at the top
    holds.hold(by=SYSTEM_USER_ID, until=job.next_execution_at + timedelta(days=400))
    assert text(client.get("/jobs?search=yearly")).count("will be skipped") == 1
    assert text(client.get(f"/jobs/{job.id}")).count("will be skipped") == 3  # of this year, of the next; the top's


def test_revisions_are_told_in_the_readers_words(db: None) -> None:
    job = a_job("job", parameters=None)
    job.pause(by=SYSTEM_USER_ID, until=datetime(2099, 1, 1, 6, tzinfo=UTC))
    ScheduledJob.objects.get(pk=job.pk).redefine(by=SYSTEM_USER_ID, overlap_policy="Allow", notify_on_failure=True)
    with translation.override("es"):
        changed, paused, made = revisions.lines(job)
        told = {change.label: (change.before, change.after) for line in (changed, paused) for change in line.changes}
        assert told[str(job._meta.get_field("status").verbose_name)] == ("Habilitado", "En pausa")
        assert ("–", "2099-01-01 02:00 (America/Santo_Domingo)") in told.values()
        assert (gettext("no"), gettext("yes")) in told.values()
        assert made.changes is None and str(made.status) == "Habilitado"
    job.retire(by=SYSTEM_USER_ID)
    assert str(revisions.lines(job)[0].status) == "Deleted"


def test_a_time_that_is_none_is_said_to_be_none(someone: Callable[[str], Client], service: dict[str, Any]) -> None:
    page = f"/jobs/{service['job'].id}"
    client = someone("viewer")
    assert "That is no time" in text(client.get(f"{page}?at=yesterday"))
    assert "That is no time" not in text(client.get(f"{page}?at=2026-01-05T02:00"))


def test_without_flower_nothing_leads_there(
    someone: Callable[[str], Client], service: dict[str, Any], settings: Any
) -> None:
    run = f"/executions/{service['failed'].id}"
    settings.SCHEDULER_FLOWER_URL = "http://flower.example"
    client = someone("admin")
    assert "http://flower.example/worker/test%40here" in client.get(run).content.decode()
    settings.SCHEDULER_FLOWER_URL = ""
    shown = client.get(run).content.decode()
    assert "/worker/test%40here" not in shown and 'href=""' not in shown and "Flower" not in shown
    assert "test@here" in shown


# --- What went wrong -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("language", ["en", "es"])
def test_what_is_missing_is_said_among_the_pages(someone: Callable[[str], Client], db: None, language: str) -> None:
    headers = {"Accept-Language": language}
    with translation.override(language):
        said = f"<h1>{gettext('There is nothing here')}</h1>"
    for address in ("/nothing", f"/jobs/{NOWHERE}", f"/executions/{NOWHERE}"):
        answer = someone("viewer").get(address, headers=headers)
        shown = answer.content.decode()
        assert answer.status_code == 404 and said in shown and 'href="/alerts"' in shown, address
        assert f'<html lang="{language}">' in shown
    stranger = Client().get("/nothing", headers=headers).content.decode()
    assert said in stranger and 'href="/alerts"' not in stranger


def test_what_is_forbidden_and_what_is_too_old_say_that_nothing_was_done(
    someone: Callable[[str], Client], service: dict[str, Any]
) -> None:
    door = f"/jobs/{service['job'].id}/do/disable"
    forbidden = someone("viewer").post(door)
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(person("admin"))
    too_old = strict.post(door)
    for answer, title in ((forbidden, "You may not do this"), (too_old, "This form is too old")):
        assert answer.status_code == 403 and title in text(answer) and "Nothing was done." in text(answer)
        assert '<main id="main"' in answer.content.decode()


def test_the_api_goes_on_answering_as_an_api(someone: Callable[[str], Client], db: None) -> None:
    for address in ("/api/scheduler/nothing", f"/api/scheduler/jobs/{NOWHERE}"):
        assert someone("viewer").get(address)["Content-Type"] == "application/problem+json"
