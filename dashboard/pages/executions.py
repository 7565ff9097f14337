"""The history of all jobs, newest first, by cursor: what is asked of it is answered through its keys."""

import uuid
from datetime import timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _

from dashboard.pages.base import Page, asked_text, key_of
from executions import ids
from executions.admin.job_execution import LONG_FIELDS
from executions.models import JobExecution
from jobs.clock import database_now
from jobs.enums import ExecutionStatus, Trigger
from jobs.models import ScheduledJob

ON_A_PAGE = 50
SPANS = {"1h": timedelta(hours=1), "24h": timedelta(days=1), "7d": timedelta(days=7), "30d": timedelta(days=30)}


class ExecutionsPage(Page):
    template = "dashboard/executions.html"
    section = "executions-page"

    def context(self, request: HttpRequest, **kwargs: Any) -> dict[str, Any]:
        asked = request.GET
        rows = narrowed(asked.get("status"), asked.get("trigger"), asked.get("span"), asked_text(request, "search"))
        found, newer, older = _page(rows, newer_than=key_of(asked.get("newer")), older_than=key_of(asked.get("older")))
        kept = {name: asked[name] for name in ("status", "trigger", "span", "search") if asked.get(name)}
        return {
            "runs": found, "newer": newer, "older": older, "kept": kept, "search": "",
            "statuses": ExecutionStatus.choices, "triggers": Trigger.choices,
            "spans": [("1h", _("Last hour")), ("24h", _("Last 24 hours")), ("7d", _("Last 7 days")),
                      ("30d", _("Last 30 days"))],
        }  # fmt: skip


def narrowed(status: str | None, trigger: str | None, span: str | None, search: str) -> QuerySet[JobExecution]:
    """What is no word of ours narrows nothing. `search`: the id of a run or job, or a part of a job's name."""
    rows = JobExecution.objects.select_related("job").defer(*LONG_FIELDS)
    if status in ExecutionStatus.values:
        rows = rows.filter(status=status)
    if trigger in Trigger.values:
        rows = rows.filter(trigger=trigger)
    if span in SPANS:
        rows = rows.filter(id__gte=ids.floor(database_now() - SPANS[str(span)]))
    if key := key_of(search):
        return rows.filter(Q(id=key) | Q(job_id=key))
    if search:
        jobs = ScheduledJob.objects.filter(Q(name__icontains=search) | Q(key__icontains=search))
        return rows.filter(job_id__in=list(jobs.values_list("id", flat=True)))
    return rows


def _page(
    rows: QuerySet[JobExecution], *, newer_than: uuid.UUID | None, older_than: uuid.UUID | None
) -> tuple[list[JobExecution], uuid.UUID | None, uuid.UUID | None]:
    """The rows, and the keys behind which newer and older ones are."""
    if newer_than:
        found = list(rows.filter(id__gt=newer_than).order_by("id")[: ON_A_PAGE + 1])
        has_newer, has_older, found = len(found) > ON_A_PAGE, True, found[:ON_A_PAGE][::-1]
    else:
        found = list((rows.filter(id__lt=older_than) if older_than else rows).order_by("-id")[: ON_A_PAGE + 1])
        has_newer, has_older, found = older_than is not None, len(found) > ON_A_PAGE, found[:ON_A_PAGE]
    if not found:
        return [], None, None
    return found, found[0].id if has_newer else None, found[-1].id if has_older else None
