"""A file against what is stored: what would be created, changed and removed, and what was edited elsewhere meanwhile.

Three states of each field count: as the last apply left it, as it is now, and as the file wants it. What differs from
the first and from the third is an edit made elsewhere, and is overwritten only for who says so.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.db.models import F, Q
from django.utils.translation import gettext as _

from jobs.as_code.applied import AppliedRevision
from jobs.as_code.definitions import ALWAYS_OWNED, Definition
from jobs.enums import JobStatus
from jobs.models import ScheduledJob, ScheduleRevision

DESCRIPTION_MAX_LENGTH = 1000


class Action(StrEnum):
    CREATE = "create"
    CHANGE = "change"
    REMOVE = "remove"  # disabled with a note: its definition and history stay
    UNCHANGED = "unchanged"
    REFUSED = "refused"  # edited elsewhere, and nobody said what is to become of that
    KEPT = "kept"  # edited elsewhere, and left so as asked


class Origin(StrEnum):
    """Where what would be overwritten comes from."""

    EDITED = "edited"  # since the last apply
    DELETED = "deleted"  # since the last apply
    NOT_APPLIED = "notApplied"  # the job was never applied from a file
    OTHER_SET = "otherSet"  # it stands in the file of another set


@dataclass(frozen=True)
class Choices:
    """What is to become of jobs that were edited elsewhere; without a choice, `apply` refuses."""

    take_over: frozenset[str] = frozenset()  # the keys of those to overwrite
    take_over_all: bool = False
    keep_edits: bool = False  # leave the others as they are, and apply the rest

    def takes_over(self, key: str) -> bool:
        return self.take_over_all or key in self.take_over


@dataclass(frozen=True)
class Change:
    """A field of DEFINITION_FIELDS, its values as JSON holds them."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True)
class Drift:
    """What was made of a job elsewhere. `changes`: as the last apply left it, and as it is now."""

    origin: Origin
    changes: tuple[Change, ...] = ()
    by: uuid.UUID | None = None  # who made the job what it is now
    at: datetime | None = None
    set_name: str = ""  # of the other set


@dataclass(frozen=True)
class Item:
    """One job and what becomes of it."""

    key: str
    action: Action
    definition: Definition | None = None  # None: the file has it no more
    job: ScheduledJob | None = None  # as it is stored; None: it is not there
    changes: tuple[Change, ...] = ()
    drift: Drift | None = None
    is_recorded: bool = False  # whether the record of the last apply is right as it is

    @property
    def name(self) -> str:
        return self.definition.job.name if self.definition else self.stored.name

    @property
    def wanted(self) -> Definition:
        """Raises LookupError where the file has the job no more."""
        if self.definition is None:
            raise LookupError(self.key)
        return self.definition

    @property
    def stored(self) -> ScheduledJob:
        """Raises LookupError where the job is not there."""
        if self.job is None:
            raise LookupError(self.key)
        return self.job


@dataclass(frozen=True)
class Plan:
    set_name: str
    at: datetime  # the database's time
    items: tuple[Item, ...] = field(default=())

    def of(self, *actions: Action) -> list[Item]:
        return [item for item in self.items if item.action in actions]

    @property
    def is_refused(self) -> bool:
        return any(item.action == Action.REFUSED for item in self.items)

    @property
    def has_changes(self) -> bool:
        """Whether there is anything to do or to decide."""
        return any(item.action not in (Action.UNCHANGED, Action.KEPT) for item in self.items)


def make_plan(
    set_name: str, definitions: Iterable[Definition], *, choices: Choices, now: datetime, lock: bool = False
) -> Plan:
    """The plan, in the file's order, then what is to be removed. `lock`: nobody changes its jobs until the commit."""
    stored = _Stored(set_name, [definition.key for definition in definitions], lock=lock)
    items = [_wanted(definition, stored) for definition in definitions]
    items += [_unwanted(job, stored, now) for job in stored.left_out]
    return Plan(set_name, now, tuple(_decided(item, choices) for item in items))


