"""What a running job may use: the concrete `jobs.base.JobContext` of one execution."""

import re
import time
import uuid
from collections.abc import Collection
from datetime import datetime
from typing import Any

from executions.alerts import episodes
from executions.models import Artifact, JobExecution
from executions.output import RunOutput
from jobs import registry
from jobs.base import JobCancelled, JobParameters
from jobs.enums import ExecutionStatus
from jobs.gateways import Gateways
from jobs.messages import Messages
from jobs.models import JobState

CANCEL_CHECK_SECONDS = 1.0
ARTIFACT_MAX_BYTES = 5 * 1024 * 1024
ARTIFACT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class RunContext:
    """See `jobs.base.JobContext`, which says what each member means."""

    def __init__(
        self, execution: JobExecution, parameters: JobParameters, output: RunOutput, gateways: Gateways
    ) -> None:
        self.parameters: Any = parameters
        self.run_id: uuid.UUID = execution.id
        self.reference_time: datetime = execution.reference_time
        self.attempt: int = execution.retry_attempt
        self.dry_run: bool = getattr(parameters, "dry_run", False)
        self.gateways = gateways
        self.state = StateStore(execution.job_id)
        self.messages = Messages(registry.get(execution.job_type).name, execution.id, running)
        self._execution = execution
        self._output = output
        self._cancel_checked_at = 0.0

    def log(self, message: str, *, level: str = "INFO") -> None:
        self._output.add(message, level)

    def progress(self, done: int, total: int, message: str = "") -> None:
        self._output.progress(round(100 * done / total) if total else 100, message)

    def check_cancelled(self) -> None:
        if time.monotonic() - self._cancel_checked_at < CANCEL_CHECK_SECONDS:
            return
        self._cancel_checked_at = time.monotonic()
        # A run that is not ours any more (its worker was taken for dead) is not worth going on with either.
        ours = JobExecution.objects.filter(id=self._execution.id, claim_token=self._execution.claim_token)
        if not ours.filter(status=ExecutionStatus.RUNNING, cancel_requested_at=None).exists():
            raise JobCancelled

    def alert(self, subject: str, *, open: bool, message: str = "") -> uuid.UUID | None:
        if open:
            return episodes.open_for_job(self._execution.job_id, subject, message)
        return episodes.close_for_job(self._execution.job_id, subject)

    def artifact(self, name: str, content: str | bytes, content_type: str) -> None:
        if not ARTIFACT_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name for an artifact: use letters, digits, dots and hyphens.")
        data = content.encode() if isinstance(content, str) else content
        if len(data) > ARTIFACT_MAX_BYTES:
            raise ValueError(f"The artifact {name} has {len(data)} bytes; {ARTIFACT_MAX_BYTES} are kept at most.")
        Artifact.objects.update_or_create(
            execution_id=self._execution.id,
            name=name,
            defaults={"content_type": content_type, "size": len(data), "content": data},
        )


def running(run_ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Which of these executions a worker holds."""
    rows = JobExecution.objects.filter(id__in=run_ids, status=ExecutionStatus.RUNNING)
    return set(rows.values_list("id", flat=True))


class StateStore:
    """A job's small durable state, in JobState."""

    def __init__(self, job_id: Any) -> None:
        self._rows = JobState.objects.filter(job_id=job_id)
        self._job_id = job_id

    def get(self, key: str) -> Any:
        return self._rows.filter(key=key).values_list("value", flat=True).first()

    def set(self, key: str, value: Any) -> None:
        if value is None:
            self._rows.filter(key=key).delete()
        else:
            JobState.objects.update_or_create(job_id=self._job_id, key=key, defaults={"value": value})
