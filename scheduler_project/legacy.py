"""The earlier scheduler's routes under /api, as aliases of ours, for callers that are not changed yet.

Off unless SCHEDULER_LEGACY_ROUTES; verbs by POST, answers and errors are those of /api/scheduler.
"""

from typing import Any

from django.conf import settings
from django.urls import URLPattern, path

from executions.api import ExecutionsOfJobView, ExecutionsView, ExecutionView, RunNowView
from jobs.api import JobViewSet
from jobs.enums import JobStatus
from jobs.models import JobQuerySet
from jobs.urls import ONE_JOB


class ActiveJobs(JobViewSet):
    """Those that are on the schedule and run."""

    def get_queryset(self) -> JobQuerySet:
        return super().get_queryset().filter(status=JobStatus.ENABLED)


def routes() -> list[URLPattern]:
    """Below /api/. None while they are off: then they are unknown routes, also to the schema."""
    return ROUTES if settings.SCHEDULER_LEGACY_ROUTES else []


def _verb(name: str) -> Any:
    return JobViewSet.as_view({"post": name})


ROUTES: list[URLPattern] = [
    path("jobs", JobViewSet.as_view({"get": "list", "post": "create"})),
    path("jobs/active", ActiveJobs.as_view({"get": "list"})),
    path("jobs/<str:job_id>", JobViewSet.as_view(ONE_JOB)),
    path("jobs/<str:job_id>/trigger", RunNowView.as_view()),
    path("jobs/<str:job_id>/enable", _verb("enable")),
    path("jobs/<str:job_id>/disable", _verb("disable")),
    path("jobs/<str:job_id>/pause", _verb("pause")),
    path("executions/recent", ExecutionsView.as_view()),
    path("executions/job/<str:job_id>", ExecutionsOfJobView.as_view()),
    path("executions/<str:execution_id>", ExecutionView.as_view()),
]
