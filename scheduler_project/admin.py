"""The admin site."""

from django.contrib.admin import AdminSite
from django.utils.translation import gettext_lazy as _


class SchedulerAdminSite(AdminSite):
    site_header = "SchedulerService"
    site_title = "SchedulerService"
    index_title = _("Schedules, executions and access")
