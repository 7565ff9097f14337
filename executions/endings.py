"""What the ledger is told of a run whose own process cannot say any more how it ended."""

from django.utils.translation import gettext as _

from executions import memory
from executions.bell import HARD_KILL_GRACE_SECONDS
from executions.ledger import Outcome
from jobs.enums import ExecutionStatus, Reason

_shortage = memory.Shortage()


def of_exception(exception: BaseException, stack_trace: str | None = None) -> Outcome:
    """What Celery's tracer met outside of the job's body."""
    text = str(exception) or type(exception).__name__
    return Outcome(ExecutionStatus.FAILED, Reason.ERROR, error_message=text, stack_trace=stack_trace, can_retry=True)


def of_hard_limit(seconds: float) -> Outcome:
    """`seconds`: the job's timeout and the grace behind it."""
    text = _("The run did not stop at its timeout of %(timeout)d seconds and was killed %(grace)d seconds later.")
    message = text % {"timeout": int(seconds) - HARD_KILL_GRACE_SECONDS, "grace": HARD_KILL_GRACE_SECONDS}
    return Outcome(ExecutionStatus.FAILED, Reason.TIMEOUT, error_message=message, can_retry=True)


def of_lost_process(fault: object) -> Outcome:
    text = _("The process that ran it ended in the middle: %(fault)s") % {"fault": fault}
    if _shortage.has_struck():
        text += " " + _("The operating system has ended processes for want of memory.")
    return Outcome(ExecutionStatus.FAILED, Reason.WORKER_LOST, error_message=text, can_retry=True)


def of_shutdown() -> Outcome:
    message = _("The worker was stopped before the run could finish.")
    return Outcome(ExecutionStatus.FAILED, Reason.SHUTDOWN, error_message=message, can_retry=True, costs_retry=False)
