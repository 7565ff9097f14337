"""The beat scheduler in this process: what it loads, what it fires, and what does not end it."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
from celery import current_app
from django.db import connection, transaction
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from executions import bell
from executions.beat import LedgerScheduler
from executions.lease import Deposed, Lease
from executions.models import JobExecution
from executions.vitals import signs
from jobs import periodic
from jobs.models import ScheduledJob
from tests.factories import a_job, fell_due, minutes_ago, rows_of

# django-celery-beat closes the connection and commits as it likes, so no test's transaction can be around it.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def beat(broker: Any) -> LedgerScheduler:
    return LedgerScheduler(app=current_app, lazy=False)


def somebody_elses(name: str = "theirs") -> PeriodicTask:
    every = IntervalSchedule.objects.create(every=1, period="hours")
    return PeriodicTask.objects.create(name=name, task="somebody.elses", interval=every)


def test_mirrored_rows_are_not_entries_and_other_periodic_tasks_are(broker: Any) -> None:
    a_job("one"), a_job("two")
    periodic.rebuild(ScheduledJob.objects.live())
    somebody_elses()
    beat = LedgerScheduler(app=current_app, lazy=False)
    assert "theirs" in beat.schedule
    assert not {"one", "two", periodic.TICK_NAME} & set(beat.schedule)


def test_a_crontab_task_of_somebody_else_is_loaded_at_every_hour(broker: Any) -> None:
    from django_celery_beat.models import CrontabSchedule

    for hour in range(24):
        crontab = CrontabSchedule.objects.create(minute="0", hour=str(hour), timezone="UTC")
        PeriodicTask.objects.create(name=f"at {hour}", task="somebody.elses", crontab=crontab)
    beat = LedgerScheduler(app=current_app, lazy=False)
    assert len([name for name in beat.schedule if name.startswith("at ")]) == 24


def test_a_tick_fires_what_is_due_and_says_when_to_come_again(beat: LedgerScheduler) -> None:
    job = a_job(cron_expression="0 3 * * *")
    fell_due(job, minutes_ago(1440))
    seconds = beat.tick()
    assert len(rows_of(job)) == 1
    assert 0 < seconds <= beat.max_interval


def test_a_tick_comes_sooner_when_a_due_time_does(beat: LedgerScheduler) -> None:
    job = a_job()
    ScheduledJob.objects.filter(pk=job.pk).update(next_execution_at=minutes_ago(-0.5 / 60))
    assert beat.tick() <= 0.5


def test_the_beat_does_not_spin_on_a_job_that_it_cannot_fire(beat: LedgerScheduler) -> None:
    job = a_job()
    fell_due(job, minutes_ago(600_000))
    ScheduledJob.objects.filter(pk=job.pk).update(time_zone="Atlantis/Capital")
    assert beat.tick() >= 0.5
    assert rows_of(job) == []


def test_each_batch_of_a_beat_that_catches_up_is_a_sign_of_its_life(beat: LedgerScheduler) -> None:
    """A turn that took minutes was given as one: it counted as stuck, was killed, and began again."""
    beat.tick()
    sign = signs._signs["beat"]
    before, sign.holds_until = sign.holds_until, 0.0
    with transaction.atomic():
        beat.lease.renew()
    assert sign.holds_until >= before
    assert sign.said.startswith("leads, term ")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE executions_beatlease SET term = term + 1")
    sign.holds_until = 0.0
    with pytest.raises(Deposed), transaction.atomic():
        beat.lease.renew()
    assert sign.holds_until == 0.0, "who was deposed has done nothing"


def test_a_vanished_type_does_not_end_the_beat(beat: LedgerScheduler) -> None:
    job, other = a_job("vanished", cron_expression="0 3 * * *"), a_job("other", cron_expression="0 3 * * *")
    for each in (job, other):
        fell_due(each, minutes_ago(1440))
    ScheduledJob.objects.filter(pk=job.pk).update(job_type="VanishedJob")
    beat.tick()
    assert [row.rings for row in rows_of(job) + rows_of(other)] == [1, 1]


def test_a_database_that_is_away_does_not_end_a_tick_and_the_next_one_fires(beat: LedgerScheduler) -> None:
    job = a_job(cron_expression="0 3 * * *")
    fell_due(job, minutes_ago(1440))
    settings, connection.settings_dict = connection.settings_dict, {**connection.settings_dict, "PORT": "1"}
    connection.close()
    try:
        assert beat.tick() == beat.max_interval
    finally:
        connection.close()
        connection.settings_dict = settings
    assert not JobExecution.objects.exists()
    beat.tick()
    assert len(rows_of(job)) == 1


def test_a_tick_whose_connection_was_cut_is_made_up_by_the_next(beat: LedgerScheduler) -> None:
    job = a_job(cron_expression="0 3 * * *")
    fell_due(job, minutes_ago(1440))
    other = connection.copy()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        [pid] = cursor.fetchone()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    other.close()
    beat.tick()
    beat.tick()
    assert len(rows_of(job)) == 1


# --- Somebody else's periodic tasks ----------------------------------------------------------------------------------
def due_task(beat: LedgerScheduler) -> PeriodicTask:
    task = somebody_elses()
    PeriodicTask.objects.filter(pk=task.pk).update(last_run_at=minutes_ago(120))
    task.refresh_from_db()
    beat._forget()  # it was read before
    return task


def last_run(task: PeriodicTask) -> Any:
    return PeriodicTask.objects.values_list("last_run_at", flat=True).get(pk=task.pk)


def another_beat_leads(beat: LedgerScheduler) -> Lease:
    beat.lease.release()
    other = Lease()
    assert other.hold()
    return other


def test_a_periodic_task_is_sent_once_and_that_is_written_at_once(beat: LedgerScheduler) -> None:
    task = due_task(beat)
    beat.tick(), beat.tick(), beat.tick()
    assert bell.held_by_broker("default") == 1
    assert last_run(task) > minutes_ago(1)
    again = LedgerScheduler(app=current_app, lazy=False)  # as after a kill: nothing of it was only in memory
    beat.lease.release()
    again.tick(), again.tick()
    assert bell.held_by_broker("default") == 1


def test_a_periodic_task_that_the_broker_does_not_take_stays_due_and_holds_up_no_job(
    beat: LedgerScheduler, broker_at: Callable[[str], None]
) -> None:
    task, job, there = due_task(beat), a_job(cron_expression="0 3 * * *"), current_app.conf.broker_url
    fell_due(job, minutes_ago(1440))
    broker_at("redis://127.0.0.1:1/0")
    beat.tick(), beat.tick()
    assert len(rows_of(job)) == 1
    assert last_run(task) == task.last_run_at
    broker_at(there)
    beat.tick()
    assert last_run(task) > minutes_ago(1)
    assert bell.held_by_broker("default") >= 1


def test_a_deposed_beat_sends_no_periodic_task_and_writes_nothing_of_them(beat: LedgerScheduler) -> None:
    task = due_task(beat)
    assert beat.lease.hold()
    entry = beat.schedule["theirs"]
    beat._dirty.add("theirs")
    another_beat_leads(beat)
    with pytest.raises(Deposed):
        beat.apply_entry(beat.reserve(entry), producer=beat.producer)
    beat.tick()
    beat.sync()
    assert bell.held_by_broker("default") == 0
    assert last_run(task) == task.last_run_at


class DatabaseComesBack(logging.Handler):
    """When beat has said for the second time that it is away."""

    def __init__(self, there: dict[str, Any]) -> None:
        super().__init__()
        self.there, self.times = there, 0

    def emit(self, record: logging.LogRecord) -> None:
        if "database is away" in record.getMessage():
            self.times += 1
        if self.times == 2:
            connection.settings_dict = self.there


def test_a_beat_that_starts_while_the_database_is_away_waits_for_it(broker: Any) -> None:
    """It ended, and whoever restarted it waited longer and longer."""
    somebody_elses()
    there, connection.settings_dict = connection.settings_dict, {**connection.settings_dict, "PORT": "1"}
    back, logger = DatabaseComesBack(there), logging.getLogger("executions.beat")
    logger.addHandler(back)
    connection.close()
    try:
        beat = LedgerScheduler(app=current_app, lazy=False, max_interval=0.1)
    finally:
        logger.removeHandler(back)
        connection.settings_dict = there
    assert back.times == 2
    assert "theirs" in beat.schedule
