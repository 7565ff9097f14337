"""The words of the API, as they are stored and sent."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class JobStatus(TextChoices):
    ENABLED = "Enabled", _("Enabled")
    DISABLED = "Disabled", _("Disabled")  # off the schedule
    PAUSED = "Paused", _("Paused")  # the rhythm goes on, each due time is recorded as Skipped


class ExecutionStatus(TextChoices):
    QUEUED = "Queued", _("Queued")
    RUNNING = "Running", _("Running")
    COMPLETED = "Completed", _("Completed")
    FAILED = "Failed", _("Failed")
    CANCELLED = "Cancelled", _("Cancelled")
    SKIPPED = "Skipped", _("Skipped")
    MISSED = "Missed", _("Missed")


class Trigger(TextChoices):
    SCHEDULE = "Schedule", _("Schedule")
    MANUAL = "Manual", _("Manual")
    RETRY = "Retry", _("Retry")
    CATCH_UP = "CatchUp", _("Catch-up")


class Reason(TextChoices):
    """Why an execution ended as it did; empty where the status says it all."""

    ERROR = "error", _("error")
    TIMEOUT = "timeout", _("timeout")
    WORKER_LOST = "worker_lost", _("worker lost")
    SHUTDOWN = "shutdown", _("shutdown")
    CANCELLED = "cancelled", _("cancelled")
    OVERLAP = "overlap", _("overlap")
    PAUSED = "paused", _("paused")
    HELD = "held", _("held")
    MISFIRE = "misfire", _("misfire")
    START_DEADLINE = "start_deadline", _("start deadline")
    DISABLED = "disabled", _("disabled")
    DELETED = "deleted", _("deleted")


class RetryBackoff(TextChoices):
    FIXED = "Fixed", _("Fixed")
    EXPONENTIAL = "Exponential", _("Exponential")


class OverlapPolicy(TextChoices):
    """What happens when a due time comes while a run of the same job is active."""

    SKIP = "Skip", _("Skip")
    QUEUE = "Queue", _("Queue")
    ALLOW = "Allow", _("Allow")
    CANCEL_RUNNING = "CancelRunning", _("Cancel running")


class MisfirePolicy(TextChoices):
    """What happens with due times that passed while nothing could fire."""

    RUN_ONCE = "RunOnce", _("Run once")
    RUN_ALL = "RunAll", _("Run all")
    SKIP = "Skip", _("Skip")
