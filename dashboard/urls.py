"""The routes of the dashboard, under /api/scheduler."""

from django.urls import path

from dashboard.api import DashboardView

urlpatterns = [path("dashboard", DashboardView.as_view(), name="dashboard")]
