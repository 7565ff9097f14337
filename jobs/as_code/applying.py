"""Brings a plan about: the bulk forms of the jobs' verbs, the same steps in a few statements for thousands of jobs.

As each verb does: what is due is settled under the old definition, then job, revision and mirror are written, and the
change is announced, in one transaction.
"""

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import models
from django.db.models.functions import Cast

from jobs.as_code.applied import AppliedRevision
from jobs.as_code.mirroring import mirror_all
from jobs.as_code.planning import Action, Item, Plan
from jobs.deeds import Deed
from jobs.enums import JobStatus
from jobs.models import DEFINITION_FIELDS, SCHEDULE_FIELDS, ScheduledJob, ScheduleRevision
from jobs.signals import job_changed, job_changing, revised

ROWS_PER_STATEMENT = 1_000
WRITTEN_BY_CHANGE = [
    *DEFINITION_FIELDS, "paused_by_user_id", "next_execution_at", "version", "last_modified_at",
]  # fmt: skip


def bring_about(plan: Plan, *, by: uuid.UUID) -> None:
    """Write what the plan says. Call it in the transaction in which the plan was made with its jobs locked."""
    changed = [(_changed(item, by=by, now=plan.at), item) for item in plan.of(Action.CHANGE, Action.REMOVE)]
    _make_room_for_names(changed)
    _update([job for job, _item in changed])
    created = [_created(item, now=plan.at) for item in plan.of(Action.CREATE)]
    ScheduledJob.objects.bulk_create(created, batch_size=ROWS_PER_STATEMENT)
    jobs = [*(job for job, _item in changed), *created]
    revisions = [job.revision(by=by, now=plan.at) for job in jobs]
    ScheduleRevision.objects.bulk_create(revisions, batch_size=ROWS_PER_STATEMENT)
    revised.send(ScheduleRevision, revisions=revisions)
    mirror_all(jobs)
    for job, item in changed:
        fields = frozenset(change.field for change in item.changes)
        job_changed.send(ScheduledJob, job=job, changed=fields, now=plan.at)
    for job in created:
        job_changed.send(ScheduledJob, job=job, changed=frozenset(DEFINITION_FIELDS), now=plan.at)
    found_right = [item.job for item in plan.of(Action.UNCHANGED) if item.job and not item.is_recorded]
    _record(plan, [*jobs, *found_right], removed={item.key for item in plan.of(Action.REMOVE)})
    if jobs:
        _told(plan, by=by).tell()


def _told(plan: Plan, *, by: uuid.UUID) -> Deed:
    """The applying itself, beside what it did to each job."""
    counts = {f"{action}d": len(plan.of(action)) for action in (Action.CREATE, Action.CHANGE, Action.REMOVE)}
    return Deed("SchedulesApplied", "Schedule", plan.set_name, plan.set_name, after=counts, by=by, at=plan.at)


def _created(item: Item, *, now: datetime) -> ScheduledJob:
    job = item.wanted.job
    job.created_at = now
    job._settle_into_schedule(now)
    return job


def _changed(item: Item, *, by: uuid.UUID, now: datetime) -> ScheduledJob:
    """The stored job as it is to be, with what was due settled."""
    job = item.stored
    fields = {change.field for change in item.changes}
    job_changing.send(ScheduledJob, job=job, now=now)
    settled_until = job._settled_until(now)
    for name in fields:
        setattr(job, name, _value(item, name))
    if "status" in fields and job.status == JobStatus.PAUSED:
        job.paused_by_user_id = by
    job._check_pause()
    if fields & SCHEDULE_FIELDS:
        job._settle_into_schedule(settled_until)
    job.version += 1
    job.last_modified_at = now
    return job


def _value(item: Item, name: str) -> object:
    if item.definition is not None:
        return getattr(item.definition.job, name)
    return next(change.after for change in item.changes if change.field == name)


def _make_room_for_names(changed: Iterable[tuple[ScheduledJob, Item]]) -> None:
    """Names may change places among the jobs, and the index that keeps them unique looks at each row for itself."""
    renamed = [job.id for job, item in changed if any(change.field == "name" for change in item.changes)]
    if renamed:
        its_id = Cast("id", models.CharField(max_length=200))
        ScheduledJob.objects.filter(id__in=renamed).update(name=its_id)


def _update(jobs: Sequence[ScheduledJob]) -> None:
    """An upsert of rows that are all there: `bulk_update` would build a CASE of each field and row."""
    ScheduledJob.objects.bulk_create(
        jobs, batch_size=ROWS_PER_STATEMENT, update_conflicts=True, unique_fields=["id"],
        update_fields=WRITTEN_BY_CHANGE,
    )  # fmt: skip


def _record(plan: Plan, jobs: Iterable[ScheduledJob], *, removed: set[str]) -> None:
    records = [
        AppliedRevision(
            job=job, set_name=plan.set_name, version=job.version, removed_at=plan.at if job.key in removed else None
        )
        for job in jobs
    ]
    AppliedRevision.objects.bulk_create(
        records, batch_size=ROWS_PER_STATEMENT, update_conflicts=True, unique_fields=["job"],
        update_fields=["set_name", "version", "removed_at"],
    )  # fmt: skip
