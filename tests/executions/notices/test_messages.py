"""What a message says: in both languages, with error and link, by the content rules, and nothing that is secret."""

from typing import Any

import pytest
from django.urls import reverse

from executions.enums import Channel
from executions.ledger import Outcome
from executions.models import Alert, JobExecution, Notice
from executions.notices import courier, letters, links, outbox, parcels
from jobs.enums import ExecutionStatus
from jobs.gateways.content_rules import HTML_PIECES, SQL_PIECES, body_faults, subject_faults
from tests.executions.notices.conftest import Hook, Postbox, Service, an_alert, closed, in_both, time_passes
from tests.factories import a_job, claimed, ended, started

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("without_pauses")]

PUBLIC = "https://scheduler.example"
EVERY_PIECE = " ".join(SQL_PIECES + HTML_PIECES)


@pytest.fixture(autouse=True)
def public(settings: Any) -> None:
    settings.SCHEDULER_PUBLIC_URL = PUBLIC


def a_failed_run(error: str = "it broke", **definition: Any) -> JobExecution:
    job = a_job(
        **{"name": "Prices", "notify_on_failure": True, "max_retries": 1, "retry_delay_minutes": 0, **definition}
    )
    failed = Outcome(ExecutionStatus.FAILED, "error", error_message=error, can_retry=True)
    first = ended(started(job), failed)
    return ended(claimed(JobExecution.objects.get(retry_of=first.id)), failed)


def tell() -> None:
    outbox.release_failed_runs(), outbox.release_failed_runs()
    assert courier.deliver() == 1


def test_a_failed_run_is_told_with_its_error_its_attempts_and_a_link_in_both_languages(postbox: Postbox) -> None:
    run = a_failed_run("no route to host\nat line 7", notification_emails=["ana@example.com"])
    tell()
    assert postbox.subjects == [in_both("%(job)s has failed", job="Prices")]
    (text,) = postbox.texts()
    english, spanish = text.split("\n---\n")
    link = f"{PUBLIC}{reverse('admin:executions_jobexecution_change', args=[run.id])}"
    for part in (english, spanish):
        assert "no route to host\nat line 7" in part and link in part
    assert "Attempts: 2." in english
    html = postbox.messages[0].get_body(("html",)).get_content()
    assert f'href="{link}"' in html and "no route to host" in html


def test_without_a_public_address_there_is_no_link(postbox: Postbox, settings: Any) -> None:
    settings.SCHEDULER_PUBLIC_URL = ""
    a_failed_run(notification_emails=["ana@example.com"])
    tell()
    assert "://" not in postbox.texts()[0]


def test_a_long_error_is_cut(postbox: Postbox) -> None:
    a_failed_run("x" * 1_000_000, notification_emails=["ana@example.com"])
    tell()
    assert len(postbox.contents[0]) < 20_000


def test_a_run_without_words_says_its_reason_and_one_that_is_gone_its_job(service: Service) -> None:
    a_failed_run("", notification_emails=["ana@example.com"])
    JobExecution.objects.all().delete()
    tell()
    assert service.subjects == [in_both("%(job)s has failed", job="Prices")]
    assert "A run of Prices has finally failed." in service.told[0]["body"]


@pytest.mark.parametrize("emails", [["ana@example.com"], []])
@pytest.mark.parametrize(
    "text", [EVERY_PIECE, "Nissan Select <script>alert(1)</script>", "ñ😀 \u2028 half", "x" * 5_000]
)
def test_whatever_others_wrote_the_content_rules_let_it_pass(service: Service, text: str, emails: list[str]) -> None:
    a_failed_run(text, name=text[:190], notification_emails=emails)
    outbox.opened([an_alert(text[:200], a_job("other", notification_emails=emails), message=text)])
    tell_all(2)
    for email in service.told:
        assert subject_faults(email["subject"]) == body_faults(email["body"]) == []
        assert "<script" not in email["body"]


