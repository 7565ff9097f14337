"""A job's revisions as its page shows them: who changed what, from when."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from jobs import cron
from jobs.admin.display import NOTHING, people, zone_of
from jobs.enums import JobStatus
from jobs.models import ScheduledJob, ScheduleRevision

MOST_SHOWN = 20
STATUSES: dict[str, Any] = {**dict(JobStatus.choices), "Deleted": gettext_lazy("Deleted")}


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
    status: Any  # in words
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
            version=new.version, effective_from=new.effective_from, status=STATUSES.get(new.status, new.status),
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
    zone = str(after.get("time_zone") or cron.DEFAULT_TIME_ZONE)
    return [
        Change(_label(name), _text(name, before.get(name), zone), _text(name, after.get(name), zone))
        for name in names
        if before.get(name) != after.get(name)
    ]


def _field(name: str) -> Any:
    """None: the definition of an older version had it."""
    try:
        return ScheduledJob._meta.get_field(name)
    except FieldDoesNotExist:
        return None


def _label(name: str) -> str:
    return str(getattr(_field(name), "verbose_name", name))


def _text(name: str, value: Any, zone: str) -> str:
    """As people read it: a choice by its label, an instant on the job's clock, addresses in line, else JSON."""
    if value in (None, "", []):
        return NOTHING
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    field = _field(name)
    if isinstance(value, str):
        if isinstance(field, models.DateTimeField) and (at := parse_datetime(value)):
            return f"{date_format(at.astimezone(zone_of(zone)), 'Y-m-d H:i')} ({zone})"
        return str(dict(getattr(field, "flatchoices", ())).get(value, value))
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return ", ".join(value)
    return json.dumps(value, ensure_ascii=False, indent=2 if isinstance(value, dict) else None)
