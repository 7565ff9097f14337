"""Workers that are gone, and queues that wait for one."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from executions.enums import AlertRule
from executions.models import JobExecution
from tests.executions.alerts.rounds import a_worker, ask, earlier, open_alerts, the_alert
from tests.factories import FAILED, SOMEBODY, a_job, a_run, claimed, ended

pytestmark = pytest.mark.django_db
LOST, NO_WORKER, TOO_LONG = AlertRule.WORKER_LOST, AlertRule.NO_WORKER, AlertRule.WAITING_TOO_LONG


# --- Lost ------------------------------------------------------------------------------------------------------------
def test_a_worker_that_has_fallen_silent_is_lost_until_it_is_heard_of_again() -> None:
    worker = a_worker("celery@one", silent=46, queues=["default", "slow"], execution_ids=[SOMEBODY])
    ask()
    alert = the_alert(LOST)
    assert (alert.subject, alert.job, alert.severity) == ("celery@one", None, "Error")
    facts = {"machine": "there", "process": 7, "queues": ["default", "slow"], "runs": 1}
    assert facts.items() <= alert.facts.items()
    type(worker).objects.update(last_seen_at=Now())
    ask()
    assert open_alerts(LOST) == []


@pytest.mark.parametrize(
    "about",
    [
        {"silent": 20},
        {"silent": 1_000, "stopped_at": Now()},
        {"silent": 25 * 3_600, "up": 26 * 3_600},
    ],
    ids=["heard of", "stopped", "long gone"],
)
def test_nobody_misses_a_worker_that_is(about: dict) -> None:
    a_worker(**about)
    ask()
    assert open_alerts(LOST) == []


def test_its_place_is_taken_by_one_that_was_started_later_and_serves_its_queues() -> None:
    a_worker("celery@lost", silent=100, queues=["default", "slow"])
    a_worker("celery@other", queues=["default"], up=50)
    a_worker("celery@older", queues=["default", "slow"], up=200)
    a_worker("celery@silent", queues=["default", "slow"], silent=46, up=50)
    ask()
    assert [alert.subject for alert in open_alerts(LOST)] == ["celery@lost", "celery@silent"]
    for name in ("new", "newer"):
        a_worker(f"celery@{name}", queues=["slow", "fast", "default"], up=1)
    ask()
    assert open_alerts(LOST) == []


@pytest.mark.parametrize(
    ("started_ago", "missed"),
    [
        ([], ["one", "three", "two"]),
        ([5], ["one", "two"]),  # it was started after all three were lost
        ([5, 5], ["one"]),
        ([150], ["three", "two"]),  # before two of them were
        ([150, 5], ["two"]),
        ([250, 150], ["three", "two"]),
        ([150, 5, 5], []),
    ],
    ids=str,
)
def test_one_that_is_new_takes_one_place(started_ago: list[float], missed: list[str]) -> None:
    """It closed the alerts of any number of lost ones."""
    for name, silent in (("one", 200), ("two", 100), ("three", 50)):
        a_worker(f"celery@{name}", silent=silent)
    for number, up in enumerate(started_ago):
        a_worker(f"celery@new-{number}", up=up)
    ask()
    assert [alert.subject for alert in open_alerts(LOST)] == [f"celery@{name}" for name in missed]


def test_one_that_is_back_under_its_name_stands_for_itself_alone() -> None:
    a_worker("celery@back", silent=200), a_worker("celery@gone", silent=100)
    a_worker("celery@back", up=10)
    ask()
    assert the_alert(LOST).subject == "celery@gone"


def test_one_that_is_lost_again_and_again_is_one_episode() -> None:
    a_worker("celery@one", silent=500), a_worker("celery@one", silent=100, up=400)
    ask()
    the_alert(LOST)


# --- No worker -------------------------------------------------------------------------------------------------------
def waiting(queue: str, *, seconds: float, **definition: object) -> JobExecution:
    run = a_run(a_job(f"of {queue}", queue=queue, **definition))
    earlier(run, seconds, "available_at", "queued_at")
    return run


def test_a_queue_with_runs_and_no_living_worker_is_told_of_until_one_serves_it() -> None:
    waiting("served", seconds=30), waiting("lonely", seconds=30), waiting("new", seconds=5)
    a_worker("celery@here", queues=["served"]), a_worker("celery@gone", queues=["lonely"], silent=46)
    a_worker("celery@stopped", queues=["lonely"], stopped_at=Now())
    ask()
    alert = the_alert(NO_WORKER)
    assert (alert.subject, alert.severity) == ("lonely", "Critical")
    assert (alert.facts["queue"], alert.facts["waiting"]) == ("lonely", 1)
    a_worker("celery@back", queues=["lonely"])
    ask()
    assert open_alerts(NO_WORKER) == []


@pytest.mark.parametrize("is_admitted", [False, True])
def test_a_retry_waits_for_a_worker_once_it_was_admitted(is_admitted: bool) -> None:
    """A paused job's retry waits for days, and for no worker."""
    job = a_job(max_retries=1, retry_delay_minutes=0)
    ended(claimed(a_run(job)), FAILED)
    rung = {"rung_at": Now() - timedelta(seconds=700)} if is_admitted else {}
    retries = JobExecution.objects.filter(retry_attempt=1)
    retries.update(available_at=Now() - timedelta(days=2), **rung)
    ask()
    assert len(open_alerts(NO_WORKER)) == len(open_alerts(TOO_LONG)) == is_admitted


