"""What a running job may use: the concrete `jobs.base.JobContext` of one execution."""

import time
from datetime import datetime
from typing import Any

from django.db.models.functions import Now

from executions.models import Alert, JobExecution
from executions.output import RunOutput
from jobs.base import JobCancelled, JobParameters
from jobs.models import JobState

JOB_ALERT = "job"
CANCEL_CHECK_SECONDS = 1.0


class RunContext:
    """See `jobs.base.JobContext`, which says what each member means."""

    def __init__(self, execution: JobExecution, parameters: JobParameters, output: RunOutput, gateways: Any) -> None:
        self.parameters: Any = parameters
        self.reference_time: datetime = execution.reference_time
        self.dry_run: bool = getattr(parameters, "dry_run", False)
        self.gateways = gateways
        self.state = StateStore(execution.job_id)
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
        if JobExecution.objects.filter(id=self._execution.id, cancel_requested_at__isnull=False).exists():
            raise JobCancelled

    def alert(self, subject: str, *, open: bool, message: str = "") -> None:
        of_subject = Alert.objects.filter(
            rule=JOB_ALERT, job_id=self._execution.job_id, subject=subject[:200], closed_at=None
        )
        if not open:
            of_subject.update(closed_at=Now())
        elif not of_subject.exists():
            alert = Alert(
                rule=JOB_ALERT, job_id=self._execution.job_id, subject=subject[:200], message=message, opened_at=Now()
            )
            # Somebody else may open the same one meanwhile: the constraint leaves one.
            Alert.objects.bulk_create([alert], ignore_conflicts=True)


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
