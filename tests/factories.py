"""Jobs and executions as tests need them, made by the verbs that the service itself uses."""

import uuid
from collections.abc import Iterable
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.test import TestCase

from executions import dispatch, ledger
from executions.ledger import Outcome
from executions.models import JobExecution
from jobs.clock import database_now
from jobs.enums import ExecutionStatus
from jobs.models import SYSTEM_USER_ID, ScheduledJob

SOMEBODY = uuid.UUID("00000000-0000-4000-8000-0000000000aa")
# Far enough away that no due time comes while a test runs.
ONCE_A_YEAR = "0 0 1 1 *"
COMPLETED = Outcome(ExecutionStatus.COMPLETED, result={})
FAILED = Outcome(ExecutionStatus.FAILED, "error", error_message="it broke", can_retry=True)


def a_job(name: str = "job", **definition: Any) -> ScheduledJob:
    """A job that does nothing, on a schedule that does not come by itself."""
    definition = {"job_type": "NoOpJob", "cron_expression": ONCE_A_YEAR, **definition}
    return ScheduledJob.define(by=SYSTEM_USER_ID, name=name, **definition)


def fresh(job: ScheduledJob) -> ScheduledJob:
    return ScheduledJob.objects.with_figures().get(pk=job.pk)


def fell_due(job: ScheduledJob, at: datetime) -> datetime:
    """As if nothing had fired since `at`: the job's next due time is the first one from then on."""
    due = job.schedule.next_after(at - timedelta(microseconds=1))
    assert due is not None
    ScheduledJob.objects.filter(pk=job.pk).update(next_execution_at=due)
    job.next_execution_at = due
    return due


def settle(job: ScheduledJob, now: datetime) -> list[JobExecution]:
    """Everything due up to `now`, as beat does it but with the time as an argument."""
    with transaction.atomic():
        job = ScheduledJob.objects.select_for_update().get(pk=job.pk)
        rows = []
        while job.next_execution_at and job.next_execution_at <= now:
            rows += dispatch.settle([job], now)
    return rows


def rows_of(job: ScheduledJob) -> list[JobExecution]:
    """Oldest first."""
    return list(JobExecution.objects.filter(job=job).order_by("scheduled_for", "id", "retry_attempt"))


def a_run(job: ScheduledJob, **request: Any) -> JobExecution:
    with TestCase.captureOnCommitCallbacks(execute=True):  # in a test's transaction too the bell rings
        return dispatch.run_now(job, dispatch.RunRequest(by=SOMEBODY, **request))


def started(job: ScheduledJob) -> JobExecution:
    """A run of the job that a worker holds."""
    return claimed(a_run(job))


def claimed(run: JobExecution) -> JobExecution:
    row = ledger.claim(run.id, token=uuid.uuid4(), worker_name="test@here", worker_id=None)
    assert row is not None
    return row


def ended(run: JobExecution, outcome: Outcome = COMPLETED, output: str = "") -> JobExecution:
    assert ledger.close(run, outcome, output=output)
    return JobExecution.objects.get(pk=run.pk)


def minutes_ago(count: float) -> datetime:
    return database_now() - timedelta(minutes=count)


def of_status(rows: Iterable[JobExecution], *statuses: ExecutionStatus) -> list[JobExecution]:
    return [row for row in rows if row.status in statuses]


@contextmanager
def committing() -> Any:
    """What waits for the commit happens at the end, as it does outside a test's transaction."""
    from django.test import TestCase

    with TestCase.captureOnCommitCallbacks(execute=True):
        yield
