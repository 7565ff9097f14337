"""The service's Celery application with a broker that takes messages back after seconds. Use: celery -A this worker."""

from typing import Any

from scheduler_project.celery import app

__all__ = ["VISIBILITY_TIMEOUT_SECONDS", "app"]

VISIBILITY_TIMEOUT_SECONDS = 2
configuration: Any = app.conf
configuration.broker_transport_options = {
    **configuration.broker_transport_options,
    "visibility_timeout": VISIBILITY_TIMEOUT_SECONDS,
    "unacked_restore_interval": 1,
}
