"""Who is told what: rows in the transaction of what they are about, and which of them take each other's place."""

from typing import Any

import pytest

from executions.enums import AlertRule, Channel, NoticeKind, NoticeState
from executions.models import Alert, Notice
from executions.notices import courier, outbox, parcels
from jobs.models import ScheduledJob
from tests.executions.alerts.rounds import FAILURE, SUCCESS, ask, runs
from tests.executions.notices.conftest import (
    Postbox,
    Service,
    an_alert,
    closed,
    deliver_for,
    in_both,
    states,
    time_passes,
)
from tests.factories import a_job

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("without_pauses")]

HELD, WAITING, REPLACED = NoticeState.HELD, NoticeState.WAITING, NoticeState.REPLACED


def told_to(**about: Any) -> list[tuple[str, str]]:
    return list(Notice.objects.filter(**about).order_by("id").values_list("channel", "recipient"))


# --- Whom ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("emails", "expected"),
    [
        (["ana@example.com", "luis@example.com"], [("Email", "ana@example.com"), ("Email", "luis@example.com")]),
        (["ana@example.com", "Ana@Example.com"], [("Email", "Ana@Example.com")]),
        ([], [("Administrators", "")]),
        ("ana@example.com", [("Administrators", "")]),  # stored by hand, and no list
        ([7, None, "", "x" * 300], [("Administrators", "")]),
    ],
)
def test_a_jobs_alert_is_told_to_its_addresses_or_else_to_the_administrators(
    emails: Any, expected: list[tuple[str, str]]
) -> None:
    job = a_job()
    ScheduledJob.objects.filter(pk=job.pk).update(notification_emails=emails)
    outbox.opened([Alert.objects.get(pk=an_alert(job=job).pk)])
    assert told_to() == expected


def test_the_webhook_gets_it_beside_the_people(settings: Any) -> None:
    settings.SCHEDULER_ALERT_WEBHOOK_URL = "http://hook.example"
    outbox.opened([an_alert()])
    assert told_to() == [("Administrators", ""), ("Webhook", "")]


def test_that_a_channel_is_dead_is_not_told_through_it(settings: Any) -> None:
    settings.SCHEDULER_ALERT_WEBHOOK_URL = "http://hook.example"
    for channel, other in ((Channel.ADMINISTRATORS, "Webhook"), (Channel.WEBHOOK, "Administrators")):
        alert = an_alert(channel.value, rule=AlertRule.UNTOLD)
        outbox.opened([alert])
        assert told_to(alert=alert) == [(other, "")]


def test_the_same_alert_twice_is_told_once() -> None:
    alert = an_alert(job=a_job(notification_emails=["ana@example.com"]))
    outbox.opened([alert, alert]), outbox.opened([alert])
    outbox.recovered([closed(alert)]), outbox.recovered([alert])
    assert len(told_to(kind=NoticeKind.OPENED)) == len(told_to(kind=NoticeKind.RECOVERED)) == 1


def test_many_alerts_cost_as_few_queries_as_one(django_assert_max_num_queries: Any) -> None:
    made = [an_alert(f"{number}") for number in range(50)]
    with django_assert_max_num_queries(3):
        outbox.opened(made)
    with django_assert_max_num_queries(5):
        outbox.recovered(made)


# --- The end of an alert ---------------------------------------------------------------------------------------------
def test_who_was_told_of_an_alert_is_told_of_its_end_whomever_the_job_names_by_now(service: Service) -> None:
    job = a_job(notification_emails=["ana@example.com"])
    alert = an_alert("down", job)
    outbox.opened([alert])
    courier.deliver()
    ScheduledJob.objects.filter(pk=job.pk).update(notification_emails=["luis@example.com"])
    outbox.recovered([closed(alert)])
    assert told_to(kind=NoticeKind.RECOVERED) == [("Email", "ana@example.com")]
    assert deliver_for(10) == 1
    assert service.subjects[-1] == in_both("Recovered: %(title)s", title="job: down")


