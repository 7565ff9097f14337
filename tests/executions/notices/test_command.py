"""`manage.py test_alerts`: what became of a test through each channel, and an exit that a script can rely on."""

import io
import threading
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from executions.models import Notice
from executions.notices import courier
from scheduler_project.local.process import eventually
from tests.executions.notices.conftest import Hook, Service

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("without_pauses")]

PATIENCE_SECONDS = 30


def told(*arguments: str) -> str:
    out = io.StringIO()
    call_command("test_alerts", *arguments, stdout=out, no_color=True)
    return out.getvalue()


def test_it_sends_a_test_through_each_channel_that_there_is(service: Service, hook: Hook) -> None:
    assert told("--to", "ana@example.com") == "sent    Administrators\nsent    Email ana@example.com\nsent    Webhook\n"
    assert [email["to"] for email in service.told] == ["admin@okla.com.do", "ana@example.com"]
    assert [body["kind"] for body in hook.bodies] == ["Test"]


def test_it_fails_when_one_did_not_arrive_and_says_why(service: Service, hook: Hook) -> None:
    hook.status = 404
    out = io.StringIO()
    with pytest.raises(CommandError, match="1 of 2 tests did not arrive"):
        call_command("test_alerts", stdout=out, no_color=True)
    assert "sent    Administrators" in out.getvalue()
    assert "failed  Webhook: The webhook answered HTTP 404" in out.getvalue()


def test_one_channel_can_be_tested_alone_also_one_that_is_not_configured(service: Service) -> None:
    assert told("--channel", "administrators") == "sent    Administrators\n"
    out = io.StringIO()
    with pytest.raises(CommandError):
        call_command("test_alerts", "--channel", "webhook", stdout=out, no_color=True)
    assert "set SCHEDULER_ALERT_WEBHOOK_URL" in out.getvalue()


@pytest.mark.parametrize(
    "arguments", [["--channel", "email"], ["--channel", "webhook", "--to", "a@example.com"], ["--to", "nobody"]]
)
def test_words_that_make_no_sense_are_refused(arguments: list[str]) -> None:
    with pytest.raises(CommandError):
        call_command("test_alerts", *arguments)
    assert not Notice.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_with_wait_it_leaves_the_sending_to_the_service_that_runs(service: Service) -> None:
    said: list[Any] = []

    def ask() -> None:
        try:
            said.append(told("--wait"))
        finally:
            connection.close()

    asking = threading.Thread(target=ask)
    asking.start()
    assert eventually(Notice.objects.exists, PATIENCE_SECONDS)
    assert not service.told
    assert courier.deliver() == 1
    asking.join(PATIENCE_SECONDS)
    assert said == ["sent    Administrators\n"]
