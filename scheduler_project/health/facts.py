"""What is known of the system at one moment, from a few small questions to the database."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from executions import accounting
from executions.enums import Severity
from executions.models import Alert, BeatLease, LedgerCheck
from jobs import holds
from jobs.clock import database_now
from jobs.holds import ScheduleHold
from jobs.models import ScheduledJob
from scheduler_project.health.queues import unserved_queues


@dataclass(frozen=True)
class Facts:
    now: datetime
    seconds_to_next: float | None  # negative while a due time is overdue; None: nothing is on the schedule
    lease: BeatLease | None  # of the beat that led last
    hold: ScheduleHold | None
    unserved_queues: Sequence[str]
    check: LedgerCheck | None
    critical_alerts: int


def gather() -> Facts:
    """Raises the database's errors."""
    return Facts(
        database_now(),
        ScheduledJob.seconds_to_next(),
        BeatLease.objects.first(),
        holds.current(),
        unserved_queues(),
        accounting.last(),
        Alert.objects.filter(closed_at=None, severity=Severity.CRITICAL).count(),
    )
