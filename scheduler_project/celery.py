"""The Celery application; `celery -A scheduler_project worker|beat|flower` finds it here."""

import os

from celery import Celery

from executions import transport

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "scheduler_project.settings")

transport.install()
app = Celery("scheduler_project")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
