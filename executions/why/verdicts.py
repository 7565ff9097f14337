"""Pure: what became of a due time, in one word, and which gate said the first no."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from executions.models import JobExecution
from executions.why.facts import Facts
from jobs.enums import ExecutionStatus, Reason


class Verdict(TextChoices):
    RAN = "Ran", _("Ran")
    RUNNING = "Running", _("Running")
    WAITING = "Waiting", _("Waiting")
    FAILED = "Failed", _("Failed")
    CANCELLED = "Cancelled", _("Cancelled")
    SKIPPED = "Skipped", _("Skipped")
    MISSED = "Missed", _("Missed")
    WILL_RUN = "WillRun", _("Will run")
    WILL_BE_SKIPPED = "WillBeSkipped", _("Will be skipped")
    NOT_DUE = "NotDue", _("Not due")
    NOT_ON_SCHEDULE = "NotOnSchedule", _("Not on schedule")
    NOT_FIRED_YET = "NotFiredYet", _("Not fired yet")
    REMOVED = "Removed", _("Not kept any more")
    UNREADABLE = "Unreadable", _("Schedule cannot be read")
    UNACCOUNTED = "Unaccounted", _("Unaccounted")


class GateName(TextChoices):
    """In the order in which a due time comes to them."""

    SCHEDULE = "schedule", _("schedule")
    STATUS = "status", _("status")
    HOLD = "hold", _("hold")
    FIRED = "fired", _("fired")
    MISFIRE = "misfire", _("misfire")
    OVERLAP = "overlap", _("overlap")
    DEADLINE = "deadline", _("deadline")
    WORKER = "worker", _("worker")
    RESULT = "result", _("result")


OF_STATUS = {
    ExecutionStatus.QUEUED: Verdict.WAITING,
    ExecutionStatus.RUNNING: Verdict.RUNNING,
    ExecutionStatus.COMPLETED: Verdict.RAN,
    ExecutionStatus.FAILED: Verdict.FAILED,
    ExecutionStatus.CANCELLED: Verdict.CANCELLED,
    ExecutionStatus.SKIPPED: Verdict.SKIPPED,
    ExecutionStatus.MISSED: Verdict.MISSED,
}
OF_REASON = {
    Reason.PAUSED: GateName.STATUS,
    Reason.HELD: GateName.HOLD,
    Reason.MISFIRE: GateName.MISFIRE,
    Reason.OVERLAP: GateName.OVERLAP,
    Reason.START_DEADLINE: GateName.DEADLINE,
}
# Where a due time stands that has no row.
STOPPED_AT = {
    Verdict.UNREADABLE: GateName.SCHEDULE,
    Verdict.NOT_DUE: GateName.SCHEDULE,
    Verdict.NOT_ON_SCHEDULE: GateName.STATUS,
    Verdict.NOT_FIRED_YET: GateName.FIRED,
    Verdict.UNACCOUNTED: GateName.FIRED,
}


def verdict(facts: Facts) -> Verdict:
    """What the latest attempt came to; without a row, what is known of the due time."""
    if facts.last:
        return OF_STATUS[ExecutionStatus(facts.last.status)]
    if facts.due is None:
        return Verdict.UNREADABLE if facts.moment.fault else Verdict.NOT_DUE
    if not facts.is_on_schedule:
        return Verdict.NOT_ON_SCHEDULE
    if facts.is_settled:
        return Verdict.REMOVED if facts.is_removed else Verdict.UNACCOUNTED
    if facts.hold or facts.is_paused:
        return Verdict.WILL_BE_SKIPPED
    return Verdict.WILL_RUN if facts.is_future else Verdict.NOT_FIRED_YET


def stopped_at(facts: Facts) -> GateName | None:
    """The gate that let the due time not through, or has not yet; None when it went through all."""
    if facts.last:
        return _stopped_attempt(facts, facts.last)
    word = verdict(facts)
    if word == Verdict.WILL_BE_SKIPPED:
        return GateName.HOLD if facts.hold else GateName.STATUS  # a hold is asked for first
    return STOPPED_AT.get(word)


def _stopped_attempt(facts: Facts, last: JobExecution) -> GateName | None:
    if last.status in (ExecutionStatus.COMPLETED, ExecutionStatus.RUNNING):
        return None
    if last.status == ExecutionStatus.QUEUED and last.available_at is None:
        return GateName.OVERLAP
    if last.status == ExecutionStatus.FAILED or last.started_at or facts.waits_for_delay:
        return GateName.RESULT
    if last.reason in OF_REASON:
        return OF_REASON[Reason(last.reason)]
    return GateName.WORKER
