"""Pure: which due times a job's revisions plan. A revision in force from T holds for the due times after T."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from jobs import cron
from jobs.enums import JobStatus

ON_SCHEDULE = frozenset({JobStatus.ENABLED, JobStatus.PAUSED})


@dataclass(frozen=True)
class Period:
    """What held for the due times after `begin`, up to and including `end` (None: it is still in force)."""

    begin: datetime
    end: datetime | None
    status: str  # a JobStatus, or Deleted
    cron_expression: str
    time_zone: str

    @property
    def is_on_schedule(self) -> bool:
        """Whether its due times are written into the ledger; those of a pause are, as Skipped."""
        return self.status in ON_SCHEDULE

    @property
    def schedule(self) -> cron.Cron:
        """Raises CronError where what is stored cannot be read any more, as a zone that the zone data lost."""
        return cron.parse(self.cron_expression or "", self.time_zone or cron.DEFAULT_TIME_ZONE)

    def covers(self, due: datetime) -> bool:
        return self.begin < due and (self.end is None or due <= self.end)

    def due_times(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """The due times in (after, until] that fall to it, ascending, whatever its status. Raises CronError."""
        after, until = max(after, self.begin), until if self.end is None else min(until, self.end)
        return self.schedule.between(after, until) if after < until else iter(())
