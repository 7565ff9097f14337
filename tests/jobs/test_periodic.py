"""The mirror in django-celery-beat: written with the job, never read, and mended when somebody edited it."""

from collections.abc import Callable
from io import StringIO

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import transaction
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask, PeriodicTasks

from jobs import periodic
from jobs.checks import mirror_agrees
from jobs.models import ScheduledJob
from tests.factories import SOMEBODY, a_job

pytestmark = pytest.mark.django_db


def mirror_of(job: ScheduledJob) -> PeriodicTask:
    return PeriodicTask.objects.get(name=job.key)


def drift() -> list[str]:
    return periodic.drift(ScheduledJob.objects.live())


def rebuild() -> None:
    periodic.rebuild(ScheduledJob.objects.live())


def test_a_job_has_a_periodic_task_of_its_key_that_rings_the_bell() -> None:
    job = a_job("Backup Database", cron_expression="0 2 * * 1-5", time_zone="Europe/Dublin")
    row = mirror_of(job)
    assert (row.name, row.task, row.enabled) == ("backup-database", periodic.BELL_TASK, True)
    assert (row.crontab.minute, row.crontab.hour, row.crontab.day_of_week) == ("0", "2", "1-5")
    assert str(row.crontab.timezone) == "Europe/Dublin"
    assert row.expire_seconds == periodic.BELL_EXPIRES_SECONDS


@pytest.mark.parametrize(
    "expression", ["0 3 L * *", "0 3 15W * *", "0 3 * * 5#3", "0 3 * * 7", "@daily", "*/7 22-2 * * *"]
)
def test_an_expression_that_a_crontab_cannot_say_is_mirrored_by_one_that_celery_can_read(expression: str) -> None:
    crontab = mirror_of(a_job(cron_expression=expression)).crontab
    assert crontab.schedule is not None
    crontab.full_clean()


def test_a_changed_job_changes_its_mirror_and_tells_a_stock_beat() -> None:
    job = a_job(cron_expression="0 3 * * *")
    before = PeriodicTasks.last_change()
    job.redefine(by=SOMEBODY, cron_expression="30 4 * * *")
    assert (mirror_of(job).crontab.minute, mirror_of(job).crontab.hour) == ("30", "4")
    assert PeriodicTasks.last_change() > before


def test_a_disabled_job_has_a_disabled_mirror_and_a_paused_one_keeps_its_rhythm() -> None:
    job = a_job().pause(by=SOMEBODY)
    assert mirror_of(job).enabled
    job.disable(by=SOMEBODY)
    assert not mirror_of(job).enabled
    job.enable(by=SOMEBODY)
    assert mirror_of(job).enabled


def test_jobs_of_one_schedule_share_one_crontab_row() -> None:
    one, two = a_job("one"), a_job("two")
    assert mirror_of(one).crontab == mirror_of(two).crontab


def test_a_change_that_is_undone_leaves_the_mirror_as_it_was() -> None:
    job = a_job(cron_expression="0 3 * * *")
    with pytest.raises(RuntimeError), transaction.atomic():
        job.redefine(by=SOMEBODY, cron_expression="30 4 * * *")
        raise RuntimeError
    assert mirror_of(job).crontab.hour == "3"


def test_a_deleted_job_has_no_mirror() -> None:
    job = a_job()
    job.retire(by=SOMEBODY)
    assert not PeriodicTask.objects.exists()


def test_a_fresh_mirror_agrees_and_a_second_rebuild_changes_nothing() -> None:
    a_job("one"), a_job("two", cron_expression="0 3 L * *"), a_job("three", status="Disabled")
    rebuild()
    assert drift() == []
    before = list(PeriodicTask.objects.order_by("name").values("id", "name", "crontab", "interval", "enabled"))
    rebuild()
    assert list(PeriodicTask.objects.order_by("name").values("id", "name", "crontab", "interval", "enabled")) == before


