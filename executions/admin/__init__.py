"""The admin pages of executions, alerts and workers, and what they add to a job's page."""

from executions.admin import job_execution, runnable_job, watching

__all__ = ["job_execution", "runnable_job", "watching"]
