"""Servers that are not ours: whether they can be reached."""

from urllib.parse import urlsplit

import psycopg
from redis import Redis
from redis.exceptions import RedisError

from scheduler_project.local.errors import StartError

CONNECT_SECONDS = 5


def check_database(url: str) -> None:
    """Raises StartError that names variable, server and reason, and never the password."""
    try:
        psycopg.connect(url, connect_timeout=CONNECT_SECONDS).close()
    except psycopg.Error as error:
        raise unreachable("DATABASE_URL", url, "PostgreSQL", error) from None


def check_broker(url: str) -> None:
    """Raises StartError likewise."""
    try:
        with Redis.from_url(url, socket_connect_timeout=CONNECT_SECONDS, socket_timeout=CONNECT_SECONDS) as client:
            client.ping()
    except (RedisError, ValueError) as error:
        raise unreachable("CELERY_BROKER_URL", url, "Valkey", error) from None


def unreachable(variable: str, url: str, engine: str, error: Exception) -> StartError:
    parts = urlsplit(url)
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    if parts.password:
        reason = reason.replace(parts.password, "***")
    server = f"{parts.hostname or parts.path}{f':{parts.port}' if parts.port else ''}"
    return StartError(
        f"{variable}: no connection to {server}: {reason}\n"
        f"Start that server or correct the variable. Without {variable}, bin/up runs a {engine} of its own."
    )
