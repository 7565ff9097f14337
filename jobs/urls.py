"""The routes of the jobs, under /api/scheduler."""

from typing import Any

from django.urls import path

from jobs.api import CronPreviewView, DueTimesView, HoldView, JobTypesView, JobViewSet, ReleaseView, RevisionsView
from jobs.as_code import api as schedules

ONE_JOB: dict[str, Any] = {"get": "retrieve", "put": "update", "patch": "partial_update", "delete": "destroy"}

urlpatterns = [
    path("jobs", JobViewSet.as_view({"get": "list", "post": "create"}), name="jobs"),
    path("jobs/<str:job_id>", JobViewSet.as_view(ONE_JOB), name="job"),
    path("jobs/<str:job_id>/enable", JobViewSet.as_view({"put": "enable"}), name="job-enable"),
    path("jobs/<str:job_id>/disable", JobViewSet.as_view({"put": "disable"}), name="job-disable"),
    path("jobs/<str:job_id>/pause", JobViewSet.as_view({"put": "pause"}), name="job-pause"),
    path("jobs/<str:job_id>/resume", JobViewSet.as_view({"put": "resume"}), name="job-resume"),
    path("jobs/<str:job_id>/next", DueTimesView.as_view(), name="job-next"),
    path("jobs/<str:job_id>/revisions", RevisionsView.as_view(), name="job-revisions"),
    path("hold", HoldView.as_view(), name="hold"),
    path("release", ReleaseView.as_view(), name="release"),
    path("job-types", JobTypesView.as_view(), name="job-types"),
    path("cron/preview", CronPreviewView.as_view(), name="cron-preview"),
    *schedules.urlpatterns,
]
