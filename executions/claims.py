"""What this process has claimed. A run's body goes ahead only when its claim is in here (SPEC §5.2)."""

import uuid
from dataclasses import dataclass

from executions.ledger import Outcome
from executions.models import JobExecution
from executions.output import RunOutput


@dataclass
class Claim:
    """One claimed execution: its row as claimed, its output, and, once the body is through, its outcome."""

    execution: JobExecution
    output: RunOutput
    outcome: Outcome | None = None


_held: dict[uuid.UUID, Claim] = {}


def take(execution: JobExecution) -> Claim:
    claim = _held[execution.id] = Claim(execution, RunOutput(execution))
    return claim


def held(task_id: str | None) -> Claim | None:
    """None too for a task id that is no execution's: anybody may send a message."""
    key = execution_id(task_id)
    return _held.get(key) if key else None


def release(task_id: str | None) -> Claim | None:
    key = execution_id(task_id)
    return _held.pop(key, None) if key else None


def execution_id(task_id: str | None) -> uuid.UUID | None:
    """The execution that a Celery task id names; None when it is no uuid."""
    try:
        return uuid.UUID(task_id or "")
    except (TypeError, ValueError, AttributeError):
        return None
