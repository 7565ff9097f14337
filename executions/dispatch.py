"""From due time to message: a due job becomes ledger rows in one transaction, and after its commit the bell rings."""

import hashlib
import json
import logging
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection, models, transaction
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now
from django.dispatch import receiver
from django.utils.translation import gettext_lazy as _

from executions import bell, ids, partitions, tracing
from executions.models import IdempotencyKey, JobExecution
from executions.planning import Activity, Planned, admit, plan
from jobs import cron, holds, log_context, registry, sessions
from jobs.clock import database_now
from jobs.deeds import Deed
from jobs.definition_checks import check_parameters
from jobs.enums import ExecutionStatus, JobStatus, MisfirePolicy, OverlapPolicy, Reason, Trigger
from jobs.failpoints import failpoint
from jobs.models import ScheduledJob
from jobs.signals import job_changed, job_changing

logger = logging.getLogger(__name__)

JOBS_PER_BATCH = 1_000
# Of one job at most, and with so many no further job is begun: the rest comes with the next batch. Twice as many take
# 3 s on two busy cores, and a lease lasts for 8 s.
DUE_TIMES_PER_BATCH = 5_000
IDEMPOTENCY_KEYS_KEPT = timedelta(hours=24)
_TICK = timedelta(microseconds=1)


class JobNotEnabled(Exception):
    """A Disabled job cannot be run."""


class AlreadyRunning(Exception):
    """The job's overlap policy forbids a second run beside the active one."""


class KeyReused(Exception):
    """The same Idempotency-Key came with another body."""


class NotADueTime(ValueError):
    """`scheduledFor` of a run-now must be a past due time of the job."""


# --- The schedule fires ----------------------------------------------------------------------------------------------
def fire_due(before_writing: Callable[[], None] = lambda: None) -> int:
    """Settle every due time that has come, batch by batch; return how many rows were written.

    `before_writing` is called in each batch's transaction; what it raises undoes the batch.
    """
    written = 0
    without_schedule: set[uuid.UUID] = set()
    while True:
        with transaction.atomic():
            sessions.end_if_frozen()
            jobs = ScheduledJob.claim_due(limit=JOBS_PER_BATCH, without=without_schedule)
            if jobs:
                before_writing()
            without_schedule |= {job.id for job in jobs if not _has_schedule(job)}
            rows = settle([job for job in jobs if job.id not in without_schedule], database_now()) if jobs else []
            failpoint("fire.before_commit")
        failpoint("fire.after_commit")
        bell.ring([row for row in rows if _is_free_to_start(row)])
        written += len(rows)
        if not jobs:
            return written


def settle(jobs: Sequence[ScheduledJob], now: datetime) -> list[JobExecution]:
    """Write the rows of the due times up to `now` of these locked jobs, and move their next due time behind those.

    Where there are many, only the oldest of a job and only the first jobs: the others are still due.
    """
    under_way = activities(jobs)
    held = holds.since(min((job.next_execution_at for job in jobs if job.next_execution_at), default=now))
    rows: list[JobExecution] = []
    next_times = []
    for job in jobs:
        if job.next_execution_at is None or job.next_execution_at > now:
            continue
        if len(rows) >= DUE_TIMES_PER_BATCH:
            break
        due_times = list(islice(job.schedule.between(job.next_execution_at - _TICK, now), DUE_TIMES_PER_BATCH))
        planned = plan(job, due_times, now=now, activity=under_way[job.id], holds=held)
        rows += [_row(job, each, now) for each in planned]
        job.next_execution_at = job.schedule.next_after(due_times[-1] if due_times else now)
        next_times.append((job.id, job.next_execution_at))
    insert(rows)
    made_up = {job.id for job in jobs if job.misfire_policy == MisfirePolicy.RUN_ALL}
    cancelling = [job.id for job in jobs if job.overlap_policy == OverlapPolicy.CANCEL_RUNNING]
    # What RunAll makes up waits for its turn, one after another: nothing has to end for it.
    newest = [row for row in rows if row.trigger != Trigger.CATCH_UP or row.job_id not in made_up]
    make_way(cancelling, newest, now)
    if next_times:
        ScheduledJob.advance(next_times)
    return rows


