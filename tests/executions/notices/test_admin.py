"""The admin's list of what is told: what waits and why, what became of it, and the buttons that test a channel."""

from typing import Any

import pytest

from executions.enums import Channel, NoticeKind, NoticeState
from executions.models import Notice
from executions.notices import courier, outbox
from tests.admin_pages import client_of, said, text, url
from tests.executions.notices.conftest import Service, an_alert, states
from tests.factories import FAILED, a_job, ended, started

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("without_pauses")]

NOTICE = "executions_notice"


def test_the_list_shows_what_waits_for_whom_and_why(service: Service) -> None:
    service.server.stop()
    outbox.opened([an_alert("down", a_job("Prices", notification_emails=["ana@example.com"]))])
    run = ended(started(a_job("Backup", max_retries=0, notify_on_failure=True)), FAILED)
    courier.deliver()
    response = client_of("viewer").get(url(NOTICE, "changelist"))
    page = text(response)
    for part in ("Waiting", "Prices: down", "ana@example.com", "did not answer", "Held", "Backup has failed"):
        assert part in page
    assert url("executions_jobexecution", "change", run.pk) in response.content.decode()


def test_the_list_is_filtered_by_state_and_asks_few_queries(django_assert_max_num_queries: Any) -> None:
    made = [an_alert(f"queue {number}") for number in range(30)]
    outbox.opened(made)
    Notice.objects.filter(alert=made[0]).update(state=NoticeState.SENT)
    viewer = client_of("viewer")
    viewer.get(url(NOTICE, "changelist"))
    with django_assert_max_num_queries(15):
        assert "29 notices" in text(viewer.get(url(NOTICE, "changelist"), {"state__exact": "Waiting"}))


def test_the_page_of_one_shows_its_whole_error() -> None:
    notice = outbox.test(Channel.WEBHOOK)
    Notice.objects.update(last_error="x" * 500)
    assert "x" * 500 in text(client_of("viewer").get(url(NOTICE, "change", notice.pk)))


def test_an_operator_has_what_was_refused_tried_again(service: Service) -> None:
    notice = outbox.test(Channel.ADMINISTRATORS)
    Notice.objects.update(state=NoticeState.REFUSED)
    chosen = {"action": "try_again", "_selected_action": [notice.pk]}
    response = client_of("operator").post(url(NOTICE, "changelist"), chosen, follow=True)
    assert said(response) == ["Due now: 1 messages. They are sent within seconds."]
    assert courier.deliver() == 1


def test_a_viewer_has_neither_action_nor_button() -> None:
    outbox.test(Channel.WEBHOOK)
    response = client_of("viewer").get(url(NOTICE, "changelist"))
    assert "try_again" not in response.content.decode() and "Send a test" not in text(response)


def test_the_buttons_send_a_test_through_each_channel(service: Service) -> None:
    admin = client_of("admin")
    buttons = admin.get(url(NOTICE, "changelist")).context["tests"]
    assert [button["url"] for button in buttons] == [url(NOTICE, "test", channel.value) for channel in Channel]
    for button in buttons:
        response = admin.post(button["url"], {"address": "ana@example.com"}, follow=True)
        assert said(response) == ["The test is sent within seconds. Its line here says what became of it."]
    rows = Notice.objects.order_by("id").values_list("kind", "channel", "recipient")
    assert list(rows) == [
        (NoticeKind.TEST, "Administrators", ""), (NoticeKind.TEST, "Email", "ana@example.com"),
        (NoticeKind.TEST, "Webhook", ""),
    ]  # fmt: skip
    courier.deliver()
    assert states() == {NoticeState.SENT: 2, NoticeState.REFUSED: 1}
    assert [email["to"] for email in service.told] == ["admin@okla.com.do", "ana@example.com"]


def test_a_test_to_what_is_no_address_is_not_sent() -> None:
    response = client_of("admin").post(url(NOTICE, "test", "Email"), {"address": "a, b@example.com"}, follow=True)
    assert said(response) == ["“a, b@example.com” is no e-mail address."]
    assert not Notice.objects.exists()


@pytest.mark.parametrize(("role", "channel", "status"), [("operator", "Webhook", 403), ("admin", "Pigeon", 404)])
def test_who_may_not_and_what_there_is_not(role: str, channel: str, status: int) -> None:
    assert client_of(role).post(url(NOTICE, "test", channel)).status_code == status
    assert client_of(role).get(url(NOTICE, "test", channel)).status_code == 405
    assert not Notice.objects.exists()
