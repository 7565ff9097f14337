"""Where a person's command writes: a configured database, another one on its server, or a URL without a password."""

from collections.abc import Mapping

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from jobs.gateways.errors import GatewayError

HOW = "Use postgresql://user@host:5432/database."


def is_url(text: str) -> bool:
    return "://" in text


def of_url(url: str) -> dict[str, str]:
    """libpq's parameters. Raises GatewayError, which never repeats the URL, and refuses one with a password in it.

    Other users of this machine can read the words of a command.
    """
    try:
        found = {key: str(value) for key, value in conninfo_to_dict(url).items()}
    except ProgrammingError:
        raise GatewayError(f"This is no URL of a PostgreSQL database. {HOW}", permanent=True) from None
    if "password" in found:
        raise GatewayError(
            "The URL holds a password, which other users of this machine can read among the words of a command: leave"
            " it out, and set PGPASSWORD, or PGPASSFILE to the path of a password file.",
            permanent=True,
        )
    if not found.get("host") or not found.get("dbname"):
        raise GatewayError(f"The URL names no {'database' if found.get('host') else 'host'}. {HOW}", permanent=True)
    return found


def beside(address: Mapping[str, str], name: str) -> dict[str, str]:
    """Another database on the same server, reached as the same role."""
    return {**address, "dbname": name}


def spoken(address: Mapping[str, str]) -> str:
    """For people: which database where, without a password."""
    return f"{address['dbname']} at {address.get('host', 'this machine')}:{address.get('port', '5432')}"