def _has_schedule(job: ScheduledJob) -> bool:
    """False when the stored schedule cannot be read any more, as after an update that took its time zone away.

    Such a job keeps its due time, and catches up by its policy once it is mended; the others do not wait for it.
    """
    try:
        return bool(job.schedule)
    except cron.CronError as fault:
        logger.error("Job %s cannot be fired until its schedule is corrected: %s", job.key, fault)
        return False


def insert(rows: Sequence[JobExecution]) -> None:
    """Write rows whose due time is not in the ledger yet; the primary key leaves the others as they are."""
    partitions.ensure({partitions.month_of_id(row.id) for row in rows})
    JobExecution.objects.bulk_create(rows, ignore_conflicts=True, batch_size=1_000)


def release_held() -> int:
    """Free the oldest held run of each job that has no active one, under the job's lock; return how many."""
    held = JobExecution.objects.filter(status=ExecutionStatus.QUEUED, available_at=None)
    freed: list[JobExecution] = []
    job_ids = list(held.values_list("job_id", flat=True).distinct())
    if not job_ids:
        return 0
    with transaction.atomic():
        sessions.end_if_frozen()
        idle = {job.id for job in _locked(ScheduledJob.objects.filter(id__in=job_ids))} - set(
            JobExecution.objects.active().filter(job_id__in=job_ids).values_list("job_id", flat=True)
        )
        freed = list(held.filter(job_id__in=idle).order_by("job_id", "id").distinct("job_id"))
        JobExecution.objects.filter(id__in=[row.id for row in freed]).update(available_at=Now())
    bell.ring(freed)
    return len(freed)


def admit_retries() -> int:
    """Let the retries start whose delay is over, decided under the job's lock as every run is; return how many.

    One waits while its job is paused, and for the end of an active run unless runs may stand side by side. From
    `rung_at` on it is active itself; a message that does not go out now is found lost like any other.
    """
    waiting = JobExecution.objects.waiting().filter(trigger=Trigger.RETRY, rung_at=None)
    active = JobExecution.objects.active().filter(job_id=OuterRef("job_id"))
    may_start = waiting.filter(~Exists(active) | Q(job__overlap_policy=OverlapPolicy.ALLOW))
    may_start = may_start.exclude(job__status=JobStatus.PAUSED)  # very many of those would leave no room for others
    job_ids = list(may_start.values_list("job_id", flat=True).distinct()[:JOBS_PER_BATCH])
    if not job_ids:
        return 0
    with transaction.atomic():
        sessions.end_if_frozen()
        jobs = ScheduledJob.objects.filter(id__in=job_ids).exclude(status=JobStatus.PAUSED)
        side_by_side = {job.id: job.overlap_policy == OverlapPolicy.ALLOW for job in _locked(jobs)}
        busy = set(JobExecution.objects.active().filter(job_id__in=side_by_side).values_list("job_id", flat=True))
        admitted = []
        for row in waiting.filter(job_id__in=side_by_side).order_by("available_at", "id")[:JOBS_PER_BATCH]:
            if side_by_side[row.job_id] or row.job_id not in busy:
                admitted.append(row)
                busy.add(row.job_id)
        JobExecution.objects.filter(id__in=[row.id for row in admitted]).update(rung_at=Now())
    bell.ring(admitted)
    return len(admitted)


def _locked(jobs: models.QuerySet[ScheduledJob]) -> models.QuerySet[ScheduledJob]:
    """Without waiting: whoever holds one is deciding about it just now, and the next turn comes soon."""
    return jobs.select_for_update(no_key=True, skip_locked=True)


# --- Somebody asks ---------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class RunRequest:
    """A run-now as the caller put it. `parameters` None: the stored ones; `scheduled_for`: a past due time again."""

    by: uuid.UUID
    parameters: dict[str, Any] | None = None
    scheduled_for: datetime | None = None
    idempotency_key: str = ""

    @property
    def body_hash(self) -> str:
        body = json.dumps([self.parameters, self.scheduled_for and self.scheduled_for.isoformat()], sort_keys=True)
        return hashlib.sha256(body.encode()).hexdigest()

    @property
    def keeps_stored_parameters(self) -> bool:
        """Whether the run does what the job's own definition says, at most less of it (`dryRun`)."""
        return self.parameters is None or self.parameters == {"dryRun": True}

    def parameters_for(self, job: ScheduledJob) -> dict[str, Any] | None:
        """The run's parameters: `dryRun` alone is laid over the stored ones, all others take their place.

        Raises ValidationError on `parameters`, UnknownJobType.
        """
        job_type = registry.get(job.job_type)
        if self.parameters is None:
            return job.parameters
        is_laid_over = self.parameters.keys() == {"dryRun"}
        parameters = {**(job.parameters or {}), **self.parameters} if is_laid_over else self.parameters
        try:
            check_parameters(job_type, parameters)
        except ValidationError as fault:
            raise ValidationError({"parameters": fault.messages}) from None
        return parameters


