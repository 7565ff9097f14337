"""The app `audit`: it listens to what is done, and writes it down in the same transaction."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AuditConfig(AppConfig):
    name = "scheduler_project.audit"
    label = "audit"
    verbose_name = _("Audit trail")

    def ready(self) -> None:
        from scheduler_project.audit import definitions, logins, recording  # noqa: F401 - they listen from here on
