"""The route of the audit trail, under /api/scheduler."""

from django.urls import path

from scheduler_project.audit.api import AuditView

urlpatterns = [path("audit", AuditView.as_view(), name="audit")]
