"""The admin pages of jobs, of their mirror in django-celery-beat, and of who may see what on them."""

from jobs.admin import periodic, scheduled_job

__all__ = ["periodic", "scheduled_job"]
