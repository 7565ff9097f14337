"""What waits for the jobs in the demo's databases, counted as the jobs count it."""

import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from jobs import business_days
from scheduler_project.demo.databases import RECORDS, DemoDatabases
from scheduler_project.demo.environment import HEALTH_OF
from scheduler_project.demo.rows.logs import KEPT_DAYS
from scheduler_project.demo.rows.vehicles import ACTIVE_DAYS

BACKED_UP = ("vehiclessaleservice", "authservice", "userservice")  # by BackupDatabaseJob, unless told otherwise


@dataclass(frozen=True)
class Figure:
    title: str | Promise
    count: int
    job: str  # whose work it is


@dataclass(frozen=True)
class Question:
    """`query` counts; what it may speak of are the facts in `figures`."""

    service: str
    title: str | Promise
    job: str
    query: str


QUESTIONS = (
    Question(
        "authservice",
        _("Expired tokens"),
        "CleanupExpiredTokensJob",
        'SELECT (SELECT count(*) FROM "RefreshTokens" WHERE "ExpiresAt" < %(now)s)'
        ' + (SELECT count(*) FROM "VerificationTokens" WHERE "ExpiresAt" < %(now)s)',
    ),
    Question(
        "vehiclessaleservice",
        _("Vehicles sold yesterday"),
        "GenerateDailyReportsJob",
        'SELECT count(*) FROM "Vehicles" WHERE "Status" = \'Sold\' AND "SoldAt" >= %(yesterday)s'
        ' AND "SoldAt" < %(today)s',
    ),
    Question(
        "appointmentservice",
        _("Appointments of tomorrow without a reminder"),
        "SendReminderEmailsJob",
        'SELECT count(*) FROM "Appointments" WHERE "ScheduledDate" = %(tomorrow)s::timestamp AT TIME ZONE \'UTC\''
        ' AND NOT "ReminderSent"',
    ),
    Question(
        "errorservice",
        _("Rows of the log older than 90 days"),
        "CleanupOldLogsJob",
        'SELECT count(*) FROM "Logs" WHERE "Timestamp" < %(log_limit)s',
    ),
    Question(
        "vehiclessaleservice",
        _("Active listings published over 30 days ago"),
        "UpdateVehicleListingStatusJob",
        'SELECT count(*) FROM "Vehicles" WHERE "Status" = \'Active\' AND "PublishedAt" < %(listing_limit)s',
    ),
    Question(
        "vehiclessaleservice",
        _("Active vehicles without a suggested price"),
        "SyncVehiclePricesJob",
        'SELECT count(*) FROM "Vehicles" WHERE "Status" = \'Active\' AND "SuggestedPrice" IS NULL',
    ),
    Question(
        RECORDS,
        _("Databases to back up"),
        "BackupDatabaseJob",
        "SELECT count(*) FROM pg_database WHERE datname = ANY (%(backed_up)s)",
    ),
    Question(
        RECORDS,
        _("Services whose health is asked and that are not well"),
        "HealthCheckMonitoringJob",
        "SELECT count(*) FROM faults WHERE service = ANY (%(watched)s) AND mode IN ('failing', 'down', 'cut')"
        " AND (until IS NULL OR until > %(now)s)",
    ),
)


def figures(databases: DemoDatabases, now: datetime) -> list[Figure]:
    """As they stand at that instant. Raises psycopg.Error."""
    day = business_days.day_of(now)
    facts = {
        "now": now,
        "yesterday": business_days.begin_of(day - business_days.ONE_DAY),
        "today": business_days.begin_of(day),
        "tomorrow": day + business_days.ONE_DAY,
        "log_limit": business_days.begin_of(day - timedelta(days=KEPT_DAYS)),
        "listing_limit": now - timedelta(days=ACTIVE_DAYS),
        "backed_up": [databases.name(service) for service in BACKED_UP],
        "watched": list(HEALTH_OF),
    }
    counts: dict[Question, int] = {}
    for service in dict.fromkeys(question.service for question in QUESTIONS):
        with databases.connect(service) as connection:
            for question in QUESTIONS:
                if question.service == service:
                    row = connection.execute(question.query.encode(), facts).fetchone()
                    counts[question] = int(row[0]) if row else 0
    return [Figure(question.title, counts[question], question.job) for question in QUESTIONS]


@dataclass(frozen=True)
class ColdStorage:
    """The folder that archives and backups go to. `files` is None where they go somewhere else."""

    folder: str
    files: int | None
    size: int = 0  # bytes


def cold_storage() -> ColdStorage:
    parts = urlsplit(settings.SCHEDULER_ARCHIVE_URL)
    if parts.scheme != "file":
        return ColdStorage(settings.SCHEDULER_ARCHIVE_URL.partition("?")[0], None)
    folder = Path(unquote(parts.path))
    files = [Path(place, name) for place, _folders, names in os.walk(folder) for name in names]
    return ColdStorage(str(folder), len(files), sum(file.stat().st_size for file in files if file.exists()))