EDITS: dict[str, Callable[[PeriodicTask], object]] = {
    "disabled": lambda row: PeriodicTask.objects.filter(pk=row.pk).update(enabled=False),
    "renamed": lambda row: PeriodicTask.objects.filter(pk=row.pk).update(name="renamed"),
    "deleted": lambda row: row.delete(),
    "another task": lambda row: PeriodicTask.objects.filter(pk=row.pk).update(task="somebody.elses"),
    "one-off": lambda row: PeriodicTask.objects.filter(pk=row.pk).update(one_off=True),
    "described": lambda row: PeriodicTask.objects.filter(pk=row.pk).update(description="mine now"),
    "another crontab": lambda row: PeriodicTask.objects.filter(pk=row.pk).update(
        crontab=CrontabSchedule.objects.create(minute="59", timezone="UTC")
    ),
    "its crontab edited": lambda row: CrontabSchedule.objects.filter(pk=row.crontab_id).update(minute="59"),
    "on an interval": lambda row: PeriodicTask.objects.filter(pk=row.pk).update(
        crontab=None, interval=IntervalSchedule.objects.create(every=1, period="days")
    ),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS.keys())
def test_an_edit_made_elsewhere_is_found_and_mended(edit: Callable[[PeriodicTask], object]) -> None:
    job = a_job(cron_expression="0 3 * * *")
    rebuild()
    edit(mirror_of(job))
    assert any(job.key in difference for difference in drift())
    [warning, *_more] = mirror_agrees(None, databases=["default"])
    assert "rebuild_periodic_tasks" in warning.hint
    said = StringIO()
    call_command("rebuild_periodic_tasks", stdout=said)
    assert "1 jobs mirrored" in said.getvalue() and job.key in said.getvalue()
    assert drift() == []
    assert mirror_agrees(None, databases=["default"]) == []
    row = mirror_of(job)
    assert (row.task, row.enabled, row.crontab.hour) == (periodic.BELL_TASK, True, "3")


@pytest.mark.parametrize("edit", [{"enabled": False}, {"interval": None}, {"name": "tock"}, {"hours": True}])
def test_an_edited_tick_is_found_and_mended(edit: dict[str, object]) -> None:
    rebuild()
    tick = PeriodicTask.objects.get(name=periodic.TICK_NAME)
    if edit == {"hours": True}:
        edit = {"interval": IntervalSchedule.objects.create(every=periodic.TICK_SECONDS, period="hours")}
    elif edit == {"interval": None}:
        edit |= {"crontab": CrontabSchedule.objects.create(timezone="UTC")}
    PeriodicTask.objects.filter(pk=tick.pk).update(**edit)
    assert drift()
    rebuild()
    assert drift() == []
    tick = PeriodicTask.objects.get(name=periodic.TICK_NAME)
    assert (tick.enabled, tick.crontab, tick.interval.every, tick.interval.period) == (True, None, 5, "seconds")


def test_two_equal_intervals_left_by_somebody_do_not_stop_the_rebuild() -> None:
    for _ in range(2):
        IntervalSchedule.objects.create(every=periodic.TICK_SECONDS, period="seconds")
    rebuild()
    assert drift() == []


def test_a_mirror_without_a_job_is_found_and_removed() -> None:
    job = a_job()
    rebuild()
    ScheduledJob.objects.filter(pk=job.pk).update(deleted_at="2026-01-01T00:00Z", next_execution_at=None)
    assert drift() == ["job: a periodic task without a live job"]
    rebuild()
    assert PeriodicTask.objects.get().name == periodic.TICK_NAME


def test_somebody_elses_periodic_tasks_are_left_alone() -> None:
    row = PeriodicTask.objects.create(
        name="theirs", task="somebody.elses", interval=IntervalSchedule.objects.create(every=1, period="hours")
    )
    rebuild()
    row.refresh_from_db()
    assert row.task == "somebody.elses"
    assert drift() == []


def test_no_job_can_take_the_name_of_the_tick() -> None:
    rebuild()
    with pytest.raises(ValidationError), transaction.atomic():
        a_job("x", key=periodic.TICK_NAME)
    a_job("Scheduler tick")
    assert PeriodicTask.objects.get(name=periodic.TICK_NAME).interval is not None


def test_a_job_whose_stored_schedule_is_broken_is_named_and_stops_neither_check_nor_rebuild() -> None:
    job = a_job("broken")
    a_job("sound")
    ScheduledJob.objects.filter(pk=job.pk).update(time_zone="Atlantis/Capital")
    PeriodicTask.objects.filter(name="sound").delete()
    rebuild()
    [difference] = drift()
    assert difference.startswith("broken:")
