"""Guardrails: a run unlike the job's last good ones is told of, and one that finds too much stops before it writes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, TypeAlias, TypeVar

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from pydantic import Field

from jobs.base import ChangingJobParameters, JobContext, JobError, JobParameters

KEPT_RUNS = 10
NEEDED_RUNS = 3
STATE = "guardrails"

P = TypeVar("P", bound=JobParameters)
History: TypeAlias = dict[str, list[tuple[str, float]]]  # figure -> the last runs, oldest first: reference time, value


class LimitedJobParameters(ChangingJobParameters):
    """Parameters of a job that changes rows."""

    max_affected: int | None = Field(
        None,
        ge=1,
        description=gettext_noop(
            "If a run finds more rows than this to change, it stops before the first. Null: no limit."
        ),
    )


L = TypeVar("L", bound=LimitedJobParameters)


@dataclass(frozen=True)
class Bounds:
    """Far outside is below `low` times or above `high` times the usual value, and at least `floor` away from it.

    The usual value is the median of the last ten good runs: one odd run among them does not move it, and a new level
    is the usual one once half of them had it, so that nobody is told for ever. A run that was told of counts as well,
    since it completed. Of fewer than three runs nothing is usual, and without `floor` the step from 0 to 5 would be
    infinitely large.
    """

    low: float
    high: float
    floor: float

    def exceeded_from(self, value: float, earlier: Sequence[float]) -> float | None:
        """The usual value, if this one is far outside; None if it is not, or if nobody can know."""
        if len(earlier) < NEEDED_RUNS:
            return None
        usual = median(earlier[-KEPT_RUNS:])
        is_far = value < self.low * usual or value > self.high * usual
        return usual if is_far and abs(value - usual) >= self.floor else None


# A database grows slowly, and half a dump is a table that is gone.
BYTES = Bounds(low=0.5, high=3, floor=1024 * 1024)
# What people leave behind differs between a Sunday and a Monday.
ROWS = Bounds(low=0.2, high=5, floor=100)


def stop_if_too_many(context: JobContext[L], found: int, what: str) -> None:
    """To be asked before the first write. Raises a permanent JobError if more was found than `maxAffected` allows.

    `what`: in words, "expired tokens". A dry run writes nothing, and is only told.
    """
    limit = context.parameters.max_affected
    if limit is None or found <= limit:
        return
    text = _(
        "%(found)s %(what)s were found, and maxAffected allows %(limit)s: nothing was changed. See with dryRun what"
        " they are, and raise maxAffected if that is right."
    ) % {"found": f"{found:,}", "what": what, "limit": f"{limit:,}"}
    if not context.dry_run:
        raise JobError(text, permanent=True, result={"found": found, "maxAffected": limit})
    context.log(text, level="WARNING")


def watch(context: JobContext[P], result: Mapping[str, Any], bounds: Bounds, **figures: float) -> dict[str, Any]:
    """The result, with `warnings` about what is far outside. The last step of a run that has done all its work.

    `figures`: by name, `expired_tokens=12`; the name is spoken with blanks, and kept from run to run. Those of a
    further attempt are passed over: an earlier one may have done a part, and died before it could say how much.
    """
    if context.attempt:
        return dict(result)
    named = {name.replace("_", " "): value for name, value in figures.items()}
    warnings = compare(context, named, bounds)
    keep(context, named)
    return with_warnings(result, warnings)


def with_warnings(result: Mapping[str, Any], warnings: Sequence[str]) -> dict[str, Any]:
    """The result itself where there is nothing to warn of."""
    return {**result, "warnings": [*result.get("warnings", ()), *warnings]} if warnings else dict(result)


def compare(context: JobContext[P], figures: Mapping[str, float], bounds: Bounds) -> list[str]:
    """A sentence for each figure that is far outside. Its alert opens, or closes where it is as usual again."""
    if context.dry_run:
        return []
    history, warnings = _history(context), []
    for name, value in figures.items():
        earlier = [kept for at, kept in history.get(name, ()) if at != _moment(context)]
        usual = bounds.exceeded_from(value, earlier)
        text = _sentence(name, value, usual, len(earlier[-KEPT_RUNS:])) if usual is not None else ""
        # The subject is what the episode is known by: never translated.
        context.alert(f"Unusual: {name}", open=bool(text), message=text)
        if text:
            context.log(text, level="WARNING")
            warnings.append(text)
    return warnings


def keep(context: JobContext[P], figures: Mapping[str, float]) -> None:
    """Count them among those of the good runs: only once nothing can fail any more. A further attempt counts once."""
    if context.dry_run:
        return
    history, moment = _history(context), _moment(context)
    for name, value in figures.items():
        others = [entry for entry in history.get(name, ()) if entry[0] != moment]
        history[name] = [*others, (moment, value)][-KEPT_RUNS:]
    context.state.set(STATE, history)


def _history(context: JobContext[P]) -> History:
    return dict(context.state.get(STATE) or {})


def _moment(context: JobContext[P]) -> str:
    return context.reference_time.isoformat()


def _sentence(name: str, value: float, usual: float, runs: int) -> str:
    return _(
        "%(name)s: %(value)s, far from the usual %(usual)s (the median of the last %(runs)d good runs). Look whether"
        " that is right."
    ) % {"name": name, "value": f"{value:,}", "usual": f"{usual:,.0f}", "runs": runs}
