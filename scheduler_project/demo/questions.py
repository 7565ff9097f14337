"""What the demo's databases are asked to know what waits for the jobs, in the tables of each mapping.

The facts that a query may speak of are those of `figures`.
"""

from dataclasses import dataclass
from types import MappingProxyType

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from scheduler_project.demo.databases import RECORDS


@dataclass(frozen=True)
class About:
    """What is counted, and whose work it is."""

    title: str | Promise
    job: str


@dataclass(frozen=True)
class Question:
    about: About
    service: str
    query: str


SOLD = About(_("Vehicles sold yesterday"), "GenerateDailyReportsJob")
UNREMINDED = About(_("Appointments of tomorrow without a reminder"), "SendReminderEmailsJob")
OLD_LOGS = About(_("Rows of the log older than 90 days"), "CleanupOldLogsJob")
OLD_LISTINGS = About(_("Active listings published over 30 days ago"), "UpdateVehicleListingStatusJob")
UNPRICED = About(_("Active vehicles without a suggested price"), "SyncVehiclePricesJob")

TOKENS = Question(
    About(_("Expired tokens"), "CleanupExpiredTokensJob"),
    "authservice",
    'SELECT (SELECT count(*) FROM "RefreshTokens" WHERE "ExpiresAt" < %(now)s)'
    ' + (SELECT count(*) FROM "VerificationTokens" WHERE "ExpiresAt" < %(now)s)',
)
BACKUPS = Question(
    About(_("Databases to back up"), "BackupDatabaseJob"),
    RECORDS,
    "SELECT count(*) FROM pg_database WHERE datname = ANY (%(backed_up)s)",
)
HEALTH = Question(
    About(_("Services whose health is asked and that are not well"), "HealthCheckMonitoringJob"),
    RECORDS,
    "SELECT count(*) FROM faults WHERE service = ANY (%(watched)s) AND mode IN ('failing', 'down', 'cut')"
    " AND (until IS NULL OR until > %(now)s)",
)
ORIGINAL = (
    TOKENS,
    Question(
        SOLD,
        "vehiclessaleservice",
        'SELECT count(*) FROM "Vehicles" WHERE "Status" = \'Sold\' AND "SoldAt" >= %(yesterday)s'
        ' AND "SoldAt" < %(today)s',
    ),
    Question(
        UNREMINDED,
        "appointmentservice",
        'SELECT count(*) FROM "Appointments" WHERE "ScheduledDate" = %(tomorrow)s::timestamp AT TIME ZONE \'UTC\''
        ' AND NOT "ReminderSent"',
    ),
    Question(OLD_LOGS, "errorservice", 'SELECT count(*) FROM "Logs" WHERE "Timestamp" < %(log_limit)s'),
    Question(
        OLD_LISTINGS,
        "vehiclessaleservice",
        'SELECT count(*) FROM "Vehicles" WHERE "Status" = \'Active\' AND "PublishedAt" < %(listing_limit)s',
    ),
    Question(
        UNPRICED,
        "vehiclessaleservice",
        'SELECT count(*) FROM "Vehicles" WHERE "Status" = \'Active\' AND "SuggestedPrice" IS NULL',
    ),
    BACKUPS,
    HEALTH,
)
OKLA = (
    TOKENS,
    Question(
        SOLD,
        "vehiclessaleservice",
        'SELECT count(*) FROM vehicles WHERE "Status" = \'Sold\' AND "SoldAt" >= %(yesterday)s AND "SoldAt" < %(today)s'
        ' AND NOT "IsDeleted"',
    ),
    Question(
        UNREMINDED,
        "appointmentservice",
        'SELECT count(*) FROM "Appointments" WHERE ("ScheduledDate" AT TIME ZONE \'UTC\')::date = %(tomorrow)s'
        ' AND "Status" IN (0, 1, 6) AND "ReminderSentAt" IS NULL',
    ),
    Question(OLD_LOGS, "errorservice", "SELECT count(*) FROM error_logs WHERE occurred_at < %(log_limit)s"),
    Question(
        OLD_LISTINGS,
        "vehiclessaleservice",
        'SELECT count(*) FROM vehicles WHERE "Status" = \'Active\' AND "PublishedAt" < %(listing_limit)s'
        ' AND NOT "IsDeleted" AND NOT "IsFeatured" AND NOT "IsPremium" AND "SoldAt" IS NULL',
    ),
    Question(
        UNPRICED,
        "vehicleintelligenceservice",
        "SELECT count(*) FROM unnest(%(on_offer)s::uuid[]) AS vehicle"
        ' WHERE NOT EXISTS (SELECT 1 FROM price_analyses WHERE "VehicleId" = vehicle)',
    ),
    BACKUPS,
    HEALTH,
)
QUESTIONS = MappingProxyType({"original": ORIGINAL, "okla": OKLA})
# Vehicles that a price can be asked for. Their analyses stand in another database, so their ids are a fact there.
ON_OFFER = (
    'SELECT "Id" FROM vehicles WHERE "Status" = \'Active\' AND NOT "IsDeleted"'
    " AND \"MileageUnit\" IN ('Kilometers', 'Miles') AND \"Condition\" IN ('New', 'CertifiedPreOwned', 'Used')"
)
