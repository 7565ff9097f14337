"""The service itself: its beat, its ledger, and whether it is heard."""

import uuid
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db.models.functions import Now

from executions.alerts import wording
from executions.enums import AlertRule, Channel, NoticeKind, NoticeState
from executions.models import BeatLease, LedgerCheck, Notice
from jobs.clock import database_now
from tests.database_clock import DatabaseClock, database_time
from tests.executions.alerts.rounds import ask, open_alerts, the_alert
from tests.factories import a_job, fell_due, minutes_ago

pytestmark = pytest.mark.django_db


@pytest.fixture
def clock() -> Iterator[DatabaseClock]:
    with database_time(minutes_ago(0)) as clock:
        yield clock


def lease(*, ended_seconds_ago: float) -> None:
    ended = {"expires_at": Now() - timedelta(seconds=ended_seconds_ago)}
    first = {"holder": uuid.uuid4(), "term": 1, "machine_name": "there", "process_id": 7, "since": Now()}
    BeatLease.objects.update_or_create(id=1, defaults=ended, create_defaults={**first, **ended})


def test_a_lease_that_ran_out_is_told_of_until_a_beat_leads_again() -> None:
    lease(ended_seconds_ago=30)
    ask()
    assert open_alerts(AlertRule.NO_BEAT) == []
    lease(ended_seconds_ago=60)
    ask()
    alert = the_alert(AlertRule.NO_BEAT)
    assert (alert.severity, alert.facts["machine"], alert.facts["process"]) == ("Critical", "there", 7)
    lease(ended_seconds_ago=-10)
    ask()
    assert open_alerts(AlertRule.NO_BEAT) == []


def test_a_beat_that_never_led_is_missed_once_something_has_come_due(clock: DatabaseClock) -> None:
    """It came as an alert of each job, minutes later. A stock beat that rings has no lease, and leaves nothing late."""
    job = a_job(cron_expression="0 3 * * *")
    ask()
    assert open_alerts(AlertRule.NO_BEAT) == []
    due = fell_due(job, minutes_ago(1_440))
    clock.move_to(due + timedelta(seconds=49))
    ask()
    assert open_alerts(AlertRule.NO_BEAT) == []
    clock.advance(seconds=10)
    ask()
    alert = the_alert(AlertRule.NO_BEAT)
    assert (alert.severity, alert.facts) == ("Critical", {"since": f"{due:%FT%TZ}", "machine": None, "process": None})
    assert wording.message(alert).startswith("No beat has ever led, and nothing has fired what was due")
    lease(ended_seconds_ago=-10)
    ask()
    assert open_alerts(AlertRule.NO_BEAT) == []


def test_after_an_outage_no_beat_is_missed_that_had_no_time_to_come_back() -> None:
    lease(ended_seconds_ago=600)
    ask(watched_seconds=40)
    assert open_alerts(AlertRule.NO_BEAT) == []
    ask(watched_seconds=80)
    the_alert(AlertRule.NO_BEAT)


@pytest.mark.parametrize(("unaccounted", "unplanned"), [(2, 0), (0, 1)])
def test_the_newest_check_says_whether_the_ledger_is_complete(unaccounted: int, unplanned: int) -> None:
    def checked(**found: int) -> None:
        LedgerCheck.objects.create(
            checked_from=Now(), checked_until=Now(), finished_at=Now(), jobs=1, planned=9, **found
        )

    checked(unaccounted=unaccounted, unplanned=unplanned)
    ask()
    facts = the_alert(AlertRule.UNACCOUNTED).facts
    assert (facts["unaccounted"], facts["unplanned"]) == (unaccounted, unplanned)
    checked(unaccounted=0, unplanned=0)
    ask()
    assert open_alerts(AlertRule.UNACCOUNTED) == []


def notice(channel: Channel, *, tries: int, minutes_old: float, state: NoticeState = NoticeState.WAITING) -> Notice:
    return Notice.objects.create(
        kind=NoticeKind.TEST, channel=channel, state=state, tries=tries, last_error="no route\nto host",
        created_at=Now() - timedelta(minutes=minutes_old), next_try_at=Now() + timedelta(hours=1),
    )  # fmt: skip


def test_a_channel_that_keeps_failing_is_told_of_until_it_has_told_what_waited() -> None:
    notice(Channel.EMAIL, tries=3, minutes_old=4), notice(Channel.EMAIL, tries=2, minutes_old=60)
    notice(Channel.WEBHOOK, tries=9, minutes_old=60, state=NoticeState.SENT)
    ask()
    assert open_alerts(AlertRule.UNTOLD) == []
    stuck = notice(Channel.ADMINISTRATORS, tries=3, minutes_old=6)
    ask()
    alert = the_alert(AlertRule.UNTOLD)
    assert alert.subject == "Administrators"
    assert (alert.facts["waiting"], alert.facts["lastError"]) == (1, "no route")
    Notice.objects.filter(id=stuck.id).update(state=NoticeState.SENT)
    ask()
    assert open_alerts(AlertRule.UNTOLD) == []


def test_what_was_refused_is_told_until_something_arrives_there() -> None:
    old = notice(Channel.EMAIL, tries=1, minutes_old=1_441, state=NoticeState.REFUSED)
    Notice.objects.filter(id=old.id).update(kind=NoticeKind.RUN_FAILED)
    notice(Channel.EMAIL, tries=1, minutes_old=1, state=NoticeState.REFUSED)  # a test, which says so where it was asked
    ask()
    assert open_alerts(AlertRule.UNTOLD) == []
    Notice.objects.filter(id=old.id).update(kind=NoticeKind.RUN_FAILED, created_at=minutes_ago(1))
    ask()
    alert = the_alert(AlertRule.UNTOLD)
    assert (alert.subject, alert.facts["refused"], alert.facts["waiting"]) == ("Email", 1, 0)
    assert "1 message on the channel “E-mail” was refused" in wording.message(alert)
    later = notice(Channel.EMAIL, tries=1, minutes_old=0, state=NoticeState.SENT)
    Notice.objects.filter(id=later.id).update(sent_at=database_now())
    ask()
    assert open_alerts(AlertRule.UNTOLD) == []
