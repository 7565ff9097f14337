"""One file a job."""

from typing import Any

from tests.crashes.case import Case
from tests.crashes.cases.audit_logs import ArchiveAuditLogs
from tests.crashes.cases.backups import BackupDatabase
from tests.crashes.cases.health import HealthCheckMonitoring
from tests.crashes.cases.listings import UpdateVehicleListingStatus
from tests.crashes.cases.logs import CleanupOldLogs
from tests.crashes.cases.prices import SyncVehiclePrices
from tests.crashes.cases.reminders import SendReminderEmails, SendRemindersAsOklaKeepsThem
from tests.crashes.cases.reports import GenerateDailyReports
from tests.crashes.cases.tokens import CleanupExpiredTokens

CASES: tuple[type[Case[Any]], ...] = (
    CleanupExpiredTokens, SendReminderEmails, SendRemindersAsOklaKeepsThem, UpdateVehicleListingStatus,
    GenerateDailyReports, CleanupOldLogs, ArchiveAuditLogs, SyncVehiclePrices, BackupDatabase, HealthCheckMonitoring,
)  # fmt: skip
