"""The outside worlds that jobs may touch, one file each, built once from the settings."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.conf import settings

from jobs.gateways import archive, mail, mappings, notifications, pricing, trust
from jobs.gateways.appointments import Appointments
from jobs.gateways.archive import Archive
from jobs.gateways.audit import AuditService
from jobs.gateways.backups import PostgresPrograms
from jobs.gateways.databases import ServiceDatabases
from jobs.gateways.health import HealthTargets
from jobs.gateways.logs import Logs
from jobs.gateways.notifications import Notifier
from jobs.gateways.outgoing import OutgoingHttp
from jobs.gateways.pricing import MarketPrices
from jobs.gateways.service_token import ServiceToken
from jobs.gateways.suggested_prices import SuggestedPriceTables
from jobs.gateways.tokens import Tokens
from jobs.gateways.users import Users
from jobs.gateways.vehicles import Vehicles
from jobs.gateways.webhook import Webhook


@dataclass(frozen=True)
class Gateways:
    """What `context.gateways` offers. Building them reaches nothing: each says what is missing when it is used."""

    databases: ServiceDatabases
    tokens: Tokens
    appointments: Appointments
    vehicles: Vehicles
    suggested_prices: SuggestedPriceTables
    users: Users
    logs: Logs
    notifications: Notifier
    webhook: Webhook  # where alerts go as JSON
    audit: AuditService
    prices: MarketPrices
    health: HealthTargets
    archive: Archive  # cold storage
    backups: Archive  # where dumps are kept
    postgres: PostgresPrograms
    outgoing: OutgoingHttp
    work_folder: Path | None  # for dumps and exports on their way; None: the system's for temporary files


@cache
def current() -> Gateways:
    """The gateways that the settings describe. Raises ImproperlyConfigured that names the variable at fault."""
    trust.trust(settings.SCHEDULER_CA_BUNDLE)
    databases = ServiceDatabases(settings.SCHEDULER_SERVICE_DATABASES)
    mapping = mappings.mapping_named(settings.SCHEDULER_TABLE_MAPPING)
    token = ServiceToken(**settings.SCHEDULER_JWT)
    return Gateways(
        databases=databases,
        tokens=Tokens(databases, mapping),
        appointments=Appointments(databases, mapping),
        vehicles=Vehicles(databases, mapping),
        suggested_prices=SuggestedPriceTables(databases, mapping),
        users=Users(databases, mapping),
        logs=Logs(databases, mapping),
        notifications=_notifier(token),
        webhook=Webhook(settings.SCHEDULER_ALERT_WEBHOOK_URL, secret=settings.SCHEDULER_ALERT_WEBHOOK_SECRET),
        audit=AuditService(settings.SCHEDULER_AUDIT_SERVICE_URL, token),
        prices=pricing.of(agent_url=settings.SCHEDULER_PRICING_AGENT_URL, ml_url=settings.SCHEDULER_PRICING_ML_URL),
        health=HealthTargets(addresses=settings.SCHEDULER_HEALTH_URLS),
        archive=archive.of(settings.SCHEDULER_ARCHIVE_URL, "SCHEDULER_ARCHIVE_URL"),
        backups=archive.of(settings.SCHEDULER_BACKUP_URL or settings.SCHEDULER_ARCHIVE_URL, "SCHEDULER_BACKUP_URL"),
        postgres=PostgresPrograms(settings.SCHEDULER_PG_BIN),
        outgoing=OutgoingHttp(settings.SCHEDULER_OUTGOING_HOSTS),
        work_folder=Path(settings.SCHEDULER_WORK_DIR) if settings.SCHEDULER_WORK_DIR else None,
    )


def _notifier(token: ServiceToken) -> Notifier:
    if settings.SCHEDULER_SMTP_URL:
        return mail.Smtp(
            settings.SCHEDULER_SMTP_URL, sender=settings.SCHEDULER_MAIL_FROM, alerts_to=settings.SCHEDULER_ALERT_EMAILS
        )
    return notifications.NotificationService(
        settings.SCHEDULER_NOTIFICATION_SERVICE_URL,
        internal_key=settings.SCHEDULER_INTERNAL_API_KEY,
        token=token,
        alerts_to=settings.SCHEDULER_ALERT_EMAILS,
    )