def run_now(job: ScheduledJob, request: RunRequest) -> JobExecution:
    """Queue a run beside the schedule, ring for it, and return its row; the same idempotency key gives the same row.

    Raises JobNotEnabled, AlreadyRunning, KeyReused, NotADueTime, ValidationError on `parameters`, UnknownJobType,
    ScheduledJob.DoesNotExist (deleted meanwhile).
    """
    with transaction.atomic():
        sessions.end_if_frozen()
        job = ScheduledJob.objects.live().select_for_update(no_key=True).get(pk=job.pk)
        now = database_now()
        if request.idempotency_key and (known := _known_request(job, request, now)):
            return known
        if job.status == JobStatus.DISABLED:
            raise JobNotEnabled(_("The job is disabled. Enable it, then run it."))
        if request.scheduled_for and (request.scheduled_for > now or not job.was_due(request.scheduled_for)):
            raise NotADueTime(_("This is not a past due time of the job."))
        admitted = admit(job.overlap_policy, activities([job])[job.id])
        if admitted is None:
            raise AlreadyRunning(_("A run of this job is active, and its overlap policy allows no second one."))
        row = _new_row(
            job, ids.of_request(now), now=now, trigger=Trigger.MANUAL, status=ExecutionStatus.QUEUED,
            scheduled_for=request.scheduled_for, available_at=None if admitted.is_held else now,
        )  # fmt: skip
        row.triggered_by = request.by
        row.parameters = request.parameters_for(job)
        insert([row])
        if job.overlap_policy == OverlapPolicy.CANCEL_RUNNING:
            make_way([job.id], [row], now)
        if request.idempotency_key:
            IdempotencyKey.objects.create(
                caller=request.by, job=job, key=request.idempotency_key, body_hash=request.body_hash,
                execution_id=row.id, created_at=now,
            )  # fmt: skip
        deed_of(row, "RunRequested", by=request.by, at=now).tell()
        transaction.on_commit(partial(_tell, row), robust=True)
        if _is_free_to_start(row):
            transaction.on_commit(partial(bell.ring, [row]), robust=True)
    return row


def deed_of(row: JobExecution, action: str, *, by: uuid.UUID, at: datetime) -> Deed:
    """That somebody asked for this new run."""
    asked = ("job_id", "parameters", "scheduled_for", "retry_of")
    after = {name: getattr(row, name) for name in asked}
    return Deed(action, "Execution", row.id, row.job_name, after=after, by=by, at=at)


def make_retry(
    last: JobExecution,
    *,
    available_at: datetime | None,
    now: datetime,
    trigger: Trigger = Trigger.RETRY,
    by: uuid.UUID | None = None,
) -> JobExecution:
    """Write the row of the attempt after `last`. Its delay is `available_at` (None: held): nothing waits in the broker.

    `by`: who asked for it; without, whoever asked for the first attempt.
    """
    row = JobExecution(
        id=ids.of_retry(last.first_attempt, last.retry_attempt + 1),
        retry_of=last.first_attempt,
        retry_attempt=last.retry_attempt + 1,
        trigger=trigger,
        status=ExecutionStatus.QUEUED,
        queued_at=now,
        available_at=available_at,
        **{name: getattr(last, name) for name in _CARRIED_TO_RETRY},
    )
    row.triggered_by = by or last.triggered_by
    insert([row])
    return row


_CARRIED_TO_RETRY = (
    "job_id", "job_name", "job_type", "parameters", "queue", "priority", "scheduled_for",
)  # fmt: skip


# --- The job changes -------------------------------------------------------------------------------------------------
@receiver(job_changing)
def _settle_before_change(job: ScheduledJob, now: datetime, **_kwargs: Any) -> None:
    """A change first settles, in its own transaction, what was due under the old definition (SPEC §2)."""
    while job.next_execution_at and job.next_execution_at <= now and _has_schedule(job):
        rows = settle([job], now)
        free = [row for row in rows if _is_free_to_start(row)]
        transaction.on_commit(partial(bell.ring, free), robust=True)


