"""The list of all jobs: found, sorted and changed together."""

from typing import Any

from django.core.paginator import Paginator
from django.db.models import (
    Case,
    DurationField,
    ExpressionWrapper,
    F,
    FloatField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
    When,
)
from django.db.models.functions import Cast, NullIf
from django.http import HttpRequest
from django.utils.translation import gettext as _

from dashboard.jobs import lines
from dashboard.pages import verbs
from dashboard.pages.base import Page, asked_text
from jobs.enums import ExecutionStatus, JobStatus
from jobs.models import JobFigures, JobQuerySet, ScheduledJob

ON_A_PAGE = 40  # with a drawing of each job: 50 of them weigh more than a page should
DELETED = "Deleted"
ORDERS: dict[str, tuple[Any, ...]] = {
    "name": ("name", "id"),
    "-name": ("-name", "id"),
    "next": (F("next_execution_at").asc(nulls_last=True), "name"),
    "last": (F("last_at").desc(nulls_last=True), "name"),
    "result": ("failed_last", "name"),
    "duration": (F("average").desc(nulls_last=True), "name"),
    "type": ("job_type", "name"),
    "status": ("status", "name"),
}
RESULTS = (ExecutionStatus.COMPLETED, ExecutionStatus.FAILED, ExecutionStatus.CANCELLED)


class JobsPage(Page):
    template = "dashboard/jobs.html"
    section = "jobs-page"

    def context(self, request: HttpRequest, **kwargs: Any) -> dict[str, Any]:
        asked = request.GET
        search, status, order = asked_text(request, "search"), asked.get("status", ""), asked.get("order", "name")
        result, is_deleted = asked.get("result", ""), status == DELETED
        found = narrowed(search, status, result).order_by(*ORDERS.get(order, ORDERS["name"]))
        page = Paginator(found, ON_A_PAGE).get_page(asked.get("page"))
        return {
            "page": page, "lines": lines(list(page.object_list)), "search": search, "status": status, "order": order,
            "result": result, "statuses": [*JobStatus.choices, (DELETED, _("Deleted"))],
            "results": [(each.value, each.label) for each in RESULTS],
            "orders": _orders(),
            "verbs": [verb for verb in verbs.VERBS if verbs.may(request, verb) and not is_deleted],
            "skipped": {job.id for job in page.object_list if self._is_skipped(job)},
            "is_narrowed": bool(search or status or result),
            "deleted": 0 if is_deleted or not search else narrowed(search, DELETED, "").count(),
        }  # fmt: skip

    def _is_skipped(self, job: ScheduledJob) -> bool:
        """Whether its next due time falls into a pause or the hold, as they are now."""
        at, hold = job.next_execution_at, self.moment.hold
        return at is not None and (job.was_paused_at(at) or (hold is not None and hold.covers(at)))


def narrowed(search: str, status: str, result: str) -> QuerySet[ScheduledJob]:
    """What is no word of ours narrows nothing. The annotations cost only whoever sorts or filters by them."""
    jobs: JobQuerySet = ScheduledJob.objects.filter(deleted_at__isnull=status != DELETED)
    if status in JobStatus.values:
        jobs = jobs.filter(status=status)
    if search:
        named = Q(name__icontains=search) | Q(key__icontains=search) | Q(description__icontains=search)
        jobs = jobs.filter(named | Q(job_type__icontains=search))
    figures = JobFigures.objects.filter(job=OuterRef("pk"))
    newest = figures.exclude(last_started_at=None).order_by("-last_started_at")
    count = Cast(Sum("total"), FloatField())
    average = ExpressionWrapper(Sum("duration_total") / NullIf(count, 0.0), output_field=DurationField())
    known = jobs.alias(
        last_at=Subquery(newest.values("last_started_at")[:1]),
        last_result=Subquery(newest.values("last_status")[:1]),
        average=Subquery(figures.order_by().values("job").annotate(each=average).values("each")),
    ).alias(failed_last=Case(When(last_result=ExecutionStatus.FAILED, then=Value(0)), default=Value(1)))
    return known.filter(last_result=result) if result in RESULTS else known


def _orders() -> list[tuple[str, str]]:
    return [
        ("name", _("Name")), ("next", _("Next run")), ("last", _("Last run, newest first")),
        ("result", _("Last result, failed first")), ("duration", _("Average time, longest first")),
        ("status", _("Status")), ("type", _("Type")),
    ]  # fmt: skip
