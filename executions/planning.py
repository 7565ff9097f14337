"""Pure: what becomes of due times that have come. The policies of SPEC §5, as a function from facts to planned rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from jobs.enums import ExecutionStatus, MisfirePolicy, OverlapPolicy, Reason, Trigger
from jobs.holds import Interval
from jobs.models import ScheduledJob

# How many of the due times that passed while nothing could fire are made up.
MADE_UP = {MisfirePolicy.SKIP: 0, MisfirePolicy.RUN_ONCE: 1, MisfirePolicy.RUN_ALL: 100}
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True)
class Planned:
    """One due time's row, before it is written. `is_held`: Queued, but behind another run."""

    due: datetime
    status: ExecutionStatus
    trigger: Trigger = Trigger.SCHEDULE
    reason: str = ""
    is_held: bool = False


@dataclass
class Activity:
    """Which runs of a job are under way; planning a run counts as one more."""

    is_active: bool = False
    has_held: bool = False


def plan(
    job: ScheduledJob,
    due_times: Sequence[datetime],
    *,
    now: datetime,
    activity: Activity,
    holds: Sequence[Interval] = (),
) -> list[Planned]:
    """Decide `due_times` (ascending, all <= `now`, perhaps only the oldest part of what is due) of one job.

    `holds`: when the whole schedule was held, newest first.
    """
    if not due_times:
        return []
    made_up = _made_up(job, due_times[0], now, holds)
    return [
        Planned(due, ExecutionStatus.SKIPPED, reason=Reason.HELD)
        if any(hold.covers(due) for hold in holds)
        else _decide(job, due, now=now, is_made_up=due in made_up, activity=activity)
        for due in due_times
    ]


def admit(policy: str, activity: Activity) -> Planned | None:
    """May one more run start beside what is active? The row's status and hold; None when the policy forbids it.

    The planned row's due time is of no meaning here.
    """
    run = Planned(datetime.min, ExecutionStatus.QUEUED)
    if activity.is_active and policy in (OverlapPolicy.QUEUE, OverlapPolicy.CANCEL_RUNNING):
        if activity.has_held:
            return None
        activity.has_held = True
        return Planned(run.due, run.status, is_held=True)
    if activity.is_active and policy == OverlapPolicy.SKIP:
        return None
    activity.is_active = True
    return run


def _made_up(job: ScheduledJob, first: datetime, now: datetime, holds: Sequence[Interval]) -> frozenset[datetime]:
    """The due times older than the grace that run all the same; looks at all that is due, not only at this batch."""
    grace_began = now - timedelta(seconds=job.misfire_grace_seconds)
    count = MADE_UP[MisfirePolicy(job.misfire_policy)]
    if first >= grace_began or not count:
        return frozenset()
    after = first - _TICK
    if job.paused_until:
        after = max(after, job.paused_until - _TICK)
    fires_anyway = count == 1 and _latest(job, 1, until=now, after=max(after, grace_began - _TICK), holds=holds)
    if fires_anyway:
        return frozenset()
    return frozenset(_latest(job, count, until=grace_began - _TICK, after=after, holds=holds))


def _latest(
    job: ScheduledJob, count: int, *, until: datetime, after: datetime, holds: Sequence[Interval]
) -> list[datetime]:
    """The newest `count` due times in (after, until] that no hold covers; walks back from hold to hold."""
    schedule, found = job.schedule, list[datetime]()
    for hold in holds:
        if len(found) < count and hold.end is not None and hold.end <= until:
            found += schedule.latest(count - len(found), until=until, after=max(after, hold.end - _TICK))
        until = min(until, hold.begin - _TICK)
    if len(found) < count and until > after:
        found += schedule.latest(count - len(found), until=until, after=after)
    return found


def _decide(job: ScheduledJob, due: datetime, *, now: datetime, is_made_up: bool, activity: Activity) -> Planned:
    if job.was_paused_at(due):
        return Planned(due, ExecutionStatus.SKIPPED, reason=Reason.PAUSED)
    if is_made_up and job.misfire_policy == MisfirePolicy.RUN_ALL:
        # One after another, oldest first: each waits for its turn and does not count as active meanwhile.
        return Planned(due, ExecutionStatus.QUEUED, Trigger.CATCH_UP, is_held=True)
    is_late = due < now - timedelta(seconds=job.misfire_grace_seconds)
    if is_late and not is_made_up:
        return Planned(due, ExecutionStatus.MISSED, reason=Reason.MISFIRE)
    trigger = Trigger.CATCH_UP if is_late else Trigger.SCHEDULE
    admitted = admit(job.overlap_policy, activity)
    if admitted is None:
        return Planned(due, ExecutionStatus.SKIPPED, trigger, Reason.OVERLAP)
    return Planned(due, ExecutionStatus.QUEUED, trigger, is_held=admitted.is_held)
