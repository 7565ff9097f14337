"""Pure: the one sentence that answers why a due time ran, did not run, or will not run."""

from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext_lazy as _

from executions.why import wording
from executions.why.beat import beat
from executions.why.definition_gates import neighbours
from executions.why.facts import Facts
from executions.why.row_answers import of_row
from executions.why.verdicts import Verdict, verdict
from executions.why.wording import Text, clock, due_time, label, say, who
from jobs.enums import ExecutionStatus, JobStatus, OverlapPolicy


def answer(facts: Facts) -> Text:
    """With what somebody had run by hand for that due time behind it: nobody should do so twice."""
    told = of_row(facts, facts.last) if facts.last else WITHOUT_ROW[verdict(facts)](facts)
    if not facts.by_hand:
        return told
    again = max(facts.by_hand, key=lambda row: row.queued_at)
    text = _("{who} had it run again at {at}: {status}")
    by_hand = say(
        text, who=who(facts, again.triggered_by), at=clock(facts, again.queued_at),
        status=label(ExecutionStatus, again.status),
    )  # fmt: skip
    return say("{told} ({by_hand})", told=told, by_hand=by_hand)


def _named(facts: Facts) -> dict[str, Any]:
    start = facts.status_from
    return {
        "job": facts.job.name, "due": due_time(facts), "who": who(facts, start.changed_by_user_id),
        "since": clock(facts, start.effective_from),
    }  # fmt: skip


def _not_due(facts: Facts) -> Text:
    before, after = neighbours(facts)
    text = _("{job} is not due at {due}: by “{expression}” the time before is {before} and the one after {after}.")
    times = {"before": clock(facts, before), "after": clock(facts, after)}
    return say(text, **_named(facts), **times, expression=facts.then.get("cron_expression"))


def _unreadable(facts: Facts) -> Text:
    text = _(
        "Whether {job} is due at {due} cannot be said, for the schedule of revision {version} cannot be read: {fault}"
    )
    return say(text, **_named(facts), version=facts.moment.revision.version, fault=facts.moment.fault)


def _not_on_schedule(facts: Facts) -> Text:
    if not facts.moment.exists:
        return say(_("{job} did not exist yet at {due}: {who} defined it at {since}."), **_named(facts))
    is_disabled = facts.moment.revision.status == JobStatus.DISABLED
    if facts.is_future and is_disabled:
        return say(_("{job} will not run at {due} as things stand: {who} disabled it at {since}."), **_named(facts))
    if facts.is_future:
        return say(_("{job} will not run at {due}: {who} deleted it at {since}."), **_named(facts))
    if is_disabled:
        return say(_("{job} did not run at {due}: {who} had disabled it at {since}."), **_named(facts))
    return say(_("{job} did not run at {due}: {who} had deleted it at {since}."), **_named(facts))


def _removed(facts: Facts) -> Text:
    text = _("What became of {job} at {due} is not known any more: the ledger reaches back to {begins}.")
    return say(text, **_named(facts), begins=clock(facts, facts.ledger_begins))


def _unaccounted(facts: Facts) -> Text:
    check = facts.last_check
    if check is None:
        return say(
            _("{job} was due at {due}, and no row of the ledger tells of it: that must not happen."), **_named(facts)
        )
    text = _(
        "{job} was due at {due}, and no row of the ledger tells of it: that must not happen (the last check, up to"
        " {until}, found {count} unaccounted)."
    )
    return say(text, **_named(facts), until=clock(facts, check.checked_until), count=check.unaccounted)


def _will_be_skipped(facts: Facts) -> Text:
    if facts.hold:
        text = _("{job} will be skipped at {due} as things stand: the whole schedule is held {hold}.")
        return say(text, **_named(facts), hold=wording.hold(facts))
    text = _("{job} will be skipped at {due} as things stand: it is paused {pause}.")
    return say(text, **_named(facts), pause=wording.pause(facts))


def _will_run(facts: Facts) -> Text:
    policy = facts.then.get("overlap_policy")
    if policy == OverlapPolicy.SKIP:
        text = _(
            "{job} will run at {due} as things stand, unless it is changed or the schedule held before then, or a run"
            " of it is still active (overlap policy {policy})."
        )
    else:
        text = _("{job} will run at {due} as things stand, unless it is changed or the schedule held before then.")
    return say(text, **_named(facts), policy=label(OverlapPolicy, policy))


def _not_fired_yet(facts: Facts) -> Text:
    return say(_("{job} is due since {due} and not fired yet: {beat}."), **_named(facts), beat=beat(facts)[0])


WITHOUT_ROW: dict[Verdict, Callable[[Facts], Text]] = {
    Verdict.NOT_DUE: _not_due,
    Verdict.UNREADABLE: _unreadable,
    Verdict.NOT_ON_SCHEDULE: _not_on_schedule,
    Verdict.REMOVED: _removed,
    Verdict.UNACCOUNTED: _unaccounted,
    Verdict.WILL_BE_SKIPPED: _will_be_skipped,
    Verdict.WILL_RUN: _will_run,
    Verdict.NOT_FIRED_YET: _not_fired_yet,
}
