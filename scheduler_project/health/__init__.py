"""Whether this service works: `/health/live` (the process), `/health/ready` and `/health` (what it needs)."""

from scheduler_project.health.views import live, ready

__all__ = ["live", "ready"]
