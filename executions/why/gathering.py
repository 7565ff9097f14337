"""All that is asked of the database about one minute of one job, in a bounded number of queries."""

import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from django.db.models import F, Q
from django.db.models.functions import Coalesce, Now

from executions import accounting, comparison, ids
from executions.models import NEVER_RAN, BeatLease, ExecutionQuerySet, JobExecution, Worker
from executions.why import moment as moments
from executions.why.facts import Facts
from executions.why.moment import ONE_MINUTE, Moment
from executions.workers import SILENT_AFTER_SECONDS
from jobs.admin.display import people
from jobs.clock import database_now
from jobs.enums import ExecutionStatus, Reason, Trigger
from jobs.holds import ScheduleHold
from jobs.models import DEFINITION_FIELDS, SYSTEM_USER_ID, ScheduledJob, ScheduleRevision

REVISIONS_LOOKED_AT = 50  # within one minute
EXECUTIONS_TOLD = 100
# What was under way at an instant began, or first began, no longer before it than this.
LONGEST_UNDER_WAY = timedelta(days=31)


def gather(job: ScheduledJob, at: datetime) -> Facts:
    """`job` as it was read before: a due time that fires meanwhile has its row, and none is taken for lost."""
    now, moment = database_now(), _moment(job, moments.minute_of(at))
    moment, rows = _with_rows(job, moment)
    attempts = sorted(_of_the_schedule(rows), key=lambda row: row.retry_attempt)
    facts = Facts(
        now=now,
        job=job,
        moment=moment,
        status_from=_status_from(moment.revision),
        hold=_hold(moment.due) if moment.due else None,
        attempts=attempts,
        by_hand=[row for row in rows if row not in attempts],
    )
    facts = _about_row(facts, facts.attempts[-1]) if attempts else _about_no_row(facts)
    wanted = _people_in(facts)
    return replace(facts, names={user: name for user, name in people(wanted).items() if user in wanted})


# --- The job then ----------------------------------------------------------------------------------------------------
def _moment(job: ScheduledJob, minute: datetime) -> Moment:
    newest_first = job.revisions.order_by("-version")
    found = list(newest_first.filter(effective_from__lt=minute + ONE_MINUTE)[:REVISIONS_LOOKED_AT])
    within = [revision for revision in found if revision.effective_from >= minute]
    before = found[len(within) : len(within) + 1]
    relevant = [*within, *before][::-1] or [job.revisions.order_by("version").first() or _as_revision(job)]
    return moments.find(relevant, minute)


def _as_revision(job: ScheduledJob) -> ScheduleRevision:
    """What stands for the revisions of a job that has none."""
    return ScheduleRevision(
        job=job, version=job.version, effective_from=job.created_at, status=job.status,
        changed_by_user_id=job.created_by_user_id,
        definition={
            name: value if isinstance(value := getattr(job, name), int | str | None) else str(value)
            for name in DEFINITION_FIELDS
        },
    )  # fmt: skip


def _status_from(revision: ScheduleRevision) -> ScheduleRevision:
    """The first of the revisions in a row, up to this one, that have its status: later ones changed other things."""
    earlier = revision.job.revisions.filter(version__lt=revision.version)
    other = earlier.exclude(status=revision.status).order_by("-version").values_list("version", flat=True).first()
    return earlier.filter(version__gt=other or 0).order_by("version").first() or revision


def _hold(due: datetime) -> ScheduleHold | None:
    over_at = Coalesce("ended_at", "until")
    holds = ScheduleHold.objects.annotate(over_at=over_at).filter(began_at__lte=due)
    return holds.filter(Q(over_at=None) | Q(over_at__gt=due)).order_by("-began_at").first()


