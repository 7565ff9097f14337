"""What is told of each rule's alert: whole sentences in both languages, fit for a mail's subject."""

import re
import uuid
from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django.utils import translation

from executions.alerts import episodes, wording
from executions.alerts.rules import RULES
from executions.enums import AlertRule, Channel, NoticeKind, NoticeState
from executions.models import Alert, BeatLease, LedgerCheck, Notice
from jobs.gateways.content_rules import subject_faults
from tests.executions.alerts.rounds import FAILURE, a_worker, ask, earlier, runs
from tests.factories import SOMEBODY, a_job, a_run, ended, fell_due, minutes_ago, started

pytestmark = pytest.mark.django_db
# Of that kind is what was left out of a sentence.
GAP = re.compile(r"%\(|\{|None|–")


def everything_is_wrong() -> dict[str, Alert]:
    """One alert of each rule, with the facts that its statement found."""
    runs(a_job("Prices"), *[FAILURE] * 3)
    earlier(started(a_job("Backup")), 7_200, "started_at")
    fell_due(a_job("Report", cron_expression="0 3 * * *", time_zone="America/New_York"), minutes_ago(1_440))
    a_worker("celery@one", silent=60, queues=["default", "slow"])
    earlier(a_run(a_job("Waits", queue="slow")), 1_000, "available_at", "queued_at")
    BeatLease.objects.create(
        holder=uuid.uuid4(), term=1, machine_name="there", process_id=7, since=Now(),
        expires_at=Now() - timedelta(seconds=100),
    )  # fmt: skip
    LedgerCheck.objects.create(
        checked_from=Now(), checked_until=Now(), finished_at=Now(), jobs=1, planned=9, unaccounted=2, unplanned=0
    )
    Notice.objects.create(
        kind=NoticeKind.TEST, channel=Channel.ADMINISTRATORS, state=NoticeState.WAITING, tries=3, last_error="no route",
        created_at=Now() - timedelta(hours=1),
    )  # fmt: skip
    ask()
    episodes.open_for_job(a_job("Health").id, "gateway", "HTTP 503")
    return {alert.rule: alert for alert in Alert.objects.select_related("job")}


@pytest.mark.parametrize("language", ["en", "es"])
def test_every_rule_has_whole_sentences_that_the_notifier_takes(language: str) -> None:
    alerts = everything_is_wrong()
    assert set(alerts) == set(AlertRule.values) == {*(rule.name for rule in RULES), AlertRule.JOB}
    with translation.override(language):
        for rule, alert in alerts.items():
            alert.closed_at = alert.opened_at + timedelta(minutes=63, seconds=5)
            title, message, recovery = wording.title(alert), wording.message(alert), wording.recovery(alert)
            assert subject_faults(title) == [], (rule, title)
            assert "1 h 03 min" in recovery, (rule, recovery)
            for text in (title, message, recovery):
                assert not GAP.search(text), (rule, text)
                if alert.job:
                    assert alert.job.name in text or rule == AlertRule.JOB


def test_a_sentence_says_which_job_what_and_since_when_on_the_clock_of_its_zone() -> None:
    alerts = everything_is_wrong()
    late = alerts[AlertRule.NOT_STARTED]
    assert re.fullmatch(r"Report did not start at \d{4}-\d\d-\d\d 03:00 \(America/New_York\)", wording.title(late))
    assert "nothing has fired it" in wording.message(late)
    assert wording.title(alerts[AlertRule.CONSECUTIVE_FAILURES]) == "Prices: 3 runs in a row have failed"
    assert wording.title(alerts[AlertRule.RUNNING_TOO_LONG]) == "Backup has been running for more than 30 min 00 s"
    assert "(America/Santo_Domingo)" in wording.message(alerts[AlertRule.NO_BEAT])
    assert (wording.title(alerts[AlertRule.JOB]), wording.message(alerts[AlertRule.JOB])) == (
        "Health: gateway", "HTTP 503",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"why": "queued", "queue": "slow"}, "waits in the queue slow"),
        ({"why": "held"}, "is held behind another run"),
        ({"why": "missed", "reason": "start_deadline"}, "was missed (start deadline)"),
        ({}, "has not started"),
    ],
)
def test_a_run_that_did_not_start_says_why(facts: dict[str, str], told: str) -> None:
    alert = Alert(rule=AlertRule.NOT_STARTED, job=a_job(), facts={**facts, "since": "2026-01-08T07:00:00Z"})
    assert told in wording.message(alert)
    assert "2026-01-08 03:00 (America/Santo_Domingo)" in wording.message(alert)


@pytest.mark.parametrize("rule", AlertRule.values)
def test_an_alert_without_facts_can_be_told_too(rule: str) -> None:
    alert = Alert(rule=rule, subject="", facts={}, opened_at=minutes_ago(1))
    assert wording.title(alert) and wording.recovery(alert)
    assert wording.message(alert) or rule == AlertRule.JOB


def test_many_failures_are_more_than_so_many_and_who_was_disabled_has_not_recovered() -> None:
    job = a_job("Prices").disable(by=SOMEBODY)
    alert = Alert(rule=AlertRule.CONSECUTIVE_FAILURES, job=job, facts={"failures": 31, "isAtLeast": True})
    assert wording.title(alert) == "Prices: more than 30 runs in a row have failed"
    assert wording.recovery(alert).startswith("Prices was disabled or deleted")


@pytest.mark.parametrize(
    ("rule", "because"),
    [
        (AlertRule.NOT_STARTED, "or none is waited for any more"),  # cancelled, paused, held, skipped
        (AlertRule.CONSECUTIVE_FAILURES, "or its limit was raised"),
        (AlertRule.RUNNING_TOO_LONG, "or its limit was raised"),
    ],
)
def test_a_recovery_says_no_more_than_is_known(rule: AlertRule, because: str) -> None:
    """A run that somebody had cancelled was told as started, a raised limit as a success."""
    assert because in wording.recovery(Alert(rule=rule, job=a_job(), facts={}))


def test_a_long_run_of_a_job_that_was_disabled_was_watched_to_its_end() -> None:
    job = a_job("Backup", max_duration_seconds=60)
    run = started(job)
    earlier(run, 100, "started_at")
    job.disable(by=SOMEBODY)
    ask()
    ended(run)
    ask()
    assert wording.recovery(Alert.objects.get()).startswith("The long run of Backup has ended")
