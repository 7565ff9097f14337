"""The web process. It pools its database connections: under ASGI each request has a thread of its own."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "scheduler_project.settings")
os.environ.setdefault("SCHEDULER_DATABASE_POOL", "true")

from django.core.asgi import get_asgi_application

application = get_asgi_application()
