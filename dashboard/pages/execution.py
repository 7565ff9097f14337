"""One run: its state and log as it goes on, result or error, attempts, and why it did or did not run."""

import uuid
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest

from dashboard import live
from dashboard.pages.base import Page
from executions import ids, ledger, why
from executions.admin.handling import BUTTONS
from executions.admin.job_execution import LONG_FIELDS
from executions.admin.reading import flower_url
from executions.models import Artifact, JobExecution
from jobs.admin.display import people
from jobs.enums import ExecutionStatus
from jobs.models import ScheduledJob

MOST_RETRIES = 20


class ExecutionPage(Page):
    template = "dashboard/execution.html"
    section = "executions-page"
    live_seconds = 1.0  # live.js comes every two

    def context(self, request: HttpRequest, **kwargs: Any) -> dict[str, Any]:
        run = _found(kwargs["execution_id"], with_log=not live.is_live(request))
        job, attempts = ScheduledJob.objects.get(pk=run.job_id), _attempts(run)
        return {
            "run": run,
            "job": job,
            "attempts": attempts,
            "live_every": _live_every(run, attempts),
            "artifacts": Artifact.objects.filter(execution_id=run.id).defer("content"),
            "buttons": [button for button in BUTTONS if button.suits(run)],
            "asked_by": people([run.triggered_by])[run.triggered_by] if run.triggered_by else "",
            "flower_task": _flower("task", run.id if run.rung_at else ""),
            "flower_worker": _flower("worker", run.worker_name),
            "why": why.explain(job, run.reference_time) if run.scheduled_for else None,
            "has_changed": run.parameters != job.parameters,
            "is_stopping": run.status == ExecutionStatus.RUNNING and run.cancel_requested_at is not None,
        }


def _flower(kind: str, name: Any) -> str:
    """Empty where there is none."""
    return flower_url(kind, name) if name and settings.SCHEDULER_FLOWER_URL else ""


def _live_every(run: JobExecution, attempts: list[JobExecution]) -> int:
    """In seconds: often while it goes on, then while another attempt does; at last for what somebody may ask of it."""
    if not run.is_finished:
        return 2
    return 15 if all(each.is_finished for each in attempts) else 5


def _found(execution_id: uuid.UUID, *, with_log: bool) -> JobExecution:
    """With what it has said so far. Chunks are folded into the row when it ends: read in this order, one has it.

    The log goes on by a stream of its own: it may be long, and is not sent again every two seconds.
    """
    text = ledger.output_so_far(execution_id) if with_log else ""
    found = JobExecution.objects.select_related("job").filter(pk=execution_id)
    run = (found if with_log else found.defer("output")).first()
    if run is None:
        raise Http404
    if not with_log or not run.is_finished:
        run.output = text
    return run


def _attempts(run: JobExecution) -> list[JobExecution]:
    """All attempts of this run in order: their ids follow from the first one's."""
    keys = [run.first_attempt, *(ids.of_retry(run.first_attempt, n) for n in range(1, MOST_RETRIES + 1)), run.id]
    return list(JobExecution.objects.filter(id__in=keys).defer(*LONG_FIELDS).order_by("retry_attempt", "id"))
