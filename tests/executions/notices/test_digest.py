"""Many at once become one message, for people and for the webhook, and none of them is left out."""

from typing import Any

import pytest

from executions.enums import Channel, NoticeKind, NoticeState
from executions.models import Alert, Notice
from executions.notices import courier, outbox, rhythm
from jobs.clock import database_now
from tests.executions.notices.conftest import Hook, Postbox, Service, an_alert, deliver_for, states, time_passes
from tests.factories import a_job

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("without_pauses")]

FAILING = 500


def many_alerts(count: int, **about: Any) -> list[Alert]:
    """Opened by one round."""
    about = {"rule": "job", "severity": "Error", "message": "HTTP 503", "opened_at": database_now(), **about}
    made = Alert.objects.bulk_create([Alert(subject=f"number {number:03}", **about) for number in range(count)])
    outbox.opened(made)
    return made


def test_five_hundred_failing_jobs_are_one_mail_and_one_json(postbox: Postbox, hook: Hook) -> None:
    many_alerts(FAILING, job=a_job("Prices", notification_emails=["ana@example.com"]))
    assert courier.deliver() == 0
    time_passes(10)
    assert courier.deliver() == 2
    assert states() == {NoticeState.SENT: 2 * FAILING}
    assert Notice.objects.filter(channel=Channel.EMAIL).values("message_id").distinct().count() == 1

    (text,) = postbox.texts()
    assert postbox.subjects[0].startswith("SchedulerService: 500 ")
    lines = [line for line in text.partition("\n---\n")[0].splitlines() if "number " in line]
    assert [line[-10:] for line in lines] == [f"number {number}" for number in range(499, 399, -1)]
    assert "and 400 more" in text

    (body,) = hook.bodies
    assert (body["kind"], body["count"]) == ("Digest", FAILING)
    assert [each["subject"] for each in body["notices"]] == [f"number {number:03}" for number in range(FAILING)]
    assert len({each["id"] for each in body["notices"]}) == FAILING
    assert body["id"] == hook.deliveries[0]
    assert not Alert.objects.filter(told_at=None).exists()


def test_it_costs_no_more_queries_for_many(postbox: Postbox, hook: Hook, django_assert_max_num_queries: Any) -> None:
    many_alerts(100, job=a_job("Prices", notification_emails=["ana@example.com"]))
    time_passes(20)
    with django_assert_max_num_queries(60):
        assert courier.deliver() == 2


def test_what_comes_while_a_digest_cannot_be_sent_joins_it(service: Service) -> None:
    service.server.stop()
    many_alerts(10, job=a_job("a"))
    deliver_for(30)
    many_alerts(10, job=a_job("b"))
    service.server.start()
    assert deliver_for(30) == 1
    assert "SchedulerService: 20 " in service.subjects[0]


def test_what_the_webhook_may_have_is_not_mixed_with_what_is_new(service: Service, hook: Hook) -> None:
    hook.status = 500
    many_alerts(10, job=a_job("a"))
    deliver_for(30)
    many_alerts(10, job=a_job("b"))
    hook.status = 204
    deliver_for(60)
    by_delivery = {delivery: body["count"] for delivery, body in zip(hook.deliveries, hook.bodies, strict=True)}
    assert list(by_delivery.values()) == [10, 10]
    assert not Notice.objects.filter(state=NoticeState.WAITING).exists()


def test_the_webhook_gets_the_rest_in_a_second_message(service: Service, hook: Hook) -> None:
    many_alerts(510)
    time_passes(20)
    assert courier.deliver() == 3
    assert [body.get("count") for body in hook.bodies] == [500, 10]
    assert len(service.told) == 1


def test_after_ten_messages_what_comes_is_collected_for_ten_minutes(service: Service) -> None:
    for number in range(12):
        outbox.opened([an_alert(f"queue {number}")])
        deliver_for(20, every=20)
    assert len(service.told) == 10
    assert states() == {NoticeState.SENT: 10, NoticeState.WAITING: 2}
    assert deliver_for(500, every=50) == 0
    assert deliver_for(100) == 1
    assert "SchedulerService: 2 " in service.subjects[-1]
    outbox.opened([an_alert("the next day")])
    assert deliver_for(10) == 1


def test_what_is_critical_waits_for_no_limit_and_leads_the_digest(service: Service) -> None:
    for number in range(11):
        outbox.opened([an_alert(f"queue {number}")])
        deliver_for(20, every=20)
    assert len(service.told) == 10
    outbox.opened([an_alert("the beat", severity="Critical")])
    assert deliver_for(10) == 1
    assert "the beat" in service.subjects[-1]
    assert states() == {NoticeState.SENT: 11, NoticeState.WAITING: 1}


def test_the_worst_is_among_the_lines_that_are_shown_however_old_it_is(postbox: Postbox) -> None:
    (worst, *_others) = many_alerts(FAILING, job=a_job("Prices", notification_emails=["ana@example.com"]))
    Alert.objects.filter(id=worst.id).update(severity="Critical")
    assert courier.deliver() == 1  # at once, and alone
    time_passes(20)
    assert courier.deliver() == 1
    assert "number 000" in postbox.subjects[0] and "SchedulerService: 499 " in postbox.subjects[1]


def test_the_webhook_knows_no_limit(hook: Hook, service: Service) -> None:
    messages = rhythm.MOST_MESSAGES + 1
    many_alerts(messages * 500)
    time_passes(20)
    while courier.deliver():  # a busy machine needs more than one call for as many
        pass
    assert [body["count"] for body in hook.bodies] == [500] * messages


def test_another_recipient_is_not_part_of_that(postbox: Postbox) -> None:
    for number in range(10):
        outbox.opened([an_alert(f"queue {number}", a_job(f"{number}", notification_emails=["ana@example.com"]))])
        courier.deliver()
    outbox.opened([an_alert("x", a_job("x", notification_emails=["ana@example.com", "luis@example.com"]))])
    assert deliver_for(10) == 1
    assert postbox.recipients[-1] == "luis@example.com"


def test_a_digest_says_how_many_of_each_kind_and_how_bad_the_worst_is(service: Service) -> None:
    made = many_alerts(7, severity="Warning")
    Alert.objects.filter(id=made[3].id).update(severity="Error")
    outbox.run_failed(_run(), a_job(notification_emails=[]))
    outbox.release_failed_runs(), outbox.release_failed_runs()
    deliver_for(30)
    (email,) = service.told
    assert "Opened: 7, Run failed: 1" in email["body"]
    assert "#E74C3C" in email["body"]  # the colour of Error
    assert Notice.objects.filter(kind=NoticeKind.RUN_FAILED, state=NoticeState.SENT).exists()


def _run() -> Any:
    from tests.factories import FAILED, ended, started

    return ended(started(a_job("other", max_retries=0)), FAILED)