@receiver(job_changed)
def _cancel_what_waits(job: ScheduledJob, changed: frozenset[str], now: datetime, **_kwargs: Any) -> None:
    """Disable and delete cancel queued, held and waiting runs; a running one goes on."""
    if job.is_on_schedule or not changed & {"status", "deleted_at"}:
        return
    JobExecution.objects.filter(job=job, status=ExecutionStatus.QUEUED).update(
        status=ExecutionStatus.CANCELLED,
        reason=Reason.DELETED if job.deleted_at else Reason.DISABLED,
        completed_at=now,
    )


# --- Rows ------------------------------------------------------------------------------------------------------------
def activities(jobs: Iterable[ScheduledJob]) -> dict[uuid.UUID, Activity]:
    """What is under way for each of these jobs, from one query."""
    found = {job.id: Activity() for job in jobs}
    watched = [job.id for job in jobs if job.overlap_policy != OverlapPolicy.ALLOW]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT job_id,"
            " bool_or(status = 'Running' OR"
            "  available_at <= clock_timestamp() AND (trigger <> 'Retry' OR rung_at IS NOT NULL)),"
            # Of RunAll, the runs that are made up one after another do not count; of RunOnce the one does.
            " bool_or(status = 'Queued' AND available_at IS NULL AND (trigger <> 'CatchUp' OR job_id <> ALL(%s)))"
            " FROM executions_jobexecution WHERE status IN ('Queued', 'Running') AND job_id = ANY(%s) GROUP BY job_id",
            [[job.id for job in jobs if job.misfire_policy == MisfirePolicy.RUN_ALL], watched],
        )
        for job_id, is_active, has_held in cursor.fetchall():
            found[job_id] = Activity(bool(is_active), bool(has_held))
    return found


def make_way(job_ids: Sequence[uuid.UUID], new: Sequence[JobExecution], now: datetime) -> None:
    """CancelRunning: what is active of these jobs ends, so that the held new run can start."""
    waiting = {row.job_id for row in new if row.status == ExecutionStatus.QUEUED and row.available_at is None}
    older = JobExecution.objects.active().filter(job_id__in=waiting.intersection(job_ids))
    # The first wish stands, with its reason.
    running = older.filter(status=ExecutionStatus.RUNNING, cancel_requested_at=None)
    running.update(cancel_requested_at=now, reason=Reason.OVERLAP)
    older.filter(status=ExecutionStatus.QUEUED).update(
        status=ExecutionStatus.CANCELLED, reason=Reason.OVERLAP, completed_at=now
    )


def _row(job: ScheduledJob, planned: Planned, now: datetime) -> JobExecution:
    is_queued = planned.status == ExecutionStatus.QUEUED
    row = _new_row(
        job, ids.of_due_time(job.id, planned.due), now=now, trigger=planned.trigger, status=planned.status,
        scheduled_for=planned.due, available_at=now if is_queued and not planned.is_held else None,
    )  # fmt: skip
    row.reason = planned.reason
    row.completed_at = None if is_queued else now
    return row


def _new_row(job: ScheduledJob, key: uuid.UUID, *, now: datetime, **fields: Any) -> JobExecution:
    return JobExecution(
        id=key, job_id=job.id, job_name=job.name, job_type=job.job_type, parameters=job.parameters,
        queue=job.queue, priority=job.priority, queued_at=now, **fields,
    )  # fmt: skip


def _is_free_to_start(row: JobExecution) -> bool:
    return row.status == ExecutionStatus.QUEUED and row.available_at is not None


def _tell(row: JobExecution) -> None:
    """The line that has both the ids of the run and the correlation id of the request for it."""
    with log_context.bound(**tracing.log_ids(row)):
        logger.info("A run of %s is queued as asked.", row.job_name)


def _known_request(job: ScheduledJob, request: RunRequest, now: datetime) -> JobExecution | None:
    keys = IdempotencyKey.objects.filter(caller=request.by, job=job, key=request.idempotency_key)
    keys.filter(created_at__lte=now - IDEMPOTENCY_KEYS_KEPT).delete()
    known = keys.first()
    if known is None:
        return None
    if known.body_hash != request.body_hash:
        raise KeyReused(_("This Idempotency-Key was used with another body."))
    return JobExecution.objects.get(id=known.execution_id)