class _Stored:
    """What is stored of the jobs that a plan is about, from a fixed number of queries."""

    def __init__(self, set_name: str, keys: list[str], *, lock: bool) -> None:
        self.set_name = set_name
        in_set = AppliedRevision.objects.filter(set_name=set_name, removed_at=None)
        left = set(in_set.filter(job__deleted_at=None).values_list("job_id", flat=True))
        # In the order of their ids: two applies never wait for each other.
        chosen = ScheduledJob.objects.live().filter(Q(key__in=keys) | Q(id__in=left)).order_by("id")
        live = list(chosen.select_for_update(no_key=True) if lock else chosen)
        named = set(keys)
        self.jobs = {job.key: job for job in live if job.key in named}
        self.left_out = sorted((job for job in live if job.key not in named), key=lambda job: job.key)
        self.records = {record.job_id: record for record in AppliedRevision.objects.filter(job__in=live)}
        self.deleted = set(in_set.exclude(job__deleted_at=None).values_list("job__key", flat=True))
        behind = ScheduleRevision.objects.filter(job__applied__version__lt=F("job__version"), job__in=live)
        self.bases = {each.job_id: each for each in behind.filter(version=F("job__applied__version"))}
        self.newest = {each.job_id: each for each in behind.filter(version=F("job__version"))}

    def drift(self, job: ScheduledJob, owned: Iterable[str], wanted: dict[str, Any] | None) -> Drift | None:
        """What was made of these fields elsewhere and is not what the file wants; `wanted` None: it wants nothing."""
        record = self.records.get(job.id)
        if record is None or (record.set_name != self.set_name and wanted is not None):
            origin = Origin.NOT_APPLIED if record is None else Origin.OTHER_SET
            return Drift(origin, set_name=record.set_name if record else "")
        if job.version == record.version:
            return None
        now, newest = job.definition, self.newest.get(job.id)
        base = self.bases[job.id].definition if job.id in self.bases else {}
        edited = tuple(
            Change(name, base.get(name), now[name])
            for name in owned
            if base.get(name) != now[name] and (wanted is None or _differ(wanted[name], now[name]))
        )
        who, since = (newest.changed_by_user_id, newest.effective_from) if newest else (None, None)
        return Drift(Origin.EDITED, edited, who, since) if edited else None


def _wanted(definition: Definition, stored: _Stored) -> Item:
    job = stored.jobs.get(definition.key)
    if job is None:
        drift = Drift(Origin.DELETED) if definition.key in stored.deleted else None
        return Item(definition.key, Action.CREATE, definition, drift=drift)
    record = stored.records.get(job.id)
    if record and record.removed_at:
        definition = replace(definition, names_status=True)  # back in the file, so back on the schedule
    now, wanted = job.definition, definition.job.definition
    changes = tuple(
        Change(name, now[name], wanted[name]) for name in definition.owned if _differ(now[name], wanted[name])
    )
    drift = stored.drift(job, definition.owned, wanted) if changes else None
    return Item(
        definition.key, Action.CHANGE if changes else Action.UNCHANGED, definition, job, changes, drift,
        is_recorded=record is not None
        and (record.set_name, record.version, record.removed_at) == (stored.set_name, job.version, None),
    )  # fmt: skip


def _differ(value: Any, other: Any) -> bool:
    """Spaces around a text are no difference: the API, which reads the file's fields, takes them away."""
    if isinstance(value, str) and isinstance(other, str):
        return value.strip() != other.strip()
    return bool(value != other)


def _unwanted(job: ScheduledJob, stored: _Stored, now: datetime) -> Item:
    note = _("No longer in the set “%(set)s” since %(day)s: disabled.")
    note %= {"set": stored.set_name, "day": f"{now:%Y-%m-%d}"}
    wanted = {"status": JobStatus.DISABLED.value, "description": _noted(job.description, note)}
    before = job.definition
    changes = tuple(Change(name, before[name], after) for name, after in wanted.items() if before[name] != after)
    return Item(job.key, Action.REMOVE, None, job, changes, stored.drift(job, ALWAYS_OWNED, None))


def _noted(description: str, note: str) -> str:
    """The note below the description, which is cut short rather than the note."""
    room = DESCRIPTION_MAX_LENGTH - len(note) - 1
    kept = description if len(description) <= room else f"{description[: room - 1]}…"
    return f"{kept}\n{note}" if kept else note


def _decided(item: Item, choices: Choices) -> Item:
    if item.drift is None or choices.takes_over(item.key):
        return item
    return replace(item, action=Action.KEPT if choices.keep_edits else Action.REFUSED)
