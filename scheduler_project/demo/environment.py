"""The variables by which the service's processes reach the demo, and those that say that nobody needs one."""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, urlsplit

from scheduler_project import connection_strings
from scheduler_project.connection_strings import ConnectionParameters
from scheduler_project.demo.databases import MAPPING_VARIABLE, ORIGINAL, PREFIX, PREFIX_VARIABLE, DemoDatabases
from scheduler_project.demo.schemas import EVERY_SERVICE

SWITCH = "SCHEDULER_DEMO"
ISSUER, AUDIENCE = "AuthService-Dev", "OKLA-Dev"  # as in OKLA's own compose file (OKLA.md §7)
HEALTH_OF = ("vehiclessaleservice", "authservice", "gateway")  # what HealthCheckMonitoringJob asks by default
# One is written as OKLA's .NET services write theirs, so that this form is in daily use too.
IN_NPGSQL_FORM = "userservice"
NEIGHBOURS = (
    "Security__InternalApiKey", "Jwt__Key", "Jwt__Issuer", "Jwt__Audience", "SCHEDULER_ARCHIVE_URL",
    "SCHEDULER_BACKUP_URL", "SCHEDULER_SMTP_URL", "SCHEDULER_HEALTH_URLS", "SCHEDULER_OUTGOING_HOSTS",
)  # fmt: skip


def environment(
    *,
    database_url: str,
    base_url: str,
    cold_storage: Path,
    internal_key: str,
    jwt_key: str,
    prefix: str = PREFIX,
) -> dict[str, str]:
    """For every process of the service, and for the demo's own. `base_url`: of the demo, without a slash at its end.

    Databases of every mapping have their addresses here: which of them are there says the mapping that is chosen.

    `internal_key`, `jwt_key`: secrets that both sides share, `jwt_key` of at least 32 characters.
    Raises DemoError, ImproperlyConfigured.
    """
    databases = DemoDatabases(connection_strings.parse("DATABASE_URL", database_url), prefix)
    return {
        SWITCH: "true",
        PREFIX_VARIABLE: prefix,
        MAPPING_VARIABLE: ORIGINAL,
        **{
            f"{service.upper()}_DATABASE_CONNECTION_STRING": _written(service, databases.address(service))
            for service in EVERY_SERVICE
        },
        "ServiceUrls__NotificationService": f"{base_url}/notificationservice",
        "ServiceUrls__AuditService": f"{base_url}/auditservice",
        "ServiceUrls__PricingAgent": f"{base_url}/pricingagent",
        "ServiceUrls__PricingMlService": f"{base_url}/pricing-ml",
        "Security__InternalApiKey": internal_key,
        "Jwt__Key": jwt_key,
        "Jwt__Issuer": ISSUER,
        "Jwt__Audience": AUDIENCE,
        "SCHEDULER_ARCHIVE_URL": cold_storage.absolute().as_uri(),
        "SCHEDULER_HEALTH_URLS": ",".join(f"{service}={base_url}/{service}/health" for service in HEALTH_OF),
        "SCHEDULER_OUTGOING_HOSTS": urlsplit(base_url).netloc,
    }


def neighbours_named(given: Mapping[str, str]) -> list[str]:
    """The variables set there that name a neighbour of the service: with one of those, the world is not the demo's."""
    return sorted(
        name
        for name, value in given.items()
        if value.strip()
        and (name in NEIGHBOURS or name.startswith("ServiceUrls__") or name.endswith("_DATABASE_CONNECTION_STRING"))
    )


def _written(service: str, address: ConnectionParameters) -> str:
    return _npgsql(address) if service == IN_NPGSQL_FORM else _url(address)


def _url(address: ConnectionParameters) -> str:
    known = {name: quote(address.get(name, ""), safe="") for name in ("user", "password", "host", "port", "dbname")}
    more = "&".join(f"{name}={quote(value, safe='')}" for name, value in address.items() if name not in known)
    login = f"{known['user']}:{known['password']}" if known["password"] else known["user"]
    return f"postgresql://{login}@{known['host']}:{known['port']}/{known['dbname']}{f'?{more}' if more else ''}"


def _npgsql(address: ConnectionParameters) -> str:
    """A value in quotes may hold anything; a quote within is doubled."""
    words = {
        "Host": "host", "Port": "port", "Database": "dbname", "Username": "user", "Password": "password",
        "SSL Mode": "sslmode",
    }  # fmt: skip
    pairs = {word: address[name] for word, name in words.items() if address.get(name)}
    return ";".join(f'{word}="{value.replace(chr(34), chr(34) * 2)}"' for word, value in pairs.items())
