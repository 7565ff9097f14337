"""What went wrong lately: runs that finally failed, and due times that were missed."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db.models import Exists, Q

from dashboard.history import HOUR, Ended
from dashboard.metrics import next_attempt
from executions.models import JobExecution
from jobs.enums import ExecutionStatus

SHOWN_FIELDS = ("job_name", "status", "reason", "scheduled_for", "queued_at", "completed_at", "error_message")


def troubles(found: Iterable[Ended], now: datetime, *, within: timedelta, limit: int) -> Sequence[JobExecution]:
    """The newest first. `found`: what ended within that time; where nothing went wrong there, nothing is asked."""
    wrong = [each.begins_at for each in found if each.begins_at > now - within - HOUR and _is_wrong(each)]
    if not wrong:
        return []
    began, over = max(min(wrong), now - within), min(max(wrong) + HOUR, now)
    ended = JobExecution.objects.filter(completed_at__gte=began, completed_at__lte=over)
    failed = Q(status=ExecutionStatus.FAILED) & ~Exists(next_attempt())
    chosen = ended.filter(failed | Q(status=ExecutionStatus.MISSED)).only(*SHOWN_FIELDS)
    return list(chosen.order_by("-completed_at")[:limit])


def _is_wrong(ended: Ended) -> bool:
    return bool(ended.counts[ExecutionStatus.FAILED] or ended.counts[ExecutionStatus.MISSED])
