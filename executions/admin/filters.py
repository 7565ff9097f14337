"""Filters of the executions list that stay cheap on a ledger of millions: by job, and by time through the id."""

import uuid
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.contrib.admin import SimpleListFilter
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from executions import ids
from executions.models import JobExecution
from jobs.models import ScheduledJob

MOST_COUNTED = 10_000
MOST_JOBS_LISTED = 30


class CappedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts and pages through the newest rows only: an exact count of a large ledger takes seconds."""

    @cached_property
    def count(self) -> int:
        newest: QuerySet[Any] = self.object_list[:MOST_COUNTED]  # type: ignore[assignment]
        return newest.count()


class SinceFilter(SimpleListFilter):
    """The ledger is sorted and partitioned by the time in its ids."""

    title = _("time")
    parameter_name = "since"
    SPANS = {"1h": timedelta(hours=1), "24h": timedelta(days=1), "7d": timedelta(days=7), "30d": timedelta(days=30)}

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, Any]]:
        return [
            ("1h", _("Last hour")), ("24h", _("Last 24 hours")), ("7d", _("Last 7 days")), ("30d", _("Last 30 days"))
        ]  # fmt: skip

    def queryset(self, request: HttpRequest, queryset: QuerySet[JobExecution]) -> QuerySet[JobExecution]:
        span = self.SPANS.get(self.value() or "")
        return queryset.filter(id__gte=ids.floor(timezone.now() - span)) if span else queryset


class JobFilter(SimpleListFilter):
    """The jobs while they are few; of many only the chosen one, which the search or a job's page chooses."""

    title = _("job")
    parameter_name = "job"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, Any]]:
        jobs = list(ScheduledJob.objects.live().order_by("name").values_list("id", "name")[: MOST_JOBS_LISTED + 1])
        listed = jobs if len(jobs) <= MOST_JOBS_LISTED else []
        chosen = self.value()
        if chosen and chosen not in {str(job_id) for job_id, _name in listed}:
            listed = [*listed, *self._chosen(chosen)]
        return [(str(job_id), name) for job_id, name in listed]

    def has_output(self) -> bool:
        return bool(self.lookup_choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet[JobExecution]) -> QuerySet[JobExecution]:
        chosen = self.value()
        try:
            return queryset.filter(job_id=uuid.UUID(chosen)) if chosen else queryset
        except ValueError:
            return queryset.none()

    def _chosen(self, job_id: str) -> list[tuple[Any, str]]:
        try:
            return list(ScheduledJob.objects.filter(pk=job_id).values_list("id", "name"))
        except ValidationError:
            return []
