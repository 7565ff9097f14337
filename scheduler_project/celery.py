"""The Celery application; `celery -A scheduler_project worker|beat|flower` finds it here."""

import logging
import os
from typing import Any

import django
from celery import Celery, signals

from executions import transport
from scheduler_project import logs, tracing

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "scheduler_project.settings")


class Service(Celery):  # type: ignore[misc]
    @property
    def Beat(self) -> Any:
        """Asked for when beat is about to start, before it prints its first word."""
        _speak()
        return super().Beat


@signals.celeryd_init.connect
def _speak(**_kwargs: Any) -> None:
    """At the start of a worker's main process; its children go on with what it has."""
    django.setup()
    logs.speak()


@signals.setup_logging.connect
def _keep_logging(loglevel: int | None, **_kwargs: Any) -> None:
    """Celery leaves alone what LOGGING has set up, and of its `-l` only `debug` counts."""
    if loglevel == logging.DEBUG:
        logging.getLogger().setLevel(loglevel)


@signals.worker_init.connect
def _load_before_the_fork(**_kwargs: Any) -> None:
    tracing.load()


@signals.worker_process_init.connect
@signals.beat_init.connect
def _start_tracing(**_kwargs: Any) -> None:
    tracing.start()


@signals.worker_process_shutdown.connect
def _stop_tracing(**_kwargs: Any) -> None:
    tracing.stop()


transport.install()
app = Service("scheduler_project")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
