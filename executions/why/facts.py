"""What is known of one minute of one job: a value, with the few conclusions that everybody draws from it."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from executions.models import BeatLease, JobExecution, LedgerCheck
from executions.why.moment import Moment
from jobs.enums import ExecutionStatus, JobStatus, Reason
from jobs.holds import ScheduleHold
from jobs.models import ScheduledJob, ScheduleRevision
from jobs.planned import ON_SCHEDULE


@dataclass(frozen=True)
class Facts:
    """What is known. `attempts`: the due time's own row and its retries, oldest first; `by_hand`: what people had run.

    `other`: the run that stood in the way, or that a cancelled one made way for. `changed_by`: who disabled or deleted
    the job so that the run was cancelled.
    """

    now: datetime
    job: ScheduledJob
    moment: Moment
    status_from: ScheduleRevision  # the revision that gave the job the status it then had
    hold: ScheduleHold | None = None
    attempts: Sequence[JobExecution] = ()
    by_hand: Sequence[JobExecution] = ()
    other: JobExecution | None = None
    changed_by: uuid.UUID | None = None
    living_workers: int = 0
    lease: BeatLease | None = None
    ledger_begins: datetime | None = None
    last_check: LedgerCheck | None = None
    names: Mapping[uuid.UUID | None, str] = field(default_factory=dict)

    @property
    def due(self) -> datetime | None:
        return self.moment.due

    @property
    def first(self) -> JobExecution | None:
        """The row that the due time itself got."""
        return self.attempts[0] if self.attempts else None

    @property
    def last(self) -> JobExecution | None:
        """The latest attempt that nobody asked for by hand."""
        return self.attempts[-1] if self.attempts else None

    @property
    def then(self) -> Mapping[str, Any]:
        """The definition in force for the due time."""
        definition: Mapping[str, Any] = self.moment.revision.definition
        return definition

    @property
    def paused_until(self) -> datetime | None:
        told = self.then.get("paused_until")
        return datetime.fromisoformat(told) if told else None

    @property
    def start_deadline(self) -> timedelta | None:
        """How long a run may wait for a worker; the job's present one where the definition then had none."""
        seconds = self.then.get("start_deadline_seconds") or self.job.start_deadline_seconds
        return timedelta(seconds=seconds) if seconds else None

    @property
    def is_on_schedule(self) -> bool:
        return self.moment.exists and self.moment.revision.status in ON_SCHEDULE

    @property
    def is_paused(self) -> bool:
        if self.due is None or self.moment.revision.status != JobStatus.PAUSED:
            return False
        return self.paused_until is None or self.due < self.paused_until

    @property
    def is_future(self) -> bool:
        return self.due is not None and self.due > self.now

    @property
    def is_settled(self) -> bool:
        """Whether the schedule has gone past this due time."""
        next_due = self.job.next_execution_at
        return not self.is_future and (next_due is None or (self.due is not None and self.due < next_due))

    @property
    def is_removed(self) -> bool:
        return bool(self.ledger_begins and self.due and self.due < self.ledger_begins)

    @property
    def waits_for_delay(self) -> bool:
        """Whether the latest attempt is a retry whose delay is not over."""
        last = self.last
        return bool(
            last and last.status == ExecutionStatus.QUEUED and last.available_at and last.available_at > self.now
        )

    @property
    def attempts_allowed(self) -> int:
        """Attempts that a stopping worker cut off cost no retry."""
        for_nothing = sum(each.reason == Reason.SHUTDOWN for each in self.attempts)
        return int(self.then.get("max_retries", self.job.max_retries)) + 1 + for_nothing