def test_a_retry_has_waited_since_it_was_admitted_and_not_since_its_delay_was_over() -> None:
    job = a_job(max_retries=1, retry_delay_minutes=0)
    ended(claimed(a_run(job)), FAILED)
    retries = JobExecution.objects.filter(retry_attempt=1)
    retries.update(available_at=Now() - timedelta(days=2), rung_at=Now())
    ask()
    assert open_alerts(NO_WORKER) == open_alerts(TOO_LONG) == []


# --- Waiting too long ------------------------------------------------------------------------------------------------
def test_the_oldest_free_run_of_a_queue_may_wait_so_long_and_the_alert_lasts_until_it_is_half_as_old(settings) -> None:
    settings.SCHEDULER_ALERT_WAITING_SECONDS = 1_000
    a_worker(queues=["busy", "quick"])
    run = waiting("busy", seconds=1_001)
    waiting("quick", seconds=900)
    ask()
    alert = the_alert(TOO_LONG)
    assert (alert.subject, alert.facts["limitSeconds"], alert.facts["waiting"]) == ("busy", 1_000, 1)
    earlier(run, -400, "available_at")
    ask()
    assert the_alert(TOO_LONG).id == alert.id
    earlier(run, -200, "available_at")
    ask()
    assert open_alerts(TOO_LONG) == []


def test_what_is_held_or_delayed_waits_for_nobody() -> None:
    a_worker()
    held, delayed = waiting("default", seconds=0), a_run(a_job("other"))
    JobExecution.objects.filter(id=held.id).update(available_at=None)
    JobExecution.objects.filter(id=delayed.id).update(available_at=Now() + timedelta(hours=1))
    JobExecution.objects.update(queued_at=Now() - timedelta(hours=10))
    ask()
    assert open_alerts(TOO_LONG) == open_alerts(NO_WORKER) == []


def test_after_an_outage_every_worker_is_silent_and_none_is_taken_for_lost() -> None:
    a_worker("celery@one", silent=600)
    waiting("default", seconds=600)
    ask(watched_seconds=40)
    assert open_alerts(LOST) == open_alerts(NO_WORKER) == []
    ask(watched_seconds=80)
    assert (len(open_alerts(LOST)), len(open_alerts(NO_WORKER))) == (1, 1)
