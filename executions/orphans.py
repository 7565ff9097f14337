"""What a worker's main process writes into the ledger for children that cannot do so themselves any more."""

import logging
import threading
import uuid
from typing import Any

from django.db import InterfaceError, OperationalError
from django.utils.translation import gettext as _

from executions import endings, kept, ledger
from executions.ledger import Outcome
from executions.models import JobExecution
from jobs.enums import ExecutionStatus

logger = logging.getLogger(__name__)

# Set when there is something to write: the heartbeat's thread does it, so that the worker's loop never waits.
wanted = threading.Event()
_waiting: dict[tuple[uuid.UUID, int | None], tuple[Outcome, uuid.UUID | None]] = {}


def hand_over(
    execution_id: uuid.UUID, outcome: Outcome, *, worker_id: uuid.UUID | None, process_id: int | None = None
) -> None:
    """Have this worker's run closed with this outcome, or with the one that its child had reached before it died.

    `process_id`: only if that child had claimed it; it may have died before, and another child have the run by now. The
    first word stands: why a process was ended is said before it is found dead.
    """
    _waiting.setdefault((execution_id, process_id), (outcome, worker_id))
    wanted.set()


def write_down() -> None:
    """Close what was handed over, then what earlier workers of this machine kept. Raises the database's errors.

    What the database does not take now is tried again by the next call.
    """
    for (execution_id, process_id), (outcome, worker_id) in list(_waiting.items()):
        of_process = {"process_id": process_id} if process_id else {}
        _close(execution_id, outcome, worker_id=worker_id, **of_process)
        _waiting.pop((execution_id, process_id), None)
    for left in kept.left_behind():
        _close_kept(left)


def _close(execution_id: uuid.UUID, outcome: Outcome, **holder: Any) -> None:
    """`holder`: what the row must say of who has it."""
    reached = kept.of(execution_id)
    if reached:
        _close_kept(reached)
        return
    running = JobExecution.objects.filter(status=ExecutionStatus.RUNNING, **holder)
    if execution := running.filter(id=execution_id).first():
        if outcome.status == ExecutionStatus.CANCELLED and execution.cancel_requested_at is None:
            # Nobody wanted this one to end: it had come into a process that was ended for the run before.
            outcome = endings.of_lost_process(_("it was ended for another run"))
        ledger.close(execution, outcome, output=ledger.output_so_far(execution_id))


def _close_kept(left: kept.Kept) -> None:
    execution = JobExecution.objects.filter(id=left.execution_id, claim_token=left.claim_token).first()
    try:
        if execution is None or not ledger.close(execution, left.outcome, output=left.output, progress=left.progress):
            logger.warning("The late result of execution %s was refused.", left.execution_id)
    except (OperationalError, InterfaceError):
        raise
    except Exception:  # it does not fit the database, and no further try will make it fit
        logger.exception("The kept outcome of execution %s cannot be recorded.", left.execution_id)
    kept.forget(left.execution_id)
