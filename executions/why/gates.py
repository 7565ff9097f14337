"""Pure: the gates of a due time, in order, each with its state, what it says, and the facts behind it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from executions.why import definition_gates, row_gates
from executions.why.facts import Facts
from executions.why.verdicts import GateName, Verdict, stopped_at, verdict
from executions.why.wording import Text, Told


class State(TextChoices):
    PASSED = "passed", _("passed")
    STOPPED = "stopped", _("stopped")
    NOT_REACHED = "notReached", _("not reached")
    UNKNOWN = "unknown", _("unknown")


@dataclass(frozen=True)
class Gate:
    """`is_decisive`: it said the first no, which decided; of all gates at most one did."""

    gate: GateName
    state: State
    is_decisive: bool
    text: Text
    facts: dict[str, Any]


GATES: dict[GateName, Callable[[Facts], Told]] = {
    GateName.SCHEDULE: definition_gates.schedule,
    GateName.STATUS: definition_gates.status,
    GateName.HOLD: definition_gates.hold,
    GateName.FIRED: row_gates.fired,
    GateName.MISFIRE: row_gates.misfire,
    GateName.OVERLAP: row_gates.overlap,
    GateName.DEADLINE: row_gates.deadline,
    GateName.WORKER: row_gates.worker,
    GateName.RESULT: row_gates.result,
}
ORDER = list(GATES)
# The first gate that a due time has still before it which nothing has stopped.
STILL_BEFORE = {Verdict.WILL_RUN: GateName.FIRED, Verdict.REMOVED: GateName.FIRED, Verdict.RUNNING: GateName.RESULT}


def judge(facts: Facts) -> list[Gate]:
    return [_gate(name, facts) for name in ORDER]


def _gate(name: GateName, facts: Facts) -> Gate:
    state, stop = _state(name, facts), stopped_at(facts)
    is_passed_over = state == State.NOT_REACHED and stop is not None
    told = Told(_("Not asked: an earlier gate said no.")) if is_passed_over else GATES[name](facts)
    return Gate(name, state, name == stop, told.text, told.facts)


def _state(name: GateName, facts: Facts) -> State:
    stop = stopped_at(facts)
    if name == stop:
        return State.STOPPED
    if stop and ORDER.index(name) > ORDER.index(stop):
        return State.NOT_REACHED
    word = verdict(facts)
    before = None if stop else STILL_BEFORE.get(word)
    if before and ORDER.index(name) >= ORDER.index(before):
        return State.UNKNOWN if name == before and word == Verdict.REMOVED else State.NOT_REACHED
    return _state_by_definition(name, facts)


def _state_by_definition(name: GateName, facts: Facts) -> State:
    """A gate that the due time came past. Where the definition says otherwise, that is not hidden."""
    if name == GateName.SCHEDULE and facts.first and not facts.moment.is_planned:
        return State.UNKNOWN
    if name == GateName.STATUS and (facts.is_paused or not facts.is_on_schedule):
        # Behind a hold nobody asks for a pause, though it would have said no as well.
        is_behind_hold = facts.is_paused and stopped_at(facts) == GateName.HOLD
        return State.STOPPED if is_behind_hold else State.UNKNOWN
    if name == GateName.HOLD and facts.hold:
        return State.UNKNOWN
    return State.PASSED
