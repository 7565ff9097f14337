"""The admin pages of executions, alerts, notices, workers and checks, and what they add to a job's page."""

from executions.admin import (
    audit_cursors,
    job_execution,
    ledger_checks,
    notices,
    parked_messages,
    runnable_job,
    watching,
)

__all__ = [
    "audit_cursors",
    "job_execution",
    "ledger_checks",
    "notices",
    "parked_messages",
    "runnable_job",
    "watching",
]
