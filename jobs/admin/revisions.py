"""A job's revisions as its page shows them: who changed what, from when."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from django.core.exceptions import FieldDoesNotExist

from jobs.admin.display import NOTHING, people
from jobs.models import ScheduledJob, ScheduleRevision

MOST_SHOWN = 20


@dataclass(frozen=True)
class Change:
    """One field's value before and after, as text."""

    label: str
    before: str
    after: str


@dataclass(frozen=True)
class RevisionLine:
    """One revision; `changes` is None for the first of all, which made the job."""

    version: int
    effective_from: datetime
    status: str
    who: str
    changes: list[Change] | None


def lines(job: ScheduledJob) -> list[RevisionLine]:
    """The newest revisions, newest first, each compared with the one before it."""
    found: list[ScheduleRevision | None] = list(job.revisions.order_by("-version")[: MOST_SHOWN + 1])
    if len(found) <= MOST_SHOWN:
        found.append(None)
    names = people(each.changed_by_user_id for each in found if each)
    return [
        RevisionLine(
            version=new.version, effective_from=new.effective_from, status=new.status,
            who=names[new.changed_by_user_id],
            changes=differences(old.definition, new.definition) if old else None,
        )
        for new, old in pairwise(found) if new
    ]  # fmt: skip


def since(job: ScheduledJob, version: int) -> tuple[list[Change], str]:
    """What changed since that version, and the name of who changed it last."""
    newest = job.revisions.order_by("-version").first()
    seen = job.revisions.filter(version=version).first()
    if newest is None or seen is None:
        return [], NOTHING
    return differences(seen.definition, newest.definition), people([newest.changed_by_user_id])[
        newest.changed_by_user_id
    ]


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """The fields in which two definitions differ."""
    names = dict.fromkeys([*before, *after])
    return [
        Change(_label(name), _text(before.get(name)), _text(after.get(name)))
        for name in names
        if before.get(name) != after.get(name)
    ]


def _label(name: str) -> str:
    try:
        return str(getattr(ScheduledJob._meta.get_field(name), "verbose_name", name))
    except FieldDoesNotExist:
        return name


def _text(value: Any) -> str:
    if value in (None, "", []):
        return NOTHING
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
