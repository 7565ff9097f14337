"""The app `executions`: the doing and its record."""

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class ExecutionsConfig(AppConfig):
    name = "executions"
    verbose_name = _("Executions")

    def ready(self) -> None:
        from executions import dispatch, shutdown, signals  # noqa: F401 - they listen to jobs and to Celery
        from executions.alerts import overseer  # noqa: F401 - it listens to Celery

        post_migrate.connect(_make_partitions, sender=self)


def _make_partitions(**_kwargs: Any) -> None:
    from executions import partitions

    partitions.ensure_ahead()
