"""Pure: how long it took until a lost run was closed, and until the schedule went on after a fault.

All instants are seconds of the machine's clock, which is the database's too.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from executions.lease import LEASE_SECONDS
from executions.models import JobExecution
from jobs.enums import Reason
from tests.faults.members import THE_END, Freeze, Life
from tests.faults.watcher import Outage

# What a process did before it died is seen by the watcher within this time.
SEEN_SECONDS = 1.0


@dataclass(frozen=True)
class Course:
    """What happened on the stage. `workers`: the ledger's name of each; `leaders`: from when which process led."""

    lives: Sequence[Life]
    freezes: Sequence[Freeze]
    outages: Sequence[Outage]
    pulses: Sequence[tuple[float, float]]
    leaders: Sequence[tuple[float, int]]
    deaths_of_children: Mapping[int, float]
    workers: Mapping[str, str] = field(default_factory=dict)

    def leader_at(self, instant: float) -> int | None:
        return next((pid for began, pid in reversed(self.leaders) if began <= instant), None)

    def fired_after(self, instant: float) -> float | None:
        """When something fired after this instant; not what was done by then and is only seen now."""
        return next((fired for due, fired in self.pulses if due >= instant or fired > instant + SEEN_SECONDS), None)

    def is_out(self, began: float, ended: float) -> bool:
        return any(one.began <= ended and (one.ended or ended) >= began for one in self.outages)

    def last_return(self, began: float, ended: float) -> float:
        """When the database came back for the last time between the two; `began` when it was never away."""
        returns = [one.ended for one in self.outages if one.ended and one.began <= ended and began < one.ended < ended]
        return max(returns, default=began)


def while_alive(freezes: Sequence[Freeze], lives: Sequence[Life]) -> list[Freeze]:
    """A process that is killed while it stands still does so no longer, whatever comes after it under its name."""
    died = {life.pid: life.ended for life in lives if life.ended}
    return [replace(one, ended=min(one.ended, died.get(one.pid, one.ended))) for one in freezes]


# --- Rescue ----------------------------------------------------------------------------------------------------------
def rescues(course: Course, rows: Iterable[JobExecution]) -> list[tuple[JobExecution, float | None]]:
    """Each row that was closed as worker_lost, and the seconds from the loss, or the database's return after it, until
    then; None where no loss is known. Deaths at an exact place of the code have no known moment: they are left out."""
    found = []
    for row in rows:
        if row.reason == Reason.WORKER_LOST and row.completed_at and row.started_at and not _was_armed(course, row):
            closed = row.completed_at.timestamp()
            losses = _losses(course, row, row.started_at.timestamp(), closed)
            lost = min(losses, default=None)
            found.append((row, None if lost is None else closed - course.last_return(lost, closed)))
    return found


def _was_armed(course: Course, row: JobExecution) -> bool:
    started, member = row.started_at and row.started_at.timestamp(), course.workers.get(row.worker_name)
    return any(life.failpoint and life.member == member and life.covers(started or 0) for life in course.lives)


def _losses(course: Course, row: JobExecution, started: float, closed: float) -> list[float]:
    """When the process that ran it, or its worker, died or stood still while it ran."""
    member = course.workers.get(row.worker_name)
    deaths = [
        life.ended
        for life in course.lives
        if life.member == member and life.ended and life.began <= started and started <= life.ended <= closed
    ]
    stops = [
        one.began for one in course.freezes if one.member == member and one.began <= closed and started < one.ended
    ]
    child = course.deaths_of_children.get(row.process_id or 0)
    children = [child] if child and started <= child <= closed else []
    return [*deaths, *stops, *children]


# --- The schedule goes on --------------------------------------------------------------------------------------------
def after_leaders(course: Course) -> list[tuple[str, float | None]]:
    """For each loss of a leader (what befell it) the seconds until something fired again; None: never."""
    losses = [
        (life.cause or life.failpoint, life.ended, life.pid)
        for life in course.lives
        if life.ended and life.cause != THE_END
    ]
    losses += [("stands still", freeze.began, freeze.pid) for freeze in course.freezes]
    found = []
    for what, lost, pid in sorted(losses, key=lambda loss: loss[1]):
        if course.leader_at(lost) == pid and (base := _somebody_could(course, lost)) is not None:
            fired = course.fired_after(base)
            found.append((what, None if fired is None else fired - course.last_return(base, fired)))
    return found


def _somebody_could(course: Course, lost: float) -> float | None:
    """From when there was a beat to follow: at once, unless none was left; None when none came any more."""
    beats = [life for life in course.lives if life.member.startswith("b")]
    if any(life.covers(lost) and life.pid != course.leader_at(lost) for life in beats):
        return lost
    return min((life.began for life in beats if life.began >= lost), default=None)


def standstills(course: Course) -> list[float]:
    """How long each pulse took that neither the loss of a beat nor an outage of the database has a part in."""
    beats = [life for life in course.lives if life.member.startswith("b")]
    began = [one.began for one in beats] + [one.ended for one in beats if one.ended]
    stops = [one for one in course.freezes if one.member.startswith("b")]
    return [
        fired - due
        for due, fired in course.pulses
        if not course.is_out(due - LEASE_SECONDS, fired)
        and not any(due - LEASE_SECONDS < instant < fired for instant in began)
        and not any(one.began < fired and due < one.ended for one in stops)
    ]


def after_outages(course: Course) -> list[float | None]:
    """For each return of the database the seconds until something fired again, where no other fault has a part."""
    found = []
    for outage in course.outages:
        if outage.ended is None:
            continue
        fired = course.fired_after(outage.ended)
        until = fired or float("inf")
        if any(outage.ended < other.began < until for other in course.outages) or _no_leader(course, outage, until):
            continue
        found.append(None if fired is None else fired - outage.ended)
    return found


def _no_leader(course: Course, outage: Outage, until: float) -> bool:
    """Whether a beat died, stood still or was about to come back: that is counted as the loss of a leader."""
    began = outage.began - LEASE_SECONDS
    ended = [life.ended for life in course.lives if life.member.startswith("b") and life.ended]
    stopped = [one for one in course.freezes if one.member.startswith("b")]
    return any(began < instant < until for instant in ended) or any(
        one.began < until and one.ended > began for one in stopped
    )
