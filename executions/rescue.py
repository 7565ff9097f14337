"""Runs whose worker is gone: closed as lost and tried again by policy, by its silence and never by their age alone."""

from datetime import timedelta

from django.db.models.functions import Now
from django.utils.translation import gettext as _

from executions import ledger
from executions.ledger import Outcome
from executions.models import JobExecution, Worker
from jobs.enums import ExecutionStatus, Reason

SILENT_AFTER = timedelta(seconds=45)
# After an outage of the database every worker looks silent: who judges must have seen the database answer for so long
# that a living worker has written again.
WATCHED_FOR_SECONDS = 60.0
MOST_AT_ONCE = 100


def close_lost() -> int:
    """Close the Running rows whose worker has stopped or is silent; return how many. A late result is refused."""
    living = Worker.objects.filter(stopped_at=None, last_seen_at__gt=Now() - SILENT_AFTER)
    running = JobExecution.objects.filter(status=ExecutionStatus.RUNNING, worker_id__isnull=False)
    lost = running.filter(started_at__lt=Now() - SILENT_AFTER).exclude(worker_id__in=living.values("id"))
    return sum(_close(execution) for execution in lost.order_by("id")[:MOST_AT_ONCE])


def _close(execution: JobExecution) -> bool:
    text = _("The worker %(name)s is gone: it has not been heard of for %(seconds)d seconds.")
    message = text % {"name": execution.worker_name, "seconds": SILENT_AFTER.total_seconds()}
    outcome = Outcome(ExecutionStatus.FAILED, Reason.WORKER_LOST, error_message=message, can_retry=True)
    return ledger.close(execution, outcome, output=ledger.output_so_far(execution.id))
