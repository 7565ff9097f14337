"""The threads that ask the rules and deliver, in whichever process they are."""

import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from celery.signals import beat_init, worker_ready, worker_shutdown
from django.db import connections

from executions.alerts import overseer
from executions.alerts.overseer import Overseer
from executions.enums import AlertRule, NoticeKind
from executions.models import AlertRound, Notice
from scheduler_project.local.process import eventually
from tests.executions.alerts.rounds import FAILURE, open_alerts, runs
from tests.factories import a_job

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE_SECONDS = 30


@pytest.fixture
def watching() -> Iterator[Callable[[], Overseer]]:
    """Starts an overseer, and sees to it that it ends."""
    started: list[Overseer] = []

    def start() -> Overseer:
        started.append(Overseer(pause_seconds=0.05))
        started[-1].start()
        return started[-1]

    yield start
    for each in started:
        each.stop()


def names() -> set[str]:
    return {thread.name for thread in threading.enumerate()} & {"round.ask", "courier.deliver", "sign_of_life.send"}


def test_it_asks_the_rules_has_alerts_told_and_ends_in_a_moment(watching: Any) -> None:
    runs(a_job(max_consecutive_failures=0), FAILURE)
    here = watching()
    tried = Notice.objects.filter(kind=NoticeKind.OPENED).exclude(tries=0)
    assert eventually(lambda: bool(open_alerts(AlertRule.CONSECUTIVE_FAILURES)), PATIENCE_SECONDS)
    assert eventually(tried.exists, PATIENCE_SECONDS)
    here.stop()
    assert eventually(lambda: not here.is_alive, PATIENCE_SECONDS)


class Said(logging.Handler):
    """What the overseer has said."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@pytest.fixture
def said() -> Iterator[list[str]]:
    handler, logger = Said(), logging.getLogger("executions.alerts.overseer")
    level = logger.level
    logger.addHandler(handler), logger.setLevel(logging.INFO)
    yield handler.lines
    logger.removeHandler(handler), logger.setLevel(level)


def test_it_outlives_the_absence_of_the_database_and_speaks_of_it_once(watching: Any, said: list[str]) -> None:
    address = connections.settings["default"]
    port, address["PORT"] = address["PORT"], "1"
    try:
        watching()
        assert eventually(lambda: len(said) == 2, PATIENCE_SECONDS)
        assert not eventually(lambda: len(said) > 2, 0.5)
    finally:
        address["PORT"] = port
    assert eventually(lambda: len(said) == 4, PATIENCE_SECONDS)
    assert sorted(line.split(",")[0] for line in said) == [
        "courier.deliver failed", "courier.deliver works again.", "round.ask failed", "round.ask works again.",
    ]  # fmt: skip


def test_without_celerys_signals_nothing_watches() -> None:
    """A test, a command or the web process must not by the way."""
    assert overseer._here is None
    assert names() == set()


@pytest.mark.parametrize("signal", [beat_init, worker_ready])
def test_a_beat_and_a_worker_begin_it_once_and_end_it(signal: Any) -> None:
    try:
        overseer.start(), overseer.start()
        assert overseer.start in [receiver() for _key, receiver in signal.receivers]
        assert sorted(thread.name for thread in threading.enumerate() if thread.name in names()) == [
            "courier.deliver", "round.ask",
        ]  # fmt: skip
    finally:
        overseer.stop()
    assert overseer.stop in [receiver() for _key, receiver in worker_shutdown.receivers]
    assert names() == set()
    assert not AlertRound.objects.exists(), "it waits before its first round"
