"""The web process. It pools its database connections: under ASGI each request has a thread of its own."""

import gc
import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "scheduler_project.settings")
os.environ.setdefault("SCHEDULER_DATABASE_POOL", "true")

import kombu.transport.redis  # noqa: F401 - at the start: the first run-now should not wait for it
from django.core.asgi import get_asgi_application

from scheduler_project import logs, tracing

application = get_asgi_application()
logs.speak()
tracing.start()
tracing.stop_when_asked_to_end()
# What was loaded for good is not looked through again each time that garbage is collected.
gc.collect()
gc.freeze()
