"""The outgoing heartbeat: once a minute for all, only while the rules are asked, and its failure is said once."""

import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now
from pytest_httpserver import HTTPServer

from executions.alerts import sign_of_life
from executions.models import AlertRound

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def address(settings: Any, httpserver: HTTPServer) -> Iterator[str]:
    settings.SCHEDULER_SIGN_OF_LIFE_URL = httpserver.url_for("/ping/abc")
    httpserver.expect_request("/ping/abc", method="GET").respond_with_data("OK")
    AlertRound.objects.create(asked_at=Now())
    sign_of_life._faults.clear()
    yield settings.SCHEDULER_SIGN_OF_LIFE_URL
    sign_of_life._faults.clear()


def sent(*, seconds_ago: float | None) -> None:
    at = None if seconds_ago is None else Now() - timedelta(seconds=seconds_ago)
    AlertRound.objects.update(sign_of_life_at=at)


def test_it_is_sent_once_a_minute_for_all_processes_together(httpserver: HTTPServer) -> None:
    assert sign_of_life.send()
    assert not sign_of_life.send()
    sent(seconds_ago=40)
    assert not sign_of_life.send()
    sent(seconds_ago=70)
    assert sign_of_life.send()
    assert len(httpserver.log) == 2


def test_one_that_a_wrong_clock_has_dated_is_not_waited_for(httpserver: HTTPServer) -> None:
    sent(seconds_ago=-3_600)
    assert sign_of_life.send()


def test_while_nobody_asks_the_rules_it_is_silent(httpserver: HTTPServer) -> None:
    AlertRound.objects.update(asked_at=Now() - timedelta(seconds=31))
    assert not sign_of_life.send()
    AlertRound.objects.all().delete()
    assert not sign_of_life.send()
    assert not httpserver.log


def test_without_an_address_there_is_none(settings: Any, httpserver: HTTPServer) -> None:
    settings.SCHEDULER_SIGN_OF_LIFE_URL = ""
    assert not sign_of_life.send()
    assert not httpserver.log


def test_what_is_not_heard_is_said_once_and_its_return_too(
    httpserver: HTTPServer, settings: Any, address: str, caplog: pytest.LogCaptureFixture
) -> None:
    httpserver.expect_request("/broken").respond_with_data("", status=503)
    caplog.set_level(logging.INFO)
    for url in (httpserver.url_for("/broken"), "http://127.0.0.1:1/", address, address):
        settings.SCHEDULER_SIGN_OF_LIFE_URL = url
        sent(seconds_ago=None)
        assert sign_of_life.send() == (url == address)
    said = [record.getMessage() for record in caplog.records if record.name == sign_of_life.__name__]
    assert [line.split(":")[0] for line in said] == [
        "The sign of life is not heard, it is tried again each minute", "The sign of life is heard again.",
    ]  # fmt: skip
