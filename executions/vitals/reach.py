"""Whether database and broker can be reached, asked over connections of their own, which have seconds to answer."""

from django.db import DEFAULT_DB_ALIAS, Error, connections

from executions import bell

BROKER_SECONDS = 2


def database() -> None:
    """Raises Error. A server that takes the call and says nothing is given the timeout of the settings."""
    own = connections.create_connection(DEFAULT_DB_ALIAS)
    try:
        own.ensure_connection()
    finally:
        own.close()


def broker() -> None:
    """Raises BROKER_ERRORS."""
    with bell.connection() as connection:
        connection.ensure_connection(max_retries=1, interval_start=0, timeout=BROKER_SECONDS)


def absence() -> str:
    """Which of them cannot be reached; empty when both can."""
    try:
        database()
    except Error as fault:
        return f"The database cannot be reached: {fault}"
    try:
        broker()
    except bell.BROKER_ERRORS as fault:
        return f"The broker cannot be reached: {fault}"
    return ""
