"""Configuration as OKLA gives it to its services, under our own names: secrets in files, servers by other names."""

import re
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from urllib.parse import quote, urlencode

from django.core.exceptions import ImproperlyConfigured

from scheduler_project import connection_strings

# What is mounted here is a variable by the file's name.
SECRETS = Path("/run/secrets")
A_NAME = re.compile(r"[A-Za-z]\w*", re.ASCII)
# Of X_FILE only these X are ours: SSL_CERT_FILE, say, is a file to somebody else.
OURS = re.compile(
    r"SCHEDULER_.+|.+_CONNECTION_STRING|ConnectionStrings__.+|Database__.+|DATABASE_.+|CELERY_BROKER_URL|REDIS_PASSWORD"
    r"|Jwt__.+|JWT_SECRET_KEY|Security__.+|AWS_ACCESS_KEY_ID|AWS_SECRET_ACCESS_KEY|AWS_SESSION_TOKEN|FLOWER_BASIC_AUTH"
    r"|OTEL_EXPORTER_OTLP_HEADERS"
)
# Whole addresses of our database; the first that is there counts.
DATABASES = (
    "SCHEDULERSERVICE_DATABASE_CONNECTION_STRING", "ConnectionStrings__DefaultConnection",
    "Database__ConnectionStrings__PostgreSQL", "DATABASE_CONNECTION_STRING",
)  # fmt: skip
# And in parts: host, port, name, user, password.
PARTS = (
    ("Database__Host", "Database__Port", "Database__Database", "Database__Username", "Database__Password"),
    ("DATABASE_HOST", "DATABASE_PORT", "DATABASE_NAME", "DATABASE_USER", "DATABASE_PASSWORD"),
)
SERVICES = ("NotificationService", "AuditService", "PricingAgent", "PricingMlService")
SYNONYMS = {
    "CELERY_BROKER_URL": "ConnectionStrings__RedisConnection",
    "Jwt__Key": "JWT_SECRET_KEY",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "OTLP_ENDPOINT",
    **{f"ServiceUrls__{name}": f"Services__{name}" for name in SERVICES},
}


def adopt(environment: MutableMapping[str, str], secrets: Path = SECRETS) -> None:
    """Fill in, under our own names, what is not set or empty. Raises ImproperlyConfigured that names the variable."""
    _take(environment, _files(environment, secrets))
    found = {ours: environment.get(theirs, "") for ours, theirs in SYNONYMS.items()}
    _take(environment, {**found, "DATABASE_URL": _database_url(environment)})
    _take(environment, {"CELERY_BROKER_URL": _broker_url(environment)})


def _take(environment: MutableMapping[str, str], found: Mapping[str, str]) -> None:
    environment.update({name: value for name, value in found.items() if value and not environment.get(name)})


def _files(environment: Mapping[str, str], secrets: Path) -> dict[str, str]:
    mounted = secrets.iterdir() if secrets.is_dir() else []
    paths = {path.name: path for path in mounted if A_NAME.fullmatch(path.name) and path.is_file()}
    for variable, value in environment.items():
        name = variable.removesuffix("_FILE")
        if variable.endswith("_FILE") and value and OURS.fullmatch(name):
            paths[name] = Path(value)
    return {name: _content(name, path) for name, path in paths.items() if not environment.get(name)}


def _content(name: str, path: Path) -> str:
    try:
        return path.read_text().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as fault:
        reason = fault.strerror if isinstance(fault, OSError) else "it is no text"
        raise ImproperlyConfigured(f"{name} cannot be read from {path}: {reason}") from None


def _database_url(environment: Mapping[str, str]) -> str:
    for name in DATABASES:
        if environment.get(name, "").strip():
            return _url(connection_strings.parse(name, environment[name]))
    for host, port, name, user, password in PARTS:
        if environment.get(host):
            given = {"host": host, "port": port, "dbname": name, "user": user, "password": password}
            defaults = {"port": "5432", "dbname": "schedulerservice", "user": "schedulerservice"}
            return _url({key: environment.get(each) or defaults.get(key, "") for key, each in given.items()})
    return ""


def _url(parts: Mapping[str, str]) -> str:
    """Of libpq's parameters."""
    host, port, name, user = (quote(parts[key], safe="") for key in ("host", "port", "dbname", "user"))
    password = f":{quote(parts['password'], safe='')}" if parts.get("password") else ""
    options = {key: parts[key] for key in parts if key not in ("host", "port", "dbname", "user", "password")}
    return f"postgresql://{user}{password}@{host}:{port}/{name}" + (f"?{urlencode(options)}" if options else "")


def _broker_url(environment: Mapping[str, str]) -> str:
    host, port = environment.get("Cache__Redis__Host"), environment.get("Cache__Redis__Port") or "6379"
    password = quote(environment.get("REDIS_PASSWORD", ""), safe="")
    return f"redis://:{password}@{host}:{port}/0" if host else ""
