"""The edges of a run in the ledger: Queued to Running, Running to its end, each one statement under a claim token.

A row is claimed at most once in its life, and only who holds its token closes it: a late result of a lost attempt
finds no row and is refused.
"""

import json
import logging
import os
import random
import re
import socket
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import DatabaseError, OperationalError, connection, transaction

from executions import dispatch, ids
from executions.models import JobExecution, OutputChunk
from executions.notices import outbox
from executions.output import storable
from jobs import sessions
from jobs.clock import database_now
from jobs.enums import ExecutionStatus, Reason, Trigger
from jobs.failpoints import failpoint
from jobs.models import FIGURE_STRIPES, ScheduledJob

logger = logging.getLogger(__name__)

RESULT_MAX_LENGTH = 1_048_576


@dataclass(frozen=True)
class Outcome:
    """How a run ended. `can_retry`: another attempt might do better."""

    status: ExecutionStatus
    reason: str = ""
    result: dict[str, Any] | None = None
    error_message: str | None = None
    stack_trace: str | None = None
    can_retry: bool = False
    costs_retry: bool = True  # False: the attempt ended for no fault of the job's
    is_substitute: bool = False  # stands for an outcome that the database could not take


def claim(
    execution_id: uuid.UUID, *, token: uuid.UUID, worker_name: str, worker_id: uuid.UUID | None
) -> JobExecution | None:
    """Queued becomes Running, for this process alone. None: not there, not free, too late, or somebody else's.

    Asking again with the same token finds one's own claim, should its answer have been lost.
    """
    rows = JobExecution.objects.raw(
        "UPDATE executions_jobexecution SET status = 'Running', started_at = clock_timestamp(), claim_token = %s,"
        " machine_name = %s, process_id = %s, worker_name = %s, worker_id = %s"
        " WHERE id = %s AND (status = 'Queued' AND available_at <= clock_timestamp()"
        "  AND (trigger = 'Manual' OR scheduled_for IS NULL OR NOT EXISTS (SELECT FROM jobs_scheduledjob AS job"
        "   WHERE job.id = job_id AND available_at + job.start_deadline_seconds * interval '1 second'"
        "    < clock_timestamp()))"
        "  OR status = 'Running' AND claim_token = %s) RETURNING *",
        [token, socket.gethostname(), os.getpid(), worker_name, worker_id, execution_id, token],
    )
    return next(iter(rows), None)


def close(execution: JobExecution, outcome: Outcome, *, output: str, progress: tuple[int, str] | None = None) -> bool:
    """Running becomes the outcome, together with the job's figures and, after a failure, the next attempt's row.

    A run that is failed and has no next attempt has finally failed: what is to be told of it is written too.

    `progress` (percent, message): the last that the run said; None leaves what was written while it ran.
    False: the row is not ours any more, and nothing was written. Raises the database's errors.
    """
    failpoint("record.before_commit")
    with transaction.atomic():
        # The job before its run, as whoever makes way for a new run locks them: neither waits for the other for ever.
        job = _locked_job(execution) if _may_be_retried(execution, outcome) else None
        is_ours = _close_row(execution, outcome, output, progress or (None, None))
        has_next = is_ours and job is not None and _retry(execution, job, outcome)
        if is_ours and outcome.status == ExecutionStatus.FAILED and not has_next:
            have_it_told(execution, job)
        if is_ours:
            OutputChunk.objects.filter(execution_id=execution.id).delete()
    failpoint("record.after_commit")
    return is_ours


def json_text(result: Any) -> str:
    """A job's result as PostgreSQL takes it. Raises TypeError, ValueError or RecursionError when it is no JSON."""
    text = json.dumps(result, cls=DjangoJSONEncoder, ensure_ascii=False, allow_nan=False)
    # A backslash that is itself escaped may stand before: only an odd one makes this a NUL.
    if len(text) > RESULT_MAX_LENGTH:
        raise ValueError(f"it is longer than {RESULT_MAX_LENGTH} characters")
    return storable(re.sub(r"(?<!\\)((?:\\\\)*)\\u0000", "\\1\N{REPLACEMENT CHARACTER}", text))


def output_so_far(execution_id: uuid.UUID) -> str:
    """What a run has written of its output, for who must close it in its place."""
    return "".join(OutputChunk.objects.filter(execution_id=execution_id).order_by("id").values_list("text", flat=True))


def _close_row(execution: JobExecution, outcome: Outcome, output: str, progress: tuple[int | None, str | None]) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            _CLOSE,
            {
                "id": execution.id,
                "token": execution.claim_token,
                "status": outcome.status.value,
                "reason": outcome.reason,
                "result": None if outcome.result is None else json_text(outcome.result),
                "error": outcome.error_message and storable(outcome.error_message),
                "stack": outcome.stack_trace and storable(outcome.stack_trace),
                "output": storable(output),
                "percent": progress[0],
                "message": progress[1],
                "successful": int(outcome.status == ExecutionStatus.COMPLETED),
                "failed": int(outcome.status == ExecutionStatus.FAILED),
                "stripe": os.getpid() % FIGURE_STRIPES,
                "frozen": f"{sessions.FROZEN_AFTER_SECONDS}s",
            },
        )
        return cursor.fetchone() is not None


