"""From the entries of a file to definitions, checked by the very rules of the API and the model, all faults at once."""

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from django.core.exceptions import ValidationError as ModelValidationError
from django.utils.translation import gettext as _
from pydantic.alias_generators import to_camel
from rest_framework.exceptions import ErrorDetail, ValidationError

from jobs import cron, periodic
from jobs.as_code.document import Entry
from jobs.as_code.faults import Fault, Mark
from jobs.enums import JobStatus
from jobs.models import DEFINITION_FIELDS, STATUS_FIELDS, ScheduledJob, key_of
from jobs.serializers import NewJobSerializer

# Whether a job is on is for people to say from hour to hour: a file that does not name it leaves it as it is.
OPERATED_FIELDS = tuple(name for name in DEFINITION_FIELDS if name in STATUS_FIELDS)
ALWAYS_OWNED = tuple(name for name in DEFINITION_FIELDS if name not in STATUS_FIELDS)


@dataclass(frozen=True)
class Definition:
    """One job as the file wants it: what the file does not name has the value that a new job has."""

    entry: Entry
    job: ScheduledJob  # not stored, and checked by itself
    names_status: bool

    @property
    def key(self) -> str:
        return self.job.key

    @property
    def owned(self) -> tuple[str, ...]:
        """The fields that the file decides."""
        return DEFINITION_FIELDS if self.names_status else ALWAYS_OWNED


def define(entries: Iterable[Entry], *, by: uuid.UUID, now: datetime, faults: list[Fault]) -> list[Definition]:
    """The definitions of the entries that are sound; the faults of the others are added to `faults`."""
    entries = list(entries)
    reader = _Reader(by, now, faults)
    keys = _keys_by_name(entries)
    found = [definition for entry in entries if (definition := reader.definition(entry, keys))]
    faults += _said_twice(found)
    faults += _taken(found)
    return found


class _Reader:
    """One serializer for all entries: making one takes longer than reading with it."""

    def __init__(self, by: uuid.UUID, now: datetime, faults: list[Fault]) -> None:
        self.serializer = NewJobSerializer(context={"request": SimpleNamespace(user=SimpleNamespace(id=by))})
        self.fields = self.serializer.fields
        self.by, self.now, self.faults = by, now, faults

    def definition(self, entry: Entry, keys: dict[str, str]) -> Definition | None:
        faults: list[Fault] = []
        values = self._values(entry, faults)
        names_status = "status" in values
        job = ScheduledJob(created_by_user_id=self.by, created_at=self.now, **values)
        job.key = job.key or keys.get(job.name, "") or key_of(job.name)
        if job.status == JobStatus.PAUSED and job.paused_until and job.paused_until <= self.now:
            job.status = JobStatus.ENABLED  # a pause that is over
        faults += _faults_of_model(entry, job, already={fault.field for fault in faults})
        self.faults += faults
        return None if faults else Definition(entry, job, names_status)

    def _values(self, entry: Entry, faults: list[Fault]) -> dict[str, Any]:
        """Field by field, so that one that is at fault hides no other."""
        values: dict[str, Any] = {}
        for name, member in entry.members.items():
            if reason := self.serializer.refuses(name):
                faults.append(entry.fault(reason, name))
                continue
            field = self.fields[name]
            try:
                values[str(field.source)] = field.run_validation(member.node.plain())
            except ValidationError as fault:
                faults += [entry.fault(text, name) for text in _sentences(fault.detail)]
        for name, field in self.fields.items():
            if field.required and not field.read_only and name not in entry.members:
                faults.append(entry.fault(_("This field is required: add it."), name))
        try:
            return self.serializer.validate(values)
        except ValidationError as fault:
            faults += [entry.fault(text, name) for name, text in _named_sentences(fault.detail)]
            return values


def _faults_of_model(entry: Entry, job: ScheduledJob, *, already: set[str]) -> list[Fault]:
    found: list[Fault] = []
    for check in (job.clean_fields, job.clean_by_itself):
        try:
            check()
        except ModelValidationError as fault:
            for name, errors in fault.error_dict.items():
                field = to_camel(name)
                if field not in already:
                    found += [_placed(entry, field, text) for error in errors for text in error.messages]
    if any(fault.field == "timeZone" for fault in found):
        found += _faults_of_expression(entry, job.cron_expression)
    return found


def _faults_of_expression(entry: Entry, expression: str) -> Iterator[Fault]:
    """Of its own, where the zone that it stands in is at fault too."""
    try:
        cron.parse(expression)
    except cron.CronError as fault:
        if expression:
            yield entry.fault(str(fault), "cronExpression")


def _placed(entry: Entry, field: str, text: str) -> Fault:
    """A sentence on one parameter stands at that parameter's line: it begins with its path."""
    mark = None
    if field == "parameters" and field in entry.members:
        mark = _mark_within(entry.members[field].node.value, text.partition(":")[0].split("."))
    return entry.fault(text, field, mark=mark)


def _mark_within(value: Any, path: list[str]) -> Mark | None:
    mark = None
    for step in path:
        if isinstance(value, dict) and step in value:
            mark, value = value[step].mark, value[step].node.value
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            mark, value = value[int(step)].mark, value[int(step)].value
        else:
            break
    return mark


# --- Names and keys --------------------------------------------------------------------------------------------------
def _keys_by_name(entries: Iterable[Entry]) -> dict[str, str]:
    """The keys of the live jobs that the file calls by their name alone."""
    names = [entry.text("name") for entry in entries if "key" not in entry.members]
    return dict(ScheduledJob.objects.live().filter(name__in=names).values_list("name", "key"))


def _said_twice(definitions: Iterable[Definition]) -> Iterator[Fault]:
    first: dict[tuple[str, str], Entry] = {}
    for each in definitions:
        for field, value in (("name", each.job.name), ("key", each.key)):
            other = first.setdefault((field, value), each.entry)
            if other is not each.entry:
                text = _("The job in line %(line)d has the %(field)s “%(value)s” already. Give this one another.")
                text %= {"line": other.mark.line, "field": field, "value": value}
                yield each.entry.fault(text, field)
                break


def _taken(definitions: list[Definition]) -> Iterator[Fault]:
    """What jobs beside the file, and periodic tasks of somebody else's, have already."""
    keys = [each.key for each in definitions]
    others = ScheduledJob.objects.live().filter(name__in=[each.job.name for each in definitions])
    names = dict(others.exclude(key__in=keys).values_list("name", "key"))
    foreign = periodic.foreign_names("").intersection(keys) if keys else set()
    for each in definitions:
        if each.job.name in names:
            text = _("The job “%(key)s” has this name. Choose another one, or give this entry that key.")
            yield each.entry.fault(text % {"key": names[each.job.name]}, "name")
        if each.key in foreign:
            text = _("A periodic task named “%(key)s” exists already; choose another key.") % {"key": each.key}
            yield each.entry.fault(text, "key")


# --- Errors as sentences ---------------------------------------------------------------------------------------------
def _sentences(detail: Any) -> Iterator[str]:
    """The texts of an error as the framework nests them."""
    if isinstance(detail, ErrorDetail | str):
        yield str(detail)
    else:
        for part in detail.values() if isinstance(detail, dict) else detail:
            yield from _sentences(part)


def _named_sentences(detail: Any) -> Iterator[tuple[str, str]]:
    for name, part in detail.items():
        for text in _sentences(part):
            yield name, text
