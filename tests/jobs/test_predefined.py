"""The predefined jobs are installed once, and what an operator does to them stays."""

import pytest
from django.core.management import call_command
from django_celery_beat.models import PeriodicTask

from jobs import cron, periodic, predefined, registry
from jobs.enums import JobStatus, MisfirePolicy
from jobs.models import SYSTEM_USER_ID, ScheduledJob
from tests.factories import SOMEBODY, a_job

pytestmark = pytest.mark.django_db


def health_check() -> ScheduledJob:
    return ScheduledJob.objects.get(key="health-check-monitoring")


def test_the_first_start_installs_every_line() -> None:
    created = predefined.install()
    assert [job.name for job in created] == [line.name for line in predefined.SCHEDULE]
    job = health_check()
    assert (job.name, job.cron_expression, job.time_zone) == (
        "Health Check Monitoring", "*/5 * * * *", "America/Santo_Domingo",
    )  # fmt: skip
    assert (job.misfire_policy, job.max_retries, job.notify_on_failure) == (MisfirePolicy.SKIP, 0, True)
    assert job.created_by_user_id == SYSTEM_USER_ID
    assert PeriodicTask.objects.filter(name="health-check-monitoring").exists()
    assert periodic.drift(ScheduledJob.objects.live()) == []


def test_every_line_names_a_registered_type_a_valid_schedule_and_a_key_of_its_own() -> None:
    for line in predefined.SCHEDULE:
        assert registry.get(line.job_type)
        assert cron.parse(line.cron_expression)
    assert len({line.key for line in predefined.SCHEDULE}) == len(predefined.SCHEDULE)


def test_a_second_start_changes_nothing() -> None:
    predefined.install()
    version = health_check().version
    assert predefined.install() == []
    assert health_check().version == version


def test_what_an_operator_changed_stays() -> None:
    predefined.install()
    job = health_check().redefine(
        by=SOMEBODY, name="Ours", cron_expression="0 * * * *", job_type="NoOpJob", parameters=None
    )
    job.disable(by=SOMEBODY)
    assert predefined.install() == []
    job = health_check()
    assert (job.name, job.cron_expression, job.job_type, job.status) == (
        "Ours", "0 * * * *", "NoOpJob", JobStatus.DISABLED,
    )  # fmt: skip
    assert ScheduledJob.objects.count() == len(predefined.SCHEDULE)


def test_what_an_operator_deleted_stays_deleted() -> None:
    predefined.install()
    health_check().retire(by=SOMEBODY)
    assert predefined.install() == []
    assert not ScheduledJob.objects.live().filter(key="health-check-monitoring").exists()


def test_a_name_that_somebody_elses_job_has_already_does_not_stop_the_start() -> None:
    a_job("Health Check Monitoring")
    assert "Health Check Monitoring" not in [job.name for job in predefined.install()]


def test_migrating_installs_them_unless_the_setting_says_no(settings: object) -> None:
    settings.SCHEDULER_INSTALL_PREDEFINED_JOBS = False  # type: ignore[attr-defined]
    call_command("migrate", verbosity=0)
    assert not ScheduledJob.objects.exists()
    settings.SCHEDULER_INSTALL_PREDEFINED_JOBS = True  # type: ignore[attr-defined]
    call_command("migrate", verbosity=0)
    assert health_check()
