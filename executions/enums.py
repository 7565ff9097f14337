"""The words of alerts and of what is told about them, as they are stored and sent."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class AlertRule(TextChoices):
    """What an alert is about. All but the first are predicates over the ledger (`executions.alerts.rules`)."""

    JOB = "job", _("Said by a job")
    CONSECUTIVE_FAILURES = "consecutive_failures", _("Consecutive failures")
    RUNNING_TOO_LONG = "running_too_long", _("Running too long")
    NOT_STARTED = "not_started", _("Not started")
    WORKER_LOST = "worker_lost", _("Worker lost")
    NO_WORKER = "no_worker", _("No worker")
    WAITING_TOO_LONG = "waiting_too_long", _("Waiting too long")
    NO_BEAT = "no_beat", _("No beat")
    UNACCOUNTED = "unaccounted", _("Ledger not complete")
    UNTOLD = "untold", _("Alerts cannot be told")


class Severity(TextChoices):
    """NotificationService's four words (OKLA.md §2)."""

    INFO = "Info", _("Info")
    WARNING = "Warning", _("Warning")
    ERROR = "Error", _("Error")
    CRITICAL = "Critical", _("Critical")


class NoticeKind(TextChoices):
    OPENED = "Opened", _("Opened")
    RECOVERED = "Recovered", _("Recovered")
    RUN_FAILED = "RunFailed", _("Run failed")
    TEST = "Test", _("Test")


class Channel(TextChoices):
    ADMINISTRATORS = "Administrators", _("Administrators")  # however the notifier reaches them; no recipient
    EMAIL = "Email", _("E-mail")  # the recipient is an address
    WEBHOOK = "Webhook", _("Webhook")  # the one that is configured; no recipient


class NoticeState(TextChoices):
    HELD = "Held", _("Held")  # a failed run's, until the rules have been asked whether an alert takes its place
    WAITING = "Waiting", _("Waiting")
    SENT = "Sent", _("Sent")
    REPLACED = "Replaced", _("Replaced")  # another notice says it too
    REFUSED = "Refused", _("Refused")  # this one can never be sent: an address that is none
