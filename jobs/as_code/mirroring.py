"""The bulk form of `jobs.periodic.mirror`: the CrontabSchedules and PeriodicTasks of many jobs in a few statements."""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from django_celery_beat.models import CrontabSchedule, PeriodicTask, PeriodicTasks

from jobs import cron, periodic
from jobs.enums import JobStatus
from jobs.models import ScheduledJob

ROWS_PER_STATEMENT = 1_000
CRONTAB_FIELDS = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week", "timezone")
Identity: TypeAlias = tuple[str, ...]  # the values of CRONTAB_FIELDS


def mirror_all(jobs: Sequence[ScheduledJob]) -> None:
    """Write the rows of these jobs, whose schedules can be read and whose names no task of somebody else's has."""
    if not jobs:
        return
    identities = {job.key: _identity(job) for job in jobs if _has_schedule(job)}
    crontabs = _crontabs(identities.values())
    rows = [
        PeriodicTask(
            name=job.key,
            task=periodic.BELL_TASK,
            crontab=crontabs[identities[job.key]],
            enabled=job.status != JobStatus.DISABLED,
            expire_seconds=periodic.BELL_EXPIRES_SECONDS,
            description=periodic.MARK,
        )
        for job in jobs
        if job.key in identities
    ]
    PeriodicTask.objects.bulk_create(
        rows, batch_size=ROWS_PER_STATEMENT, update_conflicts=True, unique_fields=["name"],
        update_fields=[
            "task", "crontab", "interval", "solar", "clocked", "one_off", "enabled", "expire_seconds", "description",
        ],
    )  # fmt: skip
    # A job whose schedule cannot be read any more keeps its row, and may still be taken off the schedule.
    unreadable = [job.key for job in jobs if job.key not in identities and job.status == JobStatus.DISABLED]
    periodic.mirrored().filter(name__in=unreadable).update(enabled=False)
    PeriodicTasks.update_changed()


def _has_schedule(job: ScheduledJob) -> bool:
    try:
        return bool(job.schedule)
    except cron.CronError:
        return False


def _identity(job: ScheduledJob) -> Identity:
    return (*job.schedule.crontab_superset(), job.time_zone)


def _crontabs(identities: Iterable[Identity]) -> dict[Identity, CrontabSchedule]:
    wanted = set(identities)
    zones = {identity[-1] for identity in wanted}
    found = {_identity_of(row): row for row in CrontabSchedule.objects.filter(timezone__in=zones).order_by("-id")}
    missing = [
        CrontabSchedule(**dict(zip(CRONTAB_FIELDS, identity, strict=True))) for identity in sorted(wanted - set(found))
    ]
    for row in CrontabSchedule.objects.bulk_create(missing, batch_size=ROWS_PER_STATEMENT):
        found[_identity_of(row)] = row
    return found


def _identity_of(row: CrontabSchedule) -> Identity:
    return tuple(str(getattr(row, name)) for name in CRONTAB_FIELDS)