def _may_be_retried(execution: JobExecution, outcome: Outcome) -> bool:
    """Whether another attempt might do better, and this one is not one that somebody asked for and got."""
    was_asked_for = execution.trigger == Trigger.MANUAL and execution.is_retry and outcome.costs_retry
    return outcome.status == ExecutionStatus.FAILED and outcome.can_retry and not was_asked_for


def _locked_job(execution: JobExecution) -> ScheduledJob:
    sessions.end_if_frozen()
    return ScheduledJob.objects.select_for_update(no_key=True).get(pk=execution.job_id)


def _retry(execution: JobExecution, job: ScheduledJob, outcome: Outcome) -> bool:
    """The next attempt, unless none is left, the job was disabled or deleted, or somebody asked this run to stop.

    Whether there is one.
    """
    if not job.is_on_schedule or _was_asked_to_stop(execution):
        return False
    now, delay = database_now(), timedelta()
    if outcome.costs_retry:
        retry = execution.retry_attempt - _attempts_for_nothing(execution) + 1
        if retry > job.max_retries:
            return False
        delay = job.retry_delay(retry, jitter=random.uniform(-1, 1))  # noqa: S311 - spreads load, guards nothing
    dispatch.make_retry(execution, available_at=now + delay, now=now)
    return True


def have_it_told(execution: JobExecution, job: ScheduledJob | None = None) -> None:
    """That this run has finally failed.

    A job that cannot be read does not keep its run from being closed; a database that is away does, for a while.
    """
    try:
        with transaction.atomic():
            job = job or ScheduledJob.objects.filter(pk=execution.job_id).first()
            if job and job.notify_on_failure:
                outbox.run_failed(execution, job)
    except OperationalError:
        raise
    except (DatabaseError, TypeError, ValueError):
        logger.exception("The failure of execution %s cannot be told.", execution.id)


def _attempts_for_nothing(execution: JobExecution) -> int:
    """How many of the attempts before this one a stopping worker cut off: those cost no retry (SPEC §5.6)."""
    earlier = [ids.of_retry(execution.first_attempt, number) for number in range(1, execution.retry_attempt)]
    cut_off = JobExecution.objects.filter(id__in=[execution.first_attempt, *earlier], reason=Reason.SHUTDOWN)
    return cut_off.count() if execution.is_retry else 0


def _was_asked_to_stop(execution: JobExecution) -> bool:
    """Asked of the row: the request came after the claim."""
    return JobExecution.objects.filter(id=execution.id, cancel_requested_at__isnull=False).exists()


_CLOSE = """
WITH closed AS (
    UPDATE executions_jobexecution SET
        status = %(status)s, completed_at = clock_timestamp(),
        -- Who asked it to stop for a reason of his own has left that beside his request.
        reason = CASE WHEN %(status)s = 'Cancelled' AND reason <> '' THEN reason ELSE %(reason)s END,
        duration = clock_timestamp() - started_at, result = %(result)s::jsonb, error_message = %(error)s,
        stack_trace = %(stack)s, output = %(output)s,
        progress = CASE
            WHEN %(successful)s = 1 AND coalesce(%(percent)s, progress) IS NOT NULL THEN 100
            ELSE coalesce(%(percent)s, progress) END,
        progress_message = coalesce(%(message)s, progress_message)
    WHERE id = %(id)s AND status = 'Running' AND claim_token = %(token)s
    RETURNING job_id, started_at, duration
), counted AS (
    INSERT INTO jobs_jobfigures AS figures
        (job_id, stripe, total, successful, failed, duration_total, last_started_at, last_status, last_error)
    SELECT job_id, %(stripe)s, 1, %(successful)s, %(failed)s, duration, started_at, %(status)s, %(error)s FROM closed
    ON CONFLICT (job_id, stripe) DO UPDATE SET
        total = figures.total + 1,
        successful = figures.successful + excluded.successful,
        failed = figures.failed + excluded.failed,
        duration_total = figures.duration_total + excluded.duration_total,
        last_started_at = greatest(figures.last_started_at, excluded.last_started_at),
        last_status = CASE WHEN figures.last_started_at > excluded.last_started_at
            THEN figures.last_status ELSE excluded.last_status END,
        last_error = CASE WHEN figures.last_started_at > excluded.last_started_at
            THEN figures.last_error ELSE excluded.last_error END
)
SELECT set_config('idle_in_transaction_session_timeout', %(frozen)s, true) FROM closed
"""
