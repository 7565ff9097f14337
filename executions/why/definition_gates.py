"""Pure: what the job's definition, its status and a hold say about a due time."""

from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _

from executions.why import wording
from executions.why.facts import Facts
from executions.why.moment import ONE_MINUTE, TICK
from executions.why.wording import Text, Told, clock, say, who
from jobs import cron
from jobs.cron import Cron
from jobs.cron.expression import EARLIEST
from jobs.enums import JobStatus


def schedule(facts: Facts) -> Told:
    revision, by = facts.moment.revision, facts.moment.schedule
    known = {
        "expression": facts.then.get("cron_expression"),
        "timeZone": facts.then.get("time_zone"),
        "version": revision.version,
        "changedAt": revision.effective_from,
        "changedByUserId": revision.changed_by_user_id,
        "changedBy": facts.names.get(revision.changed_by_user_id),
    }
    if by is None:
        text = _("The schedule of revision {version} cannot be read: {fault}")
        return Told(say(text, version=revision.version, fault=facts.moment.fault), known)
    if facts.due is None:
        before, after = neighbours(facts)
        text = _(
            "“{expression}” in {zone} is not due then: the time before is {before}, the one after {after} ({source})."
        )
        told = say(text, **_named(facts), before=clock(facts, before), after=clock(facts, after))
        return Told(_remarked(told, _repeat(facts, by)), {**known, "previousDueTime": before, "nextDueTime": after})
    if not by.matches(facts.due):
        text = _("“{expression}” in {zone} plans nothing at {due}, and yet the ledger has a row for it ({source}).")
        return Told(say(text, **_named(facts)), known)
    told = say(_("“{expression}” in {zone} is due at {due} ({source})."), **_named(facts))
    return Told(_remarked(told, cron.preview(by, 1, facts.due - TICK)[0].remark), known)


def _named(facts: Facts) -> dict[str, Any]:
    revision = facts.moment.revision
    source = say(
        _("revision {version}, by {who} at {since}"),
        version=revision.version, who=who(facts, revision.changed_by_user_id),
        since=clock(facts, revision.effective_from),
    )  # fmt: skip
    return {
        "expression": facts.then.get("cron_expression"), "zone": facts.then.get("time_zone"), "source": source,
        "due": clock(facts, facts.due),
    }  # fmt: skip


def _remarked(told: Text, remark: Text | None) -> Text:
    return say("{told} {remark}", told=told, remark=remark) if remark else told


def neighbours(facts: Facts) -> tuple[datetime | None, datetime | None]:
    """The due times before and after the minute, by the schedule then in force."""
    by, minute = facts.moment.schedule, facts.moment.minute
    if by is None:
        return None, None
    before = by.latest(1, until=minute - TICK, after=EARLIEST)
    return (before[0] if before else None), by.next_after(minute + ONE_MINUTE - TICK)


def _repeat(facts: Facts, by: Cron) -> Text | None:
    """Where the clock shows a due minute for the second time, and only the first one counts."""
    wall = facts.moment.minute.astimezone(by.zone)
    if not wall.fold or not by.names_wall_time(wall):
        return None
    return _("The clock went back and shows this time twice: it runs the first time only.")


def status(facts: Facts) -> Told:
    revision, start = facts.moment.revision, facts.status_from
    known = {
        "status": revision.status if facts.moment.exists else None,
        "since": start.effective_from,
        "byUserId": start.changed_by_user_id,
        "by": facts.names.get(start.changed_by_user_id),
        "pausedUntil": facts.paused_until,
        "pauseReason": facts.then.get("pause_reason") or None,
    }
    named = {"who": who(facts, start.changed_by_user_id), "since": clock(facts, start.effective_from)}
    if not facts.moment.exists:
        return Told(say(_("The job did not exist yet: {who} defined it at {since}."), **named), known)
    if facts.is_paused:
        return Told(say(_("Paused {pause}."), pause=wording.pause(facts)), known)
    if revision.status == JobStatus.PAUSED:
        text = _("Paused by {who} since {since}, but only until {until}.")
        return Told(say(text, **named, until=clock(facts, facts.paused_until)), known)
    texts = {
        JobStatus.ENABLED.value: _("Enabled since {since}, by {who}."),
        JobStatus.DISABLED.value: _("Disabled since {since}, by {who}."),
    }
    return Told(say(texts.get(revision.status, _("Deleted at {since}, by {who}.")), **named), known)


def hold(facts: Facts) -> Told:
    if facts.hold is None:
        return Told(_("The schedule as a whole is not held then."))
    held = facts.hold
    known = {
        "since": held.began_at,
        "until": held.until,
        "endedAt": held.ended_at,
        "reason": held.reason or None,
        "byUserId": held.held_by_user_id,
        "by": facts.names.get(held.held_by_user_id),
    }
    return Told(say(_("The whole schedule is held {hold}."), hold=wording.hold(facts)), known)
