"""What people and deadlines do to executions that are there: cancel, one more attempt, too late to start."""

import logging
import uuid
from datetime import timedelta
from functools import partial

from celery import current_app
from django.db import connection, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from executions import bell, dispatch, ids, ledger
from executions.models import JobExecution
from executions.planning import admit
from jobs import sessions
from jobs.clock import database_now
from jobs.deeds import Deed
from jobs.enums import ExecutionStatus, JobStatus, OverlapPolicy, Reason, Trigger
from jobs.models import ScheduledJob

logger = logging.getLogger(__name__)

# A job that looks now and then whether it should stop has this long to do so; then its process is ended.
COOPERATION = timedelta(seconds=10)
ATTEMPTS_AT_ONCE = 32


class WrongState(Exception):
    """The execution's state does not allow this verb."""


# --- Cancel ----------------------------------------------------------------------------------------------------------
def cancel(execution: JobExecution) -> JobExecution:
    """End a queued run at once; ask a running one to stop, which `stop_deaf` insists on after 10 s.

    Asking again changes nothing. Returns the row as it now is. Raises WrongState when the run has ended.
    """
    row = JobExecution.objects.filter(id=execution.id)
    queued, running = row.filter(status=ExecutionStatus.QUEUED), row.filter(status=ExecutionStatus.RUNNING)
    with transaction.atomic():
        sessions.end_if_frozen()
        if queued.update(status=ExecutionStatus.CANCELLED, reason=Reason.CANCELLED, completed_at=Now()):
            _tell_of_cancel(row.get(), before=ExecutionStatus.QUEUED)
        elif running.filter(cancel_requested_at=None).update(cancel_requested_at=Now()):
            _tell_of_cancel(row.get(), before=ExecutionStatus.RUNNING)
        elif not running.exists():
            raise WrongState(_("The execution has ended: there is nothing left to cancel."))
    return row.get()


def _tell_of_cancel(execution: JobExecution, *, before: ExecutionStatus) -> None:
    asked = {"status": execution.status, "cancel_requested_at": execution.cancel_requested_at}
    Deed(
        "RunCancelled", "Execution", execution.id, execution.job_name,
        before={"status": before, "cancel_requested_at": None}, after={**asked, "job_id": execution.job_id},
    ).tell()  # fmt: skip


def stop_deaf() -> int:
    """Have the processes ended whose run was asked to stop and has not; return how many.

    A worker that does not hear it is asked again by the next turns; what it then says of a run that ended meanwhile is
    refused. Raises BROKER_ERRORS.
    """
    deaf = JobExecution.objects.filter(
        status=ExecutionStatus.RUNNING, cancel_requested_at__lt=Now() - COOPERATION
    ).exclude(worker_name="")
    by_worker: dict[str, list[str]] = {}
    for key, worker in deaf.order_by("id").values_list("id", "worker_name"):
        by_worker.setdefault(worker, []).append(str(key))
    for worker, keys in by_worker.items():
        logger.warning("%s: %d runs did not stop when asked; their processes are ended", worker, len(keys))
        with bell.connection() as broker:
            # SIGKILL: a process that hears nothing else. The worker replaces it.
            current_app.control.revoke(keys, terminate=True, signal="SIGKILL", destination=[worker], connection=broker)
    return sum(map(len, by_worker.values()))


# --- Once more -------------------------------------------------------------------------------------------------------
def retry(execution: JobExecution, *, by: uuid.UUID) -> JobExecution:
    """Queue one more attempt of a run that has ended, after the last one there is; it is not tried again by itself.

    Raises WrongState while an attempt is under way, JobNotEnabled, AlreadyRunning, ScheduledJob.DoesNotExist.
    """
    with transaction.atomic():
        sessions.end_if_frozen()
        job = ScheduledJob.objects.live().select_for_update(no_key=True).get(pk=execution.job_id)
        attempts = _attempts(execution.first_attempt)
        if any(not attempt.is_finished for attempt in attempts):
            raise WrongState(_("An attempt of this run is queued or running. Wait for its end, or cancel it."))
        if job.status == JobStatus.DISABLED:
            raise dispatch.JobNotEnabled(_("The job is disabled. Enable it, then run it."))
        admitted = admit(job.overlap_policy, dispatch.activities([job])[job.id])
        if admitted is None:
            raise dispatch.AlreadyRunning(
                _("A run of this job is active, and its overlap policy allows no second one.")
            )
        now = database_now()
        row = dispatch.make_retry(
            attempts[-1], available_at=None if admitted.is_held else now, now=now, trigger=Trigger.MANUAL, by=by
        )
        dispatch.deed_of(row, "RetryRequested", by=by, at=now).tell()
        if job.overlap_policy == OverlapPolicy.CANCEL_RUNNING:
            dispatch.make_way([job.id], [row], now)
        if not admitted.is_held:
            transaction.on_commit(partial(bell.ring, [row]), robust=True)
    return row


def _attempts(first: uuid.UUID) -> list[JobExecution]:
    """Every attempt of a run, in order: their ids follow from the first one's."""
    found: list[JobExecution] = []
    while len(found) % ATTEMPTS_AT_ONCE == 0:
        numbers = range(len(found), len(found) + ATTEMPTS_AT_ONCE)
        keys = [ids.of_retry(first, number) if number else first for number in numbers]
        rows = JobExecution.objects.filter(id__in=keys).defer("output", "stack_trace").order_by("retry_attempt")
        if not rows:
            break
        found += rows
    return found


# --- Too late --------------------------------------------------------------------------------------------------------
def miss_late_starts() -> int:
    """Runs of the schedule that waited longer than their job's `startDeadlineSeconds` become Missed; return how many.

    A worker that comes later finds the row ended; one that comes between the deadline and this is refused by the claim.
    A further attempt that is missed leaves its run finally failed, which is told.
    """
    with transaction.atomic():
        sessions.end_if_frozen()
        with connection.cursor() as cursor:
            cursor.execute(_MISS, {"reason": Reason.START_DEADLINE.value, "manual": Trigger.MANUAL.value})
            missed = cursor.fetchall()
        for execution in JobExecution.objects.filter(id__in=[key for key, attempt in missed if attempt]):
            ledger.have_it_told(execution)
    return len(missed)


# Whoever has a row locked is about to claim or to end it.
_MISS = """
WITH late AS (
    SELECT run.id FROM executions_jobexecution AS run JOIN jobs_scheduledjob AS job ON job.id = run.job_id
    WHERE job.start_deadline_seconds IS NOT NULL
        AND run.status = 'Queued' AND run.trigger <> %(manual)s AND run.scheduled_for IS NOT NULL
        AND run.available_at + job.start_deadline_seconds * interval '1 second' < clock_timestamp()
    FOR UPDATE OF run SKIP LOCKED
)
UPDATE executions_jobexecution AS run SET status = 'Missed', reason = %(reason)s, completed_at = clock_timestamp()
FROM late WHERE run.id = late.id RETURNING run.id, run.retry_attempt
"""
