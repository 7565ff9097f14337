"""Bugs that the crash tests have found, each by its name, and the alert about messages that nobody knows about."""

from random import Random
from typing import Any

import pytest

from executions.models import Alert, JobExecution
from jobs.deliveries import UNCERTAIN
from tests.crashes import attempts
from tests.crashes.attempts import Order
from tests.crashes.cases.health import HealthCheckMonitoring
from tests.crashes.cases.reminders import REFUSED, SendReminderEmails
from tests.crashes.peers import NO_ANSWER
from tests.crashes.play import Play
from tests.crashes.stage import Scene, Stage

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]

REPORT = "GenerateDailyReportsJob"


def test_the_end_of_an_episode_was_never_told_when_the_run_that_saw_it_died_before_telling(stage: Stage) -> None:
    """The alert was closed, and the message not yet claimed: no later run knew of it."""
    row = Play(stage, HealthCheckMonitoring(), Random(1)).in_turn("health.after_note:3")
    assert (row.broken, row.kills) == ([], 1)


def test_a_refused_reminder_was_marked_as_sent_when_an_earlier_attempt_had_died(stage: Stage) -> None:
    """Marks of what a dead attempt had left were set again for all that was settled, also for what was refused."""
    row = Play(stage, SendReminderEmails(REFUSED + 1), Random(1)).in_turn("reminders.after_mark")
    assert (row.broken, row.kills) == ([], 1)
    assert (row.after["refused"], row.after["marked"]) == (REFUSED, 1)


def test_a_reminder_that_could_not_be_written_was_marked_as_sent(stage: Stage) -> None:
    """Until another run of the same day; there was seldom one."""
    case = SendReminderEmails(REFUSED + 1)
    with stage.set_for(case.schema, {"FORMAT_MODULE_PATH": 5}) as okla:  # no date can be written
        stage.empty(okla)
        scene = Scene(stage, okla, attempts.new_run(case.job_type, case.parameters(stage.peers)))
        case.fill(scene)
        row = stage.attempts.make(Order(scene.run))[0].row
        assert "TypeError" in (row.error_message or ""), row.error_message
        assert case.look(scene).marked == frozenset()


# --- Uncertain messages ----------------------------------------------------------------------------------------------
class Reports:
    """A report to two managers, and the alert about it."""

    def __init__(self, stage: Stage, *recipients: str) -> None:
        self.stage = stage
        self.run = attempts.new_run(REPORT, {"recipients": recipients, "language": "en"})

    def attempt(self, run: JobExecution | None, failpoint: str = "") -> JobExecution:
        assert run
        return self.stage.attempts.make(Order(run, failpoint))[0].row

    def next_run(self) -> JobExecution:
        return self.attempt(attempts.another_run(self.run.job))

    @property
    def alerts(self) -> list[bool]:
        """Of each whether it is open, oldest first."""
        found = Alert.objects.filter(subject=UNCERTAIN, job=self.run.job).order_by("opened_at")
        return [alert.closed_at is None for alert in found]


@pytest.fixture
def reports(stage: Stage, request: pytest.FixtureRequest) -> Any:
    with stage.set_for("original", {}) as okla:
        stage.empty(okla)
        yield lambda *recipients: Reports(stage, *recipients)


def test_a_run_with_uncertain_messages_opens_an_alert_and_the_next_run_without_any_closes_it(reports: Any) -> None:
    told = reports(f"{NO_ANSWER}@example.com", "ana@example.com")
    row = told.attempt(told.run)
    assert (row.result["uncertain"], row.result["sent"]) == (1, 1)
    assert told.alerts == [True]
    assert told.next_run().result["uncertain"] == 0
    assert told.alerts == [False]


def test_the_attempt_that_counts_them_may_die_at_once_and_a_further_one_of_the_same_run_closes_nothing(
    reports: Any,
) -> None:
    told = reports("ana@example.com", "ben@example.com")
    first = told.attempt(told.run, "send.before")
    assert told.alerts == []
    second = told.attempt(attempts.next_attempt(first), "uncertain.after_settle")
    assert told.alerts == [True]
    third = told.attempt(attempts.next_attempt(second))
    assert (third.status, third.result["uncertain"], third.result["sent"]) == ("Completed", 0, 1)
    assert told.alerts == [True]
    told.next_run()
    assert told.alerts == [False]
