"""The admin pages of executions, alerts, workers and checks of the ledger, and what they add to a job's page."""

from executions.admin import job_execution, ledger_checks, parked_messages, runnable_job, watching

__all__ = ["job_execution", "ledger_checks", "parked_messages", "runnable_job", "watching"]