def test_an_alert_that_is_over_before_it_was_told_is_told_together_with_its_end(service: Service) -> None:
    service.server.stop()
    alert = an_alert("down", a_job())
    outbox.opened([alert])
    courier.deliver()
    outbox.recovered([closed(alert)])
    assert states() == {REPLACED: 1, WAITING: 1}
    service.server.start()
    assert deliver_for(60) == 1
    (email,) = service.told
    assert "You had not been told while it lasted, from" in email["body"] and "HTTP 503" in email["body"]
    assert Alert.objects.get().told_at is not None


def test_one_that_is_being_sent_just_now_is_left_to_go(service: Service) -> None:
    alert = an_alert()
    outbox.opened([alert])
    parcel = parcels.claim(Channel.ADMINISTRATORS)
    outbox.recovered([closed(alert)])
    assert states() == {WAITING: 2}
    parcels.told(parcel)
    assert deliver_for(10) == 1
    assert "You had not been told" not in service.told[0]["body"]


def test_an_alert_of_before_there_was_an_outbox_has_its_end_told() -> None:
    outbox.recovered([closed(an_alert())])
    assert told_to() == [("Administrators", "")]


# --- Runs that finally failed ----------------------------------------------------------------------------------------
def rounds(count: int = 2) -> None:
    for _each in range(count):
        ask()


def test_three_failures_in_a_row_are_three_mails_a_fourth_adds_none_and_the_next_success_is_told_once(
    postbox: Postbox,
) -> None:
    job = a_job("Prices", max_retries=0, notify_on_failure=True, notification_emails=["ana@example.com"])
    for _run in range(3):
        runs(job, FAILURE)
        rounds()
        deliver_for(10)
    assert [subject.partition(" / ")[0] for subject in postbox.subjects] == [
        "Prices has failed", "Prices has failed", "Prices: 3 runs in a row have failed",
    ]  # fmt: skip
    runs(job, FAILURE)
    rounds()
    assert deliver_for(10) == 0
    runs(job, SUCCESS)
    rounds()
    assert deliver_for(10) == 1
    assert "Recovered" in postbox.subjects[-1]
    assert states() == {NoticeState.SENT: 4, REPLACED: 2}


def test_a_failure_that_ends_while_the_alert_is_open_is_not_told_when_it_has_closed_by_then(postbox: Postbox) -> None:
    job = a_job(max_retries=0, notify_on_failure=True, notification_emails=["ana@example.com"])
    runs(job, FAILURE, FAILURE, FAILURE)
    rounds()
    runs(job, FAILURE, SUCCESS)
    rounds()
    deliver_for(10)
    assert len(postbox.contents) == 1  # the alert was over before it was told: one message says both
    assert not Notice.objects.filter(kind=NoticeKind.RUN_FAILED).exclude(state=REPLACED).exists()


def test_a_failure_waits_until_the_rules_have_been_asked_about_it() -> None:
    """One that is written down while they are being asked was let go at the end of the same round, and told twice."""
    runs(a_job(max_retries=0, notify_on_failure=True), FAILURE)
    assert outbox.release_failed_runs() == 0
    assert states() == {HELD: 1}
    assert outbox.release_failed_runs() == 1
    assert states() == {WAITING: 1}
    assert Notice.objects.get().tries == 0


def test_an_alert_of_another_job_or_of_before_takes_no_failures_place(service: Service) -> None:
    job = a_job(max_retries=0, notify_on_failure=True)
    for about in (a_job("other"), job):
        closed(an_alert("", about, rule=AlertRule.CONSECUTIVE_FAILURES))
    an_alert("", a_job("third"), rule=AlertRule.CONSECUTIVE_FAILURES)
    an_alert("", job, rule=AlertRule.RUNNING_TOO_LONG)
    runs(job, FAILURE)
    outbox.release_failed_runs(), outbox.release_failed_runs()
    assert states() == {WAITING: 1}


# --- Forgetting ------------------------------------------------------------------------------------------------------
def test_what_waits_is_never_forgotten() -> None:
    outbox.opened([an_alert()])
    time_passes(200 * 86_400)
    assert outbox.prune() == 0