# --- The ledger ------------------------------------------------------------------------------------------------------
def _with_rows(job: ScheduledJob, moment: Moment) -> tuple[Moment, list[JobExecution]]:
    """The rows that stand for the due time; a row that nothing planned makes its instant the due time all the same."""
    rows = _executions(job)
    if moment.due is None:
        low, high = ids.floor(moment.minute), ids.floor(moment.minute + ONE_MINUTE)
        of_schedule = rows.filter(id__gte=low, id__lt=high, trigger__in=[Trigger.SCHEDULE, Trigger.CATCH_UP])
        moment = replace(moment, due=of_schedule.values_list("scheduled_for", flat=True).first())
    if moment.due is None:
        return moment, []
    found = rows.filter(id__gte=ids.floor(moment.due), scheduled_for=moment.due)
    return moment, list(found.order_by("id")[:EXECUTIONS_TOLD])


def _executions(job: ScheduledJob) -> ExecutionQuerySet:
    return JobExecution.objects.filter(job=job).defer("output", "stack_trace", "result", "parameters")


def _of_the_schedule(rows: Sequence[JobExecution]) -> list[JobExecution]:
    """The due time's own row and the retries of that; not what somebody asked for, nor the retries of such a run."""
    own = {row.id for row in rows if row.trigger in (Trigger.SCHEDULE, Trigger.CATCH_UP)}
    return [row for row in rows if row.first_attempt in own and row.trigger != Trigger.MANUAL]


def _about_row(facts: Facts, last: JobExecution) -> Facts:
    others = _under_way_beside(last, facts.job)
    if last.status == ExecutionStatus.QUEUED and last.available_at is None:
        return replace(facts, other=_active(others, facts.now))
    if last.status == ExecutionStatus.QUEUED:
        return replace(facts, living_workers=_living_workers(last.queue))
    if last.status == ExecutionStatus.SKIPPED and last.reason == Reason.OVERLAP:
        return replace(facts, other=_active(others, last.queued_at))
    if last.status == ExecutionStatus.CANCELLED and last.completed_at:
        # Who makes way, disables or deletes does it in one transaction, under one instant.
        newer = others.filter(queued_at=last.cancel_requested_at or last.completed_at)
        change = facts.job.revisions.filter(effective_from=last.completed_at)
        return replace(
            facts, other=newer.first(), changed_by=change.values_list("changed_by_user_id", flat=True).first()
        )
    return facts


def _about_no_row(facts: Facts) -> Facts:
    if facts.due is None or facts.is_future:
        return facts
    return replace(
        facts,
        lease=BeatLease.objects.first(),
        ledger_begins=comparison.ledger_begins(),
        last_check=accounting.last(),
    )


def _active(others: ExecutionQuerySet, at: datetime) -> JobExecution | None:
    """The run that was active at that instant, a Running one first."""
    free = others.filter(available_at__lte=at).exclude(status__in=NEVER_RAN)
    active = free.filter(Q(completed_at=None) | Q(completed_at__gt=at))
    return active.order_by(F("started_at").asc(nulls_last=True), "id").first()


def _under_way_beside(row: JobExecution, job: ScheduledJob) -> ExecutionQuerySet:
    """The other runs of the job that may have been under way when this one was made."""
    return _executions(job).filter(id__gte=ids.floor(row.queued_at - LONGEST_UNDER_WAY)).exclude(id=row.id)


def _living_workers(queue: str) -> int:
    heard_of = Now() - timedelta(seconds=SILENT_AFTER_SECONDS)
    return Worker.objects.filter(stopped_at=None, last_seen_at__gt=heard_of, queues__contains=[queue]).count()


def _people_in(facts: Facts) -> set[uuid.UUID]:
    """Those who have names of their own: the system is told in the reader's language."""
    found = {
        facts.moment.revision.changed_by_user_id,
        facts.status_from.changed_by_user_id,
        facts.hold.held_by_user_id if facts.hold else None,
        facts.changed_by,
        *(row.triggered_by for row in facts.by_hand),
    }
    return {user for user in found if user and user != SYSTEM_USER_ID}
