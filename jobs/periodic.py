"""All that knows django-celery-beat's tables: each live job has a CrontabSchedule and a PeriodicTask of its key.

The mirror is one-way: it is written from the job in the job's own transaction, and what somebody edits in it counts for
nothing but a finding of `drift`. Its task is a bell ("fire what is due"), so a stock DatabaseScheduler that rings it
early, late or twice does no harm: what is due is decided by the job's `next_execution_at` alone.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask, PeriodicTasks

from jobs import cron
from jobs.enums import JobStatus

if TYPE_CHECKING:
    from jobs.models import ScheduledJob

BELL_TASK = "scheduler.fire_due"
TICK_NAME = "scheduler-tick"
TICK_SECONDS = 5
BELL_EXPIRES_SECONDS = 60
MARK = "Mirror of a scheduled job. Read-only: edit the job itself."


def mirror(job: "ScheduledJob") -> None:
    """Write the job's rows. Raises ValidationError on `key` when a task of somebody else's has that name."""
    found = PeriodicTask.objects.filter(name=job.key).first()
    if job.key == TICK_NAME or (found is not None and not _is_ours(found)):
        raise ValidationError(
            {"key": _("A periodic task named “%(key)s” exists already; choose another key.") % {"key": job.key}}
        )
    # A job whose schedule cannot be read any more keeps its row, and may still be taken off the schedule.
    wanted = _wanted(job) if _has_schedule(job) else {"enabled": job.status != JobStatus.DISABLED}
    # bulk_create and update, not save: the change of the schedule is announced once, below.
    if found is None:
        PeriodicTask.objects.bulk_create([PeriodicTask(name=job.key, **wanted)])
    else:
        PeriodicTask.objects.filter(pk=found.pk).update(**wanted)
    PeriodicTasks.update_changed()


def unmirror(job: "ScheduledJob") -> None:
    """Take the job's row away."""
    mirrored().filter(name=job.key).delete()
    PeriodicTasks.update_changed()


def mirrored() -> Any:
    """The PeriodicTasks that are ours: the mirrors and the tick. Also a mirror whose task somebody changed."""
    return PeriodicTask.objects.filter(Q(task=BELL_TASK) | Q(description=MARK))


def foreign_names(beginning: str) -> set[str]:
    """The names of this beginning that no job can have as its key: somebody else's tasks, and the tick's."""
    others = PeriodicTask.objects.filter(name__startswith=beginning).exclude(pk__in=mirrored().values("pk"))
    return {TICK_NAME, *others.values_list("name", flat=True)}


def drift(jobs: Iterable["ScheduledJob"]) -> list[str]:
    """One sentence for each difference between the live jobs and the mirror; empty when they agree."""
    rows = {row.name: row for row in mirrored().select_related("crontab", "interval")}
    found = []
    tick = rows.pop(TICK_NAME, None)
    if tick is None or not tick.enabled or not _is_every_tick(tick.interval):
        found.append(f"{TICK_NAME}: the row is missing or was changed")
    for job in jobs:
        row = rows.pop(job.key, None)
        if row is None:
            found.append(f"{job.key}: has no periodic task")
        elif not _has_schedule(job):
            found.append(f"{job.key}: the job's own schedule cannot be read; correct the job")
        elif changed := [name for name, value in _wanted(job).items() if getattr(row, name) != value]:
            found.append(f"{job.key}: {', '.join(changed)} differ from the job")
    return found + [f"{name}: a periodic task without a live job" for name in rows]


def rebuild(jobs: Iterable["ScheduledJob"]) -> None:
    """Make the mirror agree with the live jobs."""
    jobs = list(jobs)
    mirrored().exclude(name__in=[TICK_NAME, *(job.key for job in jobs)]).delete()
    every = {"every": TICK_SECONDS, "period": IntervalSchedule.SECONDS}
    tick = IntervalSchedule.objects.filter(**every).first() or IntervalSchedule.objects.create(**every)
    wanted = {
        "task": BELL_TASK, "interval": tick, "crontab": None, "enabled": True, "expire_seconds": TICK_SECONDS,
        "description": "Fires what is due when the stock DatabaseScheduler runs; our own beat does not need it.",
    }  # fmt: skip
    PeriodicTask.objects.update_or_create(name=TICK_NAME, defaults=wanted)
    for job in jobs:
        if _has_schedule(job):
            mirror(job)


def _has_schedule(job: "ScheduledJob") -> bool:
    try:
        return bool(job.schedule)
    except cron.CronError:
        return False


def _is_ours(row: PeriodicTask) -> bool:
    return bool(row.task == BELL_TASK or row.description == MARK)


def _is_every_tick(interval: IntervalSchedule | None) -> bool:
    return interval is not None and (interval.every, interval.period) == (TICK_SECONDS, IntervalSchedule.SECONDS)


def _wanted(job: "ScheduledJob") -> dict[str, Any]:
    return {
        "task": BELL_TASK,
        "crontab": _crontab(job),
        "interval": None,
        "solar": None,
        "clocked": None,
        "one_off": False,
        "enabled": job.status != JobStatus.DISABLED,
        "expire_seconds": BELL_EXPIRES_SECONDS,
        "description": MARK,
    }


def _crontab(job: "ScheduledJob") -> CrontabSchedule:
    """A superset of the job's expression, since a CrontabSchedule cannot say L, W, # or 7."""
    fields = cron.parse(job.cron_expression, job.time_zone).crontab_superset()._asdict()
    identity = {**fields, "timezone": job.time_zone}
    return CrontabSchedule.objects.filter(**identity).first() or CrontabSchedule.objects.create(**identity)
