"""The app `jobs`: what runs and when."""

from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class JobsConfig(AppConfig):
    name = "jobs"
    verbose_name = _("Jobs")

    def ready(self) -> None:
        from jobs import checks  # noqa: F401 - registers the system checks

        post_migrate.connect(_install_predefined_jobs, sender=self)


def _install_predefined_jobs(*, plan: Any = (), **_kwargs: Any) -> None:
    """After each `migrate`: the predefined jobs that were never there, and a mirror that agrees with the jobs."""
    from jobs import predefined

    if settings.SCHEDULER_INSTALL_PREDEFINED_JOBS:
        predefined.install()
