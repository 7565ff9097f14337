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
    claim = _held[execution.id] = Claim(execution, RunOutput(execution.id))
    return claim


def held(execution_id: str) -> Claim | None:
    return _held.get(uuid.UUID(execution_id))


def release(execution_id: str) -> Claim | None:
    return _held.pop(uuid.UUID(execution_id), None)
