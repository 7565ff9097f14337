"""Pure: the due time that a minute holds, and the revision that was in force for it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from jobs.cron import Cron, CronError
from jobs.models import ScheduleRevision
from jobs.planned import Period

ONE_MINUTE, TICK = timedelta(minutes=1), timedelta(microseconds=1)


@dataclass(frozen=True)
class Moment:
    """`due`: the due time by the revision's schedule, whatever its status; None when it has none in this minute.

    `schedule` is None when what the revision stored cannot be read; `fault` says why. `exists`: False for times before
    the job, whose first revision then stands here.
    """

    minute: datetime
    revision: ScheduleRevision
    exists: bool
    schedule: Cron | None = None
    fault: CronError | None = None
    due: datetime | None = None
    is_planned: bool = False


def minute_of(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)


def find(revisions: Sequence[ScheduleRevision], minute: datetime) -> Moment:
    """`revisions`, oldest first: the one in force as the minute begins and those made within it; or the job's first.

    A due time that was planned goes before one that fell to a job off the schedule, and that before none.
    """
    moments = list(_moments(revisions, minute))
    planned = (moment for moment in moments if moment.is_planned)
    due = (moment for moment in moments if moment.due)
    return next(planned, None) or next(due, None) or moments[0]


def _moments(revisions: Sequence[ScheduleRevision], minute: datetime) -> Iterator[Moment]:
    first = revisions[0]
    if first.effective_from >= minute:
        yield _moment(first, minute - ONE_MINUTE, first.effective_from, minute, exists=False)
    ends = [revision.effective_from for revision in revisions[1:]]
    for revision, end in zip(revisions, [*ends, None], strict=True):
        yield _moment(revision, revision.effective_from, end, minute, exists=True)


def _moment(
    revision: ScheduleRevision, begin: datetime, end: datetime | None, minute: datetime, *, exists: bool
) -> Moment:
    then = revision.definition
    period = Period(begin, end, revision.status, then.get("cron_expression") or "", then.get("time_zone") or "")
    try:
        schedule = period.schedule
    except CronError as fault:
        return Moment(minute, revision, exists, fault=fault)
    due = next(period.due_times(minute - TICK, minute + ONE_MINUTE - TICK), None)
    is_planned = due is not None and exists and period.is_on_schedule
    return Moment(minute, revision, exists, schedule=schedule, due=due, is_planned=is_planned)
