"""The addresses of the pages."""

from django.urls import path

from dashboard.pages.alerts import AlertsPage
from dashboard.pages.doors import AlertDoor, ExecutionDoor
from dashboard.pages.execution import ExecutionPage
from dashboard.pages.executions import ExecutionsPage
from dashboard.pages.job import JobPage
from dashboard.pages.job_doors import BulkDoor, JobDoor, RunDoor
from dashboard.pages.jobs import JobsPage
from dashboard.pages.overview import Overview
from dashboard.pages.timeline import Timeline

urlpatterns = [
    path("", Overview.as_view(), name="overview"),
    path("jobs", JobsPage.as_view(), name="jobs-page"),
    path("jobs/do", BulkDoor.as_view(), name="jobs-bulk"),
    path("jobs/<uuid:job_id>", JobPage.as_view(), name="job-page"),
    path("jobs/<uuid:job_id>/run", RunDoor.as_view(), name="job-run"),
    path("jobs/<uuid:job_id>/do/<slug:name>", JobDoor.as_view(), name="job-door"),
    path("alerts", AlertsPage.as_view(), name="alerts-page"),
    path("alerts/<uuid:alert_id>/acknowledge", AlertDoor.as_view(), name="alert-door"),
    path("timeline", Timeline.as_view(), name="timeline"),
    path("executions", ExecutionsPage.as_view(), name="executions-page"),
    path("executions/<uuid:execution_id>", ExecutionPage.as_view(), name="execution-page"),
    path("executions/<uuid:execution_id>/do/<slug:name>", ExecutionDoor.as_view(), name="execution-door"),
]
