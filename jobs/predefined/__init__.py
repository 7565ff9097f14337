"""The predefined jobs, one file each, and their schedule lines."""

from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q
from django.utils.text import slugify

from jobs import periodic
from jobs.enums import MisfirePolicy
from jobs.models import SYSTEM_USER_ID, ScheduledJob


@dataclass(frozen=True)
class ScheduleLine:
    """One line of the table below: a job as it is installed at first start, in America/Santo_Domingo."""

    name: str
    job_type: str
    cron_expression: str
    description: str
    policies: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        return slugify(self.name)


SCHEDULE = [
    ScheduleLine(
        "Health Check Monitoring", "HealthCheckMonitoringJob", "*/5 * * * *",
        "Asks each service for its health and raises an alert for each unhealthy one.",
        # A missed look at the health of half an hour ago helps nobody, and the next look is near.
        {"misfire_policy": MisfirePolicy.SKIP, "max_retries": 0},
    ),
]  # fmt: skip


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