@pytest.mark.parametrize("emails", [["ana@example.com"], []])
def test_a_digest_passes_them_too(service: Service, emails: list[str]) -> None:
    job = a_job(EVERY_PIECE[:190], notification_emails=emails)
    outbox.opened([an_alert(f"{number} {EVERY_PIECE[:150]}", job) for number in range(8)])
    tell_all(1)
    assert subject_faults(service.subjects[0]) == body_faults(service.told[0]["body"]) == []


def tell_all(count: int) -> None:
    outbox.release_failed_runs(), outbox.release_failed_runs()
    time_passes(15)
    assert courier.deliver() == count


def test_the_administrators_get_a_link_that_the_rules_do_not_break(service: Service) -> None:
    outbox.opened([an_alert()])
    courier.deliver()
    alert = Alert.objects.get()
    link = links.unbroken(links.of_alert(alert.id))
    assert link in service.told[0]["body"]
    assert subject_faults(link) == []
    assert link.replace("%55", "U").replace("%63", "c").replace("%43", "C") == links.of_alert(alert.id)


@pytest.mark.parametrize(("model", "link"), [("alert", links.of_alert), ("jobexecution", links.of_execution)])
def test_links_lead_to_pages_that_there_are(model: str, link: Any) -> None:
    key = "01890000-0000-7000-8000-000000000001"
    assert link(key) == PUBLIC + reverse(f"admin:executions_{model}_change", args=[key])


def test_a_message_to_administrators_stays_within_what_the_service_takes(service: Service, settings: Any) -> None:
    outbox.opened([an_alert("x" * 200, a_job("j" * 200), message="y" * 10_000)])
    parcel = parcels.claim(Channel.ADMINISTRATORS)
    words = letters.alert(parcel)
    assert len(words.title) <= 200 and len(words.message) < 2_000
    assert words.message.endswith("/change/")


# --- The webhook -----------------------------------------------------------------------------------------------------
def test_the_webhook_is_told_of_an_alert_and_of_its_end_by_facts(hook: Hook, service: Service) -> None:
    job = a_job("Prices")
    alert = an_alert("down", job)
    outbox.opened([alert])
    courier.deliver()
    outbox.recovered([closed(alert)])
    courier.deliver()
    opened, recovered = hook.bodies
    alert.refresh_from_db()
    assert {name: opened[name] for name in opened if name not in ("id", "message", "openedAt")} == {
        "kind": "Opened", "rule": "job", "severity": "Error", "subject": "down", "title": "Prices: down",
        "job": {"id": str(job.id), "key": "prices", "name": "Prices"}, "closedAt": None, "executionId": None,
        "alertId": str(alert.id), "links": {"alert": links.of_alert(alert.id), "job": links.of_job(job.id)},
    }  # fmt: skip
    assert opened["message"] == "HTTP 503"
    assert opened["openedAt"] == recovered["openedAt"] == alert.opened_at.isoformat().replace("+00:00", "Z")
    assert (recovered["kind"], recovered["severity"]) == ("Recovered", "Info")
    assert recovered["closedAt"] == alert.closed_at.isoformat().replace("+00:00", "Z")


def test_the_webhook_is_told_of_a_failed_run(hook: Hook, service: Service) -> None:
    run = a_failed_run("no route to host")
    outbox.release_failed_runs(), outbox.release_failed_runs()
    courier.deliver()
    (body,) = hook.bodies
    assert (body["kind"], body["executionId"], body["alertId"]) == ("RunFailed", str(run.id), None)
    assert "no route to host" in body["message"]
    assert body["links"]["execution"] == links.of_execution(run.id)


def test_no_secret_is_in_what_is_kept_of_a_failure(hook: Hook, service: Service, settings: Any) -> None:
    service.server.stop()
    hook.status = 403
    outbox.opened([an_alert()])
    courier.deliver()
    kept = " ".join(Notice.objects.values_list("last_error", flat=True))
    assert "HTTP 403" in kept and "did not answer" in kept
    assert settings.SCHEDULER_ALERT_WEBHOOK_SECRET not in kept and settings.SCHEDULER_INTERNAL_API_KEY not in kept
