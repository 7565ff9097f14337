"""The environment, read strictly: a wrong value names itself, says the remedy and stops the process."""

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured
from environs import Env

from scheduler_project import okla_configuration

ROOT = Path(__file__).resolve().parent.parent
LOCAL_ENVIRONMENT = ROOT / "var" / "environment"
# The passwords that docker-compose.yml and .env.example come with.
DEVELOPMENT_PASSWORDS = frozenset({"development-only", "postgres", "admin", "password"})
DEVELOPMENT_TOKENS = frozenset({"development-only-token"})


def load() -> Env:
    """The environment; while DATABASE_URL is not set, with what `bin/up` wrote down for its own engines.

    That is what lets `manage.py shell` and `celery status` beside a running `bin/up` find the same database.
    Variables that are set always win over the file. Secrets may be in files, and servers named as OKLA names them.
    """
    okla_configuration.adopt(os.environ)
    env = Env()
    if "DATABASE_URL" not in os.environ and LOCAL_ENVIRONMENT.is_file():
        env.read_env(str(LOCAL_ENVIRONMENT), recurse=False, override=False)
    return env


def pairs(env: Env, name: str) -> dict[str, str]:
    """`key=value,key=value` as a dict. Raises ImproperlyConfigured that names the variable and the part at fault."""
    found: dict[str, str] = {}
    parts: list[str] = env.list(name, [])
    for part in parts:
        key, separator, value = part.partition("=")
        if not separator or not key.strip() or not value.strip():
            raise ImproperlyConfigured(f"{name}: {part!r} is not of the form name=url; separate several by commas")
        found[key.strip()] = value.strip()
    return found


def server_url(env: Env, name: str, default: str, *, schemes: tuple[str, ...]) -> str:
    """The address of a server, or "" where that is the default.

    Raises ImproperlyConfigured that names the variable, without repeating a password.
    """
    url: str = env.str(name, default)
    if not url and not default:
        return ""
    remedy = f"use {schemes[0]}://user:password@host:port/name"
    if url.partition("://")[0] not in schemes or not url.partition("://")[1]:
        raise ImproperlyConfigured(f"{name} is not an address of the kind {' or '.join(schemes)}; {remedy}")
    try:
        _port = urlsplit(url).port
    except ValueError as fault:
        raise ImproperlyConfigured(f"{name} has a port that is none; {remedy}") from fault
    return url


def http_url(env: Env, name: str) -> str:
    """The base address of an HTTP service without a slash at its end; empty when not set."""
    url: str = env.str(name, "").strip().rstrip("/")
    if url and (urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname):
        raise ImproperlyConfigured(f"{name} is not an address of the kind http://host:port")
    return url


def refuse_development_values(
    *,
    secret_key: str,
    development_secret_key: str,
    debug: bool,
    is_demo: bool,
    allowed_hosts: list[str],
    urls: dict[str, str],
    keys: dict[str, str],
) -> None:
    """Raise ImproperlyConfigured, naming every variable at fault at once, so that one restart mends them all."""
    faults = []
    if secret_key == development_secret_key or len(secret_key) < 32:
        faults.append("SCHEDULER_SECRET_KEY must be set to a random text of at least 32 characters")
    if debug:
        faults.append("SCHEDULER_DEBUG must be off")
    if is_demo:
        faults.append("SCHEDULER_DEMO must be off (in compose, also `demo` out of COMPOSE_PROFILES)")
    if "*" in allowed_hosts or "testserver" in allowed_hosts:
        faults.append("SCHEDULER_ALLOWED_HOSTS must list the host names of this service")
    for name, url in urls.items():
        password = unquote(urlsplit(url).password or "")
        if not password or password in DEVELOPMENT_PASSWORDS:
            faults.append(f"{name} must carry a password of its own")
    faults += [f"{name} must be a key of its own" for name, key in keys.items() if key.startswith("development-only")]
    if faults:
        raise ImproperlyConfigured("SCHEDULER_ENVIRONMENT is production: " + "; ".join(faults) + ".")
