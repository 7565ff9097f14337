"""The admin site under this service's own name."""

from django.contrib.admin.apps import AdminConfig


class SchedulerAdminConfig(AdminConfig):
    default_site = "scheduler_project.admin.SchedulerAdminSite"
