"""How the answers put instants, spans, people and other runs. Texts are lazy: `str()` gives them in the language then
active."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import TextChoices
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from executions.models import JobExecution
from executions.why.facts import Facts
from jobs.admin.display import duration, zone_of
from jobs.enums import ExecutionStatus
from jobs.models import SYSTEM_USER_ID

Text = str | Promise
ERROR_MAX_LENGTH = 200


@dataclass(frozen=True)
class Told:
    """What a gate says, and the plain values behind it."""

    text: Text
    facts: dict[str, Any] = field(default_factory=dict)


def say(sentence: Text, **what: object) -> Text:
    return format_lazy(sentence, **what)  # type: ignore[arg-type]  # of the stubs, which know one kind of Promise


def clock(facts: Facts, instant: datetime | None) -> Text:
    """As the clock of the job's zone shows it; seconds only where there are some."""
    if instant is None:
        return _("never")
    local = instant.astimezone(zone_of(str(facts.then.get("time_zone"))))
    return f"{local:%Y-%m-%d %H:%M:%S}" if local.second or local.microsecond else f"{local:%Y-%m-%d %H:%M}"


def due_time(facts: Facts) -> Text:
    """The minute that was asked about, with its zone: the other times of a sentence are on the same clock."""
    return f"{clock(facts, facts.due or facts.moment.minute)} ({facts.then.get('time_zone')})"


def span(begin: datetime | None, end: datetime | None) -> str:
    return duration(end - begin if begin and end else None)


def who(facts: Facts, user_id: uuid.UUID | None) -> Text:
    if user_id is None:
        return _("somebody")
    return _("the system") if user_id == SYSTEM_USER_ID else facts.names.get(user_id) or str(user_id)


def label(words: type[TextChoices], value: object) -> Text:
    """A word of an enum as people read it; one that it does not have (any more) stands for itself."""
    return words(value).label if value in words.values else str(value)


def error(row: JobExecution) -> str:
    """The first line of the message, or the reason where there is none."""
    line = next(iter((row.error_message or "").strip().splitlines()), "")
    return line[:ERROR_MAX_LENGTH] or row.reason


def run(facts: Facts, row: JobExecution | None, at: datetime) -> Text:
    """Another run, as it stood at that instant."""
    if row is None:
        return _("another run")
    status, since = state_at(row, at)
    return say(
        _("run {id} ({status}, since {since})"),
        id=row.id, status=label(ExecutionStatus, status), since=clock(facts, since),
    )  # fmt: skip


def state_at(row: JobExecution, at: datetime) -> tuple[str, datetime | None]:
    """Which status an active run had at that instant, and since when."""
    if row.started_at and row.started_at <= at:
        return ExecutionStatus.RUNNING, row.started_at
    return ExecutionStatus.QUEUED, row.available_at


def stop(facts: Facts, *, by: uuid.UUID | None, since: datetime, until: datetime | None, reason: str) -> Text:
    """By whom, since when, until when and why a pause or a hold is."""
    sentence = _("by {who} since {since}, until {until}") if until else _("by {who} since {since}")
    told = say(sentence, who=who(facts, by), since=clock(facts, since), until=clock(facts, until))
    return say("{told} (“{reason}”)", told=told, reason=reason) if reason else told


def pause(facts: Facts) -> Text:
    revision, reason = facts.status_from, str(facts.then.get("pause_reason") or "")
    by, since = revision.changed_by_user_id, revision.effective_from
    return stop(facts, by=by, since=since, until=facts.paused_until, reason=reason)


def hold(facts: Facts) -> Text:
    held = facts.hold
    if held is None:
        return ""  # a row says that one was, and none is known any more
    return stop(
        facts, by=held.held_by_user_id, since=held.began_at, until=held.ended_at or held.until, reason=held.reason
    )
