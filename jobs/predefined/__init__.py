"""The predefined jobs, one file each, and their schedule lines."""

from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q
from django.utils import translation
from django.utils.text import slugify

from jobs import periodic, registry
from jobs.enums import MisfirePolicy
from jobs.models import SYSTEM_USER_ID, ScheduledJob


@dataclass(frozen=True)
class ScheduleLine:
    """One line of the table below: a job as it is installed at first start, in America/Santo_Domingo."""

    name: str
    job_type: str
    cron_expression: str
    policies: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        return slugify(self.name)

    @property
    def description(self) -> str:
        """The job type's own sentence, in English: what is stored is no translation."""
        with translation.override("en"):
            return str(registry.get(self.job_type).description)


# fmt: off
SCHEDULE = [
    ScheduleLine("Cleanup Expired Tokens", "CleanupExpiredTokensJob", "0 3 * * *"),
    ScheduleLine("Generate Daily Reports", "GenerateDailyReportsJob", "0 8 * * *"),
    ScheduleLine("Send Reminder Emails", "SendReminderEmailsJob", "0 9 * * *"),
    ScheduleLine("Cleanup Old Logs", "CleanupOldLogsJob", "0 1 * * 0"),
    ScheduleLine("Update Vehicle Listing Status", "UpdateVehicleListingStatusJob", "0 4 * * *"),
    ScheduleLine("Sync Vehicle Prices", "SyncVehiclePricesJob", "0 2 * * 1"),
    ScheduleLine("Backup Database", "BackupDatabaseJob", "0 2 * * *"),
    # A missed look at the health of half an hour ago helps nobody, and the next look is near.
    ScheduleLine("Health Check Monitoring", "HealthCheckMonitoringJob", "*/5 * * * *",
                 {"misfire_policy": MisfirePolicy.SKIP, "max_retries": 0}),
]
# fmt: on


def install() -> list[ScheduledJob]:
    """Create the lines that were never there, and return them. What an operator changed or deleted stays so."""
    # By their keys, which no operator can change. A name or key that somebody else's job has stays with that job.
    known = set(ScheduledJob.objects.filter(created_by_user_id=SYSTEM_USER_ID).values_list("key", flat=True))
    live = ScheduledJob.objects.live()
    created = [
        ScheduledJob.define(
            by=SYSTEM_USER_ID,
            key=line.key,
            name=line.name,
            job_type=line.job_type,
            cron_expression=line.cron_expression,
            description=line.description,
            notify_on_failure=True,
            **line.policies,
        )
        for line in SCHEDULE
        if line.key not in known and not live.filter(Q(name=line.name) | Q(key=line.key)).exists()
    ]
    if periodic.drift(live):
        periodic.rebuild(live)
    return created
