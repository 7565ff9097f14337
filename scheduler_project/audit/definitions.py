"""The records of what became of jobs, made from their revisions: who changed what, from what to what."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.dispatch import receiver

from jobs.deeds import Deed
from jobs.enums import JobStatus
from jobs.models import ScheduleRevision
from jobs.signals import revised
from scheduler_project.audit.recording import record

ASKED_AT_ONCE = 1_000
DELETED = "Deleted"
# By the status that a revision brings; what else it changes stands beside it.
ACTIONS: Mapping[str, str] = {
    JobStatus.ENABLED: "JobEnabled", JobStatus.DISABLED: "JobDisabled", JobStatus.PAUSED: "JobPaused",
    DELETED: "JobDeleted",
}  # fmt: skip


@receiver(revised)
def record_revisions(revisions: Sequence[ScheduleRevision], **_kwargs: Any) -> None:
    earlier = _before(revisions)
    record([_deed(new, earlier.get(new.job_id)) for new in revisions])


def _before(revisions: Sequence[ScheduleRevision]) -> dict[UUID, ScheduleRevision]:
    """By the job, the revision before; a job that is new has none."""
    changed = [(each.job_id, each.id) for each in revisions if each.version > 1]
    found: dict[UUID, ScheduleRevision] = {}
    for begin in range(0, len(changed), ASKED_AT_ONCE):
        jobs, new = zip(*changed[begin : begin + ASKED_AT_ONCE], strict=True)
        older = ScheduleRevision.objects.filter(job_id__in=jobs).exclude(id__in=new)
        found |= {each.job_id: each for each in _newest(older)}
    return found


def _newest(revisions: Any) -> Iterable[ScheduleRevision]:
    newest: Iterable[ScheduleRevision] = revisions.order_by("job_id", "-version").distinct("job_id")
    return newest


def _deed(new: ScheduleRevision, old: ScheduleRevision | None) -> Deed:
    return Deed(
        _action(new.status, old.status if old else None), "Job", new.job_id, new.definition["name"],
        before=_fields(old) if old else None, after=_fields(new), by=new.changed_by_user_id, at=new.effective_from,
    )  # fmt: skip


def _action(status: str, before: str | None) -> str:
    if before is None:
        return "JobCreated"
    if status == before:
        return "JobChanged"
    if status == JobStatus.ENABLED and before == JobStatus.PAUSED:
        return "JobResumed"
    return ACTIONS[status]


def _fields(revision: ScheduleRevision) -> dict[str, Any]:
    return {**revision.definition, "status": revision.status}
