"""What waits is sent once, in order, by whoever comes; a channel that fails loses nothing and is not pestered."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import F
from werkzeug import Response

from executions.enums import AlertRule, Channel, NoticeKind, NoticeState
from executions.models import Alert, Notice
from executions.notices import courier, holding, outbox, parcels
from jobs import gateways
from jobs.clock import database_now
from scheduler_project.local.process import eventually
from tests.executions.notices.conftest import (
    Hook,
    Postbox,
    Service,
    an_alert,
    closed,
    deliver_for,
    states,
    time_passes,
)
from tests.factories import a_job

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("without_pauses")]

PATIENCE_SECONDS = 30
WAITING, SENT, REFUSED = NoticeState.WAITING, NoticeState.SENT, NoticeState.REFUSED


def alerts(count: int, **about: Any) -> list[Alert]:
    known = Alert.objects.count()
    found = [an_alert(f"queue-{number:03}", **about) for number in range(known, known + count)]
    outbox.opened(found)
    return found


# --- Telling ---------------------------------------------------------------------------------------------------------
def test_alerts_are_told_once_each_the_oldest_first_and_know_when(service: Service) -> None:
    found = alerts(3)
    assert courier.deliver() == 3
    assert courier.deliver() == 0
    assert [subject[-9:] for subject in service.subjects] == ["queue-000", "queue-001", "queue-002"]
    assert all(Alert.objects.get(pk=alert.pk).told_at for alert in found)
    rows = Notice.objects.all()
    assert {(row.state, row.tries, row.last_error) for row in rows} == {(SENT, 1, "")}
    assert len({row.message_id for row in rows}) == 3 and all(row.sent_at for row in rows)


def test_a_jobs_alert_goes_to_its_addresses_and_to_the_webhook(postbox: Postbox, hook: Hook) -> None:
    job = a_job("Prices", notification_emails=["ana@example.com", "luis@example.com"])
    alerts(1, job=job)
    assert courier.deliver() == 3
    assert postbox.recipients == ["ana@example.com", "luis@example.com"]
    assert [body["job"] for body in hook.bodies] == [{"id": str(job.id), "key": job.key, "name": "Prices"}]


# --- A channel that is away ------------------------------------------------------------------------------------------
def test_five_alerts_while_the_service_is_down_for_two_minutes_are_all_told_after_its_return_and_none_twice(
    service: Service,
) -> None:
    service.server.stop()
    alerts(2)
    assert deliver_for(60) == 0
    alerts(3)
    assert deliver_for(60) == 0
    assert states() == {WAITING: 5}
    assert "did not answer" in Notice.objects.earliest("id").last_error
    service.server.start()
    assert deliver_for(30) == 5
    assert deliver_for(30) == 0
    assert len(set(service.subjects)) == len(service.told) == 5


def test_a_dead_channel_is_asked_ever_less_often_and_not_once_for_each_notice(service: Service) -> None:
    service.answers = lambda _email: Response("no", status=500)
    alerts(5)
    deliver_for(600, every=10)
    assert 8 < service.tries < 25
    lead = Notice.objects.earliest("id")
    assert lead.tries == service.tries
    assert max(Notice.objects.exclude(id=lead.id).values_list("tries", flat=True)) == 0


def test_when_two_recipients_cannot_be_reached_the_others_rest_too(service: Service) -> None:
    service.server.stop()
    for name in "abcde":
        alerts(1, job=a_job(name, notification_emails=[f"{name}@example.com"]))
    courier.deliver()
    assert sorted(Notice.objects.values_list("tries", flat=True)) == [0, 0, 0, 1, 1]
    alerts(1, job=a_job("f", notification_emails=["f@example.com"]))
    for _again in range(2):  # asked once for the new one, whom it has not failed yet
        courier.deliver()
    assert sum(Notice.objects.values_list("tries", flat=True)) == 3
    service.server.start()
    assert deliver_for(30) == 6


def test_one_full_mailbox_holds_up_nobody_else(postbox: Postbox) -> None:
    postbox.replies["full@example.com"] = "452 4.2.2 mailbox full"
    alerts(1, job=a_job("a", notification_emails=["full@example.com"]))
    alerts(2, job=a_job("b", notification_emails=["ana@example.com"]))
    assert courier.deliver() == 2
    assert postbox.recipients == ["ana@example.com"] * 2
    row = Notice.objects.get(recipient="full@example.com")
    assert (row.state, row.tries) == (WAITING, 1) and "mailbox full" in row.last_error
    postbox.replies.clear()
    assert deliver_for(30) == 1


def test_two_full_mailboxes_hold_up_nobody_else_however_long_they_are_full(postbox: Postbox) -> None:
    for name in ("full", "stuffed"):
        postbox.replies[f"{name}@example.com"] = "452 4.2.2 mailbox full"
        alerts(1, job=a_job(name, notification_emails=[f"{name}@example.com"]))
    assert deliver_for(600) == 0
    alerts(1, job=a_job("b", notification_emails=["ana@example.com"]))
    assert courier.deliver() == 1  # though the channel rests: nobody has failed to reach that one
    for name in "cd":
        alerts(1, job=a_job(name, notification_emails=[f"{name}@example.com"]))
        deliver_for(30)
    assert postbox.recipients == ["ana@example.com", "c@example.com", "d@example.com"]
    assert Notice.objects.filter(state=WAITING).count() == 2
    postbox.replies.clear()
    assert deliver_for(900) == 2


def test_an_alert_that_none_of_its_addresses_takes_goes_to_the_administrators(postbox: Postbox) -> None:
    for name in ("ana", "luis"):
        postbox.replies[f"{name}@example.com"] = "550 5.7.1 relaying denied"
    postbox.replies["luis@example.com"] = "452 4.2.2 mailbox full"
    alerts(1, job=a_job("Prices", notification_emails=["ana@example.com", "luis@example.com"]))
    courier.deliver()
    assert states() == {REFUSED: 1, WAITING: 1}  # one of them may still hear of it
    postbox.replies["luis@example.com"] = "550 5.7.1 relaying denied"
    deliver_for(60)
    assert postbox.recipients == ["admin@okla.com.do"]
    assert Alert.objects.get().told_at is not None


def test_an_administrator_who_cannot_be_reached_is_told_later_and_the_others_not_again(
    postbox: Postbox, settings: Any
) -> None:
    settings.SCHEDULER_ALERT_EMAILS = ["ana@okla.com.do", "luis@okla.com.do"]
    gateways.current.cache_clear()
    postbox.replies["luis@okla.com.do"] = "452 4.2.2 mailbox full"
    alerts(1)
    courier.deliver(), deliver_for(60)
    assert postbox.recipients == ["ana@okla.com.do"]
    postbox.replies.clear()
    assert deliver_for(600) == 1
    assert postbox.recipients == ["ana@okla.com.do", "luis@okla.com.do"]


def test_one_channel_that_fails_does_not_keep_another_from_telling(service: Service, hook: Hook) -> None:
    service.server.stop()
    alerts(1)
    assert courier.deliver() == 1
    assert len(hook.got) == 1
    assert Alert.objects.get().told_at is not None


def test_what_is_not_configured_is_said_and_kept() -> None:
    alerts(1)
    assert courier.deliver() == 0
    row = Notice.objects.get()
    assert row.state == WAITING and "ServiceUrls__NotificationService or SCHEDULER_SMTP_URL" in row.last_error


def test_a_webhook_that_is_not_there_any_more_is_not_waited_for(hook: Hook, service: Service, settings: Any) -> None:
    alerts(1)
    settings.SCHEDULER_ALERT_WEBHOOK_URL = ""
    gateways.current.cache_clear()
    assert courier.deliver() == 1
    row = Notice.objects.get(channel=Channel.WEBHOOK)
    assert row.state == REFUSED and "SCHEDULER_ALERT_WEBHOOK_URL" in row.last_error


def test_the_pause_that_the_other_side_asks_for_is_granted(hook: Hook, service: Service) -> None:
    alerts(1)
    hook.status = 503
    hook.headers = {"Retry-After": "400"}
    courier.deliver()
    row = Notice.objects.get(channel=Channel.WEBHOOK)
    assert timedelta(seconds=390) < row.next_try_at - row.created_at < timedelta(seconds=430)


# --- Messages that can never be sent ---------------------------------------------------------------------------------
def test_an_address_that_is_refused_is_settled_and_the_others_go_on(postbox: Postbox) -> None:
    postbox.replies["gone@example.com"] = "550 5.1.1 no such mailbox"
    job = a_job(notification_emails=["gone@example.com", "ana@example.com"])
    (alert,) = alerts(1, job=job)
    assert courier.deliver() == 1
    row = Notice.objects.get(recipient="gone@example.com")
    assert row.state == REFUSED and "no such mailbox" in row.last_error
    outbox.recovered([closed(alert)])
    assert deliver_for(10) == 1
    assert postbox.recipients == ["ana@example.com"] * 2


def test_who_has_not_consented_is_not_asked_again(service: Service) -> None:
    blocked = '{"notificationId": "x", "status": "ConsentBlocked", "message": "m"}'
    service.answers = lambda _email: Response(blocked, content_type="application/json")
    alerts(1, job=a_job(notification_emails=["ana@example.com"]))
    courier.deliver(), courier.deliver()  # the administrators are, in their place
    asked = service.tries
    assert courier.deliver() == 0
    assert service.tries == asked and Notice.objects.get(recipient="ana@example.com").state == REFUSED


def test_an_alert_that_cannot_be_worded_is_told_all_the_same(service: Service) -> None:
    outbox.opened([an_alert("queue a", rule=AlertRule.NO_WORKER, facts={"queues": 7})])
    assert courier.deliver() == 1
    assert "queue a" in service.subjects[0]


# --- A process that ends in the middle -------------------------------------------------------------------------------
def claimed_and_gone(channel: Channel = Channel.ADMINISTRATORS) -> None:
    """A process took the next message and was never heard of again."""
    assert parcels.claim(channel) is not None
    assert courier.deliver() == 0
    time_passes(parcels.CLAIM.total_seconds())


def test_an_alert_whose_sender_died_is_told_again(service: Service) -> None:
    alerts(1)
    claimed_and_gone()
    assert courier.deliver() == 1
    assert Notice.objects.get().tries == 2


def test_its_end_whose_sender_died_is_not(service: Service) -> None:
    (alert,) = alerts(1)
    courier.deliver()
    outbox.recovered([closed(alert)])
    claimed_and_gone()
    assert courier.deliver() == 0
    row = Notice.objects.get(kind=NoticeKind.RECOVERED)
    assert row.state == REFUSED and "may have been sent" in row.last_error


@pytest.mark.parametrize("status", [429, 500])
def test_a_webhook_gets_the_same_message_again_under_the_same_id(service: Service, hook: Hook, status: int) -> None:
    (alert,) = alerts(1)
    courier.deliver()
    outbox.recovered([closed(alert)])
    hook.got.clear()
    hook.status = status
    deliver_for(20)
    hook.status = 200
    deliver_for(20)
    assert len(hook.got) > 1
    assert len(set(hook.deliveries)) == 1
    assert Notice.objects.get(channel=Channel.WEBHOOK, kind=NoticeKind.RECOVERED).state == SENT


def test_an_alert_of_which_nobody_knows_whether_it_was_told_is_told_again_and_its_end_is_not(service: Service) -> None:
    (alert,) = alerts(1)
    service.answers = lambda _email: Response("An unexpected error", status=503)
    deliver_for(10)
    service.answers = lambda _email: None
    assert deliver_for(30) == 1
    service.answers = lambda _email: Response("An unexpected error", status=503)
    outbox.recovered([closed(alert)])
    deliver_for(10)
    service.answers = lambda _email: None
    assert deliver_for(60) == 0
    assert states() == {SENT: 1, REFUSED: 1}


@pytest.mark.django_db(transaction=True)
def test_a_message_stays_with_its_sender_however_long_the_other_side_takes(service: Service) -> None:
    alerts(1)
    parcel = parcels.claim(Channel.ADMINISTRATORS)
    with holding.held(parcel, every_seconds=0.02):
        time_passes(parcels.CLAIM.total_seconds() - 1)
        assert eventually(_is_claimed_for_long, PATIENCE_SECONDS)
    parcels.failed(parcel, "no", may_be_told=False, pause=timedelta(seconds=10))
    parcels.renew(parcel)
    assert not _is_claimed_for_long()


def _is_claimed_for_long() -> bool:
    return Notice.objects.get().next_try_at > database_now() + parcels.CLAIM / 2


def test_a_sender_that_was_given_up_and_comes_through_has_the_last_word(service: Service) -> None:
    alerts(1)
    late = parcels.claim(Channel.ADMINISTRATORS)
    time_passes(parcels.CLAIM.total_seconds())
    assert courier.deliver() == 1
    sent_at = Notice.objects.get().sent_at
    parcels.told(late)
    parcels.failed(late, "late", may_be_told=False, pause=timedelta(seconds=10))
    assert (Notice.objects.get().state, Notice.objects.get().sent_at) == (SENT, sent_at)


# --- Many couriers ---------------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_two_couriers_at_once_send_each_message_once(service: Service, hook: Hook) -> None:
    alerts(5)
    both, sent = threading.Barrier(4), []

    def go() -> None:
        try:
            both.wait(PATIENCE_SECONDS)
            while Notice.objects.filter(state=WAITING).exists():
                sent.append(courier.deliver())
        finally:
            connection.close()

    couriers = [threading.Thread(target=go) for _each in range(4)]
    for each in couriers:
        each.start()
    for each in couriers:
        each.join(PATIENCE_SECONDS)
    assert sum(sent) == 10
    assert len(service.told) == len(set(service.subjects)) == 5
    assert len(hook.got) == len(set(hook.deliveries)) == 5
    order = [body["subject"] for body in hook.bodies]
    assert order == sorted(order)


@pytest.mark.django_db(transaction=True)
def test_what_somebody_settles_just_now_is_not_waited_for(service: Service) -> None:
    """The rules close an alert in a transaction of some length: the courier goes on with the others."""
    first = an_alert("first")
    second = an_alert("second", job=a_job(notification_emails=["ana@example.com"]))
    outbox.opened([first, second])
    holding, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        try:
            with transaction.atomic():
                outbox.recovered([closed(first)])
                holding.set()
                let_go.wait(PATIENCE_SECONDS)
        finally:
            connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        assert holding.wait(PATIENCE_SECONDS)
        assert courier.deliver() == 1
    finally:
        let_go.set()
        holder.join(PATIENCE_SECONDS)
    assert eventually(lambda: courier.deliver() == 1, PATIENCE_SECONDS)
    assert "Recovered" in service.subjects[-1]


# --- By hand ---------------------------------------------------------------------------------------------------------
def test_a_test_is_tried_at_once_though_its_channel_rests_and_wakes_it_when_it_works(service: Service) -> None:
    service.server.stop()
    alerts(2)
    deliver_for(300, every=60)
    service.server.start()
    outbox.test(Channel.ADMINISTRATORS)
    assert courier.deliver() == 3
    assert "Test" in service.subjects[0]


def test_a_test_that_fails_says_why_and_is_not_tried_again(service: Service) -> None:
    service.answers = lambda _email: Response("no", status=500)
    notice = outbox.test(Channel.EMAIL, "ana@example.com")
    assert deliver_for(60) == 0
    notice.refresh_from_db()
    assert (notice.state, notice.tries) == (REFUSED, 1) and "HTTP 500" in notice.last_error


def test_what_was_refused_or_rests_can_be_tried_again_now(service: Service) -> None:
    service.server.stop()
    alerts(1)
    courier.deliver()
    outbox.test(Channel.ADMINISTRATORS)
    courier.deliver()
    assert states() == {WAITING: 1, REFUSED: 1}
    service.server.start()
    assert courier.deliver() == 0
    assert outbox.try_again(Notice.objects.all()) == 2
    assert courier.deliver() == 2


def test_nothing_is_taken_from_who_is_just_sending_it(service: Service) -> None:
    alerts(1)
    assert parcels.claim(Channel.ADMINISTRATORS)
    assert outbox.try_again(Notice.objects.all()) == 0
    assert courier.deliver() == 0


def test_finding_nothing_to_do_costs_one_query(service: Service, django_assert_num_queries: Any) -> None:
    alerts(2)
    courier.deliver()
    with django_assert_num_queries(1):
        assert courier.deliver() == 0


def test_settled_notices_are_forgotten_after_ninety_days(service: Service) -> None:
    alerts(2)
    courier.deliver()
    Notice.objects.filter(id=Notice.objects.earliest("id").id).update(state=WAITING)
    Notice.objects.update(created_at=F("created_at") - timedelta(days=91))
    assert outbox.prune() == 1
    assert states() == {WAITING: 1}
