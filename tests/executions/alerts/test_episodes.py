"""One alert an episode, whoever opens it; each is told when it opens and when it is over."""

import threading
import uuid

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now

from executions.alerts import episodes, wording
from executions.alerts.round import LIMITS
from executions.alerts.staffing import WORKER_LOST
from executions.enums import AlertRule, NoticeKind, Severity
from executions.models import Alert, Notice, Worker
from tests.executions.alerts.rounds import FAILURE, a_worker, ask, earlier, open_alerts, runs, the_alert
from tests.factories import SOMEBODY, a_job, ended, started


def told(alert: Alert) -> list[str]:
    return sorted(Notice.objects.filter(alert=alert).values_list("kind", flat=True))


@pytest.mark.django_db
def test_what_opens_and_what_is_over_is_told_in_the_same_transaction() -> None:
    run = started(a_job(max_duration_seconds=1_000))
    earlier(run, 2_000, "started_at")
    ask(), ask()
    alert = the_alert(AlertRule.RUNNING_TOO_LONG)
    assert told(alert) == [NoticeKind.OPENED]
    earlier(run, -2_000, "started_at")
    ask(), ask()
    assert NoticeKind.RECOVERED in told(alert)


@pytest.mark.django_db
def test_a_new_episode_is_a_new_alert() -> None:
    worker = a_worker(silent=100)
    for silent in (100, -100, 100):
        ask()
        earlier(worker, -silent, "last_seen_at")
    ask()
    assert Alert.objects.filter(rule=AlertRule.WORKER_LOST).count() == 2


@pytest.mark.django_db
def test_the_database_leaves_one_open_alert_per_rule_job_and_subject() -> None:
    same = {"rule": AlertRule.NO_BEAT, "job": None, "subject": "", "opened_at": Now()}
    Alert.objects.create(**same, closed_at=Now())
    Alert.objects.create(**same)
    with pytest.raises(IntegrityError), transaction.atomic():
        Alert.objects.create(**same)


@pytest.mark.django_db(transaction=True)
def test_of_many_that_find_the_same_at_once_one_opens_it_and_tells_it() -> None:
    """As if the round were no bar: the constraint and the statement that opens leave one."""
    a_worker(silent=100)
    start = threading.Barrier(8)

    def find() -> None:
        start.wait()
        with transaction.atomic():
            episodes.bring_up_to_date(WORKER_LOST, LIMITS)
        connection.close()

    threads = [threading.Thread(target=find) for _number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Alert.objects.count() == 1
    assert told(the_alert(AlertRule.WORKER_LOST)) == [NoticeKind.OPENED]


@pytest.mark.django_db
def test_of_very_many_a_part_is_opened_or_closed_at_a_time_and_it_is_said_when_that_was_all() -> None:
    for number in range(3):
        a_worker(f"celery@{number}", silent=100 + number)
    assert [episodes.bring_up_to_date(WORKER_LOST, LIMITS, most=2) for _round in range(2)] == [False, True]
    alerts = open_alerts(AlertRule.WORKER_LOST)
    assert [told(alert) for alert in alerts] == [[NoticeKind.OPENED]] * 3
    Worker.objects.update(last_seen_at=Now())
    assert [episodes.bring_up_to_date(WORKER_LOST, LIMITS, most=2) for _round in range(2)] == [False, True]
    assert open_alerts(AlertRule.WORKER_LOST) == []
    assert all(NoticeKind.RECOVERED in told(alert) for alert in alerts)


@pytest.mark.django_db
def test_a_jobs_own_alert_is_opened_once_an_episode_and_told() -> None:
    job = a_job()
    first = episodes.open_for_job(job.id, "gateway", "HTTP 503")
    assert episodes.open_for_job(job.id, "gateway", "HTTP 500") == first
    other = episodes.open_for_job(job.id, "o" * 300, "")
    assert episodes.open_for_job(job.id, "o" * 300, "") == other != first
    alert = Alert.objects.get(id=first)
    assert (alert.message, alert.severity, told(alert)) == ("HTTP 503", Severity.ERROR, [NoticeKind.OPENED])
    ask()
    assert len(open_alerts(AlertRule.JOB)) == 2, "the rules leave alone what a job says itself"
    assert episodes.close_for_job(job.id, "gateway") == first
    assert episodes.close_for_job(job.id, "gateway") is None
    assert NoticeKind.RECOVERED in told(alert)
    assert episodes.open_for_job(job.id, "gateway", "again") != first


@pytest.mark.django_db
@pytest.mark.parametrize("verb", ["disable", "retire"])
def test_a_jobs_own_alert_is_over_when_nobody_will_ever_close_it(verb: str) -> None:
    """It stayed in all lists for ever, and no door closed it. A run that is still going on may say more."""
    job, other = a_job(), a_job("other", overlap_policy="Allow")
    run = started(job)
    for each in (job, other):
        episodes.open_for_job(each.id, "gateway", "HTTP 503")
    getattr(job, verb)(by=SOMEBODY)
    ask()
    assert len(open_alerts(AlertRule.JOB)) == 2
    ended(run)
    ask(), ask()
    assert the_alert(AlertRule.JOB).job == other
    alert = Alert.objects.get(job=job)
    assert NoticeKind.RECOVERED in told(alert)
    assert wording.recovery(alert).startswith("job was disabled or deleted")
    assert the_alert(AlertRule.JOB).facts == {}, "nothing but that is touched"


@pytest.mark.django_db
def test_who_acknowledges_first_stays_also_when_it_is_over() -> None:
    job = a_job(max_consecutive_failures=0)
    runs(job, FAILURE)
    ask()
    alert = the_alert(AlertRule.CONSECUTIVE_FAILURES)
    mine = episodes.acknowledge(alert.id, by=SOMEBODY, note="the network")
    again = episodes.acknowledge(alert.id, by=uuid.uuid4(), note="me too")
    for seen in (mine, again):
        assert (seen.acknowledged_by, seen.note, seen.acknowledged_at) == (
            SOMEBODY,
            "the network",
            mine.acknowledged_at,
        )
    ask()
    assert the_alert(AlertRule.CONSECUTIVE_FAILURES).note == "the network"
    with pytest.raises(Alert.DoesNotExist):
        episodes.acknowledge(uuid.uuid4(), by=SOMEBODY)
