"""The routes of the executions, under /api/scheduler, and those of a job that lead to them."""

from django.urls import path

from executions.alerts_api import AcknowledgeView, AlertsView, AlertView
from executions.api import (
    CancelView,
    ExecutionLogView,
    ExecutionsOfJobView,
    ExecutionsView,
    ExecutionView,
    RetryView,
    RunNowView,
)
from executions.artifacts_api import ArtifactsView, ArtifactView
from executions.why_api import WhyView

urlpatterns = [
    path("jobs/<str:job_id>/run-now", RunNowView.as_view(), name="job-run-now"),
    path("jobs/<str:job_id>/executions", ExecutionsOfJobView.as_view(), name="job-executions"),
    path("jobs/<str:job_id>/why", WhyView.as_view(), name="job-why"),
    path("executions", ExecutionsView.as_view(), name="executions"),
    path("executions/<str:execution_id>", ExecutionView.as_view(), name="execution"),
    path("executions/<str:execution_id>/cancel", CancelView.as_view(), name="execution-cancel"),
    path("executions/<str:execution_id>/retry", RetryView.as_view(), name="execution-retry"),
    path("executions/<str:execution_id>/log", ExecutionLogView.as_view(), name="execution-log"),
    path("executions/<str:execution_id>/artifacts", ArtifactsView.as_view(), name="execution-artifacts"),
    path("executions/<str:execution_id>/artifacts/<str:name>", ArtifactView.as_view(), name="execution-artifact"),
    path("alerts", AlertsView.as_view(), name="alerts"),
    path("alerts/<str:alert_id>", AlertView.as_view(), name="alert"),
    path("alerts/<str:alert_id>/acknowledge", AcknowledgeView.as_view(), name="alert-acknowledge"),
]
