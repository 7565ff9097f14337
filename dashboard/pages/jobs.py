"""The list of all jobs: found, sorted and changed together."""

from typing import Any

from django.core.paginator import Paginator
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _

from dashboard.jobs import lines
from dashboard.pages.base import Page, asked_text
from dashboard.pages.doors import VERBS, may
from jobs.enums import JobStatus
from jobs.models import JobQuerySet, ScheduledJob

ON_A_PAGE = 50
ORDERS: dict[str, tuple[Any, ...]] = {
    "name": ("name", "id"),
    "-name": ("-name", "id"),
    "next": (F("next_execution_at").asc(nulls_last=True), "name"),
    "type": ("job_type", "name"),
    "status": ("status", "name"),
}


class JobsPage(Page):
    template = "dashboard/jobs.html"
    section = "jobs-page"

    def context(self, request: HttpRequest, **kwargs: Any) -> dict[str, Any]:
        asked = request.GET
        search, status, order = asked_text(request, "search"), asked.get("status", ""), asked.get("order", "name")
        found = narrowed(search, status).order_by(*ORDERS.get(order, ORDERS["name"]))
        page = Paginator(found, ON_A_PAGE).get_page(asked.get("page"))
        return {
            "page": page, "lines": lines(list(page.object_list)), "search": search, "status": status, "order": order,
            "statuses": JobStatus.choices,
            "orders": [("name", _("Name")), ("next", _("Next run")), ("status", _("Status")), ("type", _("Type"))],
            "verbs": [verb for verb in VERBS if may(request, verb)],
            "is_narrowed": bool(search or status),
        }  # fmt: skip


def narrowed(search: str, status: str) -> QuerySet[ScheduledJob]:
    jobs: JobQuerySet = ScheduledJob.objects.live()
    if status in JobStatus.values:
        jobs = jobs.filter(status=status)
    if search:
        named = Q(name__icontains=search) | Q(key__icontains=search) | Q(description__icontains=search)
        jobs = jobs.filter(named | Q(job_type__icontains=search))
    return jobs
