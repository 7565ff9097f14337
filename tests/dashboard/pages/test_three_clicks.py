"""Who has never seen the overview finds within three clicks why last night's backup did not run."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from executions.models import JobExecution
from jobs import holds
from jobs.clock import database_now
from jobs.models import ScheduledJob, ScheduleRevision
from scheduler_project.identity.models import User
from tests.admin_pages import person, text
from tests.factories import a_job, fell_due, settle

pytestmark = pytest.mark.django_db
BACKUP = "Backup Database"


def last_night() -> datetime:
    """Some full hour that is well over, and less than a day ago."""
    return (database_now() - timedelta(hours=9)).replace(minute=0, second=0, microsecond=0)


@pytest.fixture
def operator() -> User:
    return person("operator")


@pytest.fixture
def backup() -> ScheduledJob:
    """It was due last night; the next due time is far away."""
    return a_job(BACKUP, cron_expression=f"0 {(last_night() - timedelta(hours=4)).hour} * * *")


def since(job: ScheduledJob, hours: float) -> None:
    """As if its last change had been made so long ago."""
    then = database_now() - timedelta(hours=hours)
    ScheduleRevision.objects.filter(job=job, version=job.revisions.latest("version").version).update(
        effective_from=then
    )
    ScheduleRevision.objects.filter(job=job, version=1).update(effective_from=then - timedelta(days=9))
    ScheduledJob.objects.filter(pk=job.pk).update(last_modified_at=then, created_at=then - timedelta(days=9))


def paused(job: ScheduledJob, by: User) -> str:
    job.pause(by=by.pk, reason="the disk is being replaced")
    since(job, 12)
    settle_last_night(job)
    return "the disk is being replaced"


def held(job: ScheduledJob, by: User) -> str:
    hold = holds.hold(by=by.pk, reason="the network is rebuilt")
    holds.ScheduleHold.objects.filter(pk=hold.pk).update(began_at=database_now() - timedelta(hours=12))
    for number in range(5):  # they stand before it in any list
        settle_last_night(a_job(f"Archive {number}", cron_expression=job.cron_expression))
    settle_last_night(job)
    return "the network is rebuilt"


def missed(job: ScheduledJob, by: User) -> str:
    job.redefine(by=by.pk, misfire_policy="Skip")
    since(job, 12)
    settle_last_night(job)
    return "past the grace of"


def cancelled(job: ScheduledJob, by: User) -> str:
    settle_last_night(job)
    job.disable(by=by.pk)
    assert JobExecution.objects.get(job=job).status == "Cancelled"
    return by.get_username()


def disabled(job: ScheduledJob, by: User) -> str:
    job.disable(by=by.pk)
    since(job, 12)
    return by.get_username()


def deleted(job: ScheduledJob, by: User) -> str:
    job.retire(by=by.pk)
    since(job, 12)
    ScheduledJob.objects.filter(pk=job.pk).update(deleted_at=database_now() - timedelta(hours=12))
    return by.get_username()


def settle_last_night(job: ScheduledJob) -> None:
    fell_due(job, last_night())
    settle(ScheduledJob.objects.get(pk=job.pk), database_now())


@pytest.mark.parametrize("happens", [paused, held, missed, cancelled, disabled, deleted])
def test_why_last_nights_backup_did_not_run_is_found_within_three_clicks(
    someone: Callable[[str], Client], backup: ScheduledJob, operator: User, happens: Callable[..., str]
) -> None:
    reason = happens(backup, operator)
    client = someone("viewer")
    page, clicks = client.get("/"), 0
    assert "All is well." not in text(page)
    while not answered(page, reason) and clicks < 3:
        page, clicks = client.get(link(page)), clicks + 1
    assert answered(page, reason), clicks


def answered(page: Any, reason: str) -> bool:
    """Whether the page explains that due time: by what decided."""
    _before, has_why, why = page.content.decode().partition('id="why"')
    return bool(has_why) and 'class="decisive"' in why and BACKUP in why and reason in why


def link(page: Any) -> str:
    """What somebody clicks who looks for the backup among what went wrong: the first link of its row, if it has one."""
    main = page.content.decode().partition('id="troubles"' if page.request["PATH_INFO"] == "/" else "<main")[2]
    rows = [row for row in re.findall(r"<tr>(.*?)</tr>", main, re.DOTALL) if "href" in row]
    row = next((row for row in rows if BACKUP in row), rows[0])
    return re.search(r'href="([^"]+)"', row)[1].replace("&amp;", "&").partition("#")[0]  # type: ignore[index]
