"""Addresses of PostgreSQL databases as OKLA's services are given them: a URL, or Npgsql's `Host=...;Port=...` form."""

import re
from collections.abc import Mapping

from django.core.exceptions import ImproperlyConfigured
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

ConnectionParameters = dict[str, str]

# Npgsql's keywords, without spaces and in lower case, and what libpq calls the same. What only steers Npgsql's own
# pool and code has no counterpart and is passed over.
NPGSQL_KEYWORDS = {
    "host": "host", "server": "host", "port": "port", "database": "dbname", "db": "dbname", "username": "user",
    "userid": "user", "user": "user", "uid": "user", "password": "password", "pwd": "password", "psw": "password",
    "sslmode": "sslmode", "rootcertificate": "sslrootcert", "timeout": "connect_timeout",
}  # fmt: skip
# `key=value` pairs; a value in quotes may hold semicolons, and a doubled quote stands for itself.
NPGSQL_PAIR = re.compile(r"""\s*([^=;]+?)\s*=\s*("(?:[^"]|"")*"|'(?:[^']|'')*'|[^;]*)\s*(?:;|\Z)""")


def parse(name: str, text: str) -> ConnectionParameters:
    """libpq's parameters (host, port, dbname, user, password, sslmode, ...) of an address.

    Raises ImproperlyConfigured that names the variable `name` and never repeats what it holds: it may be a password.
    """
    text = text.strip()
    if text.partition("://")[0] in ("postgresql", "postgres"):
        try:
            found = {key: str(value) for key, value in conninfo_to_dict(text).items()}
        except ProgrammingError:
            raise _fault(name, "is no valid URL; a special character in the password must be percent-encoded") from None
    elif "=" in text and "://" not in text:
        found = _npgsql(name, text)
    else:
        raise _fault(name, "is neither a URL nor a connection string")
    for part, word in (("host", "host"), ("dbname", "database"), ("user", "user name")):
        if not found.get(part):
            raise _fault(name, f"names no {word}")
    if not found.setdefault("port", "5432").isdigit() or not 0 < int(found["port"]) < 65_536:
        raise _fault(name, "has a port that is none")
    return found


def _npgsql(name: str, text: str) -> ConnectionParameters:
    found: ConnectionParameters = {}
    position = 0
    while position < len(text):
        pair = NPGSQL_PAIR.match(text, position)
        if pair is None:
            if text[position:].strip(" ;"):
                raise _fault(name, "has a part that is not of the form Keyword=value")
            break
        position = pair.end()
        keyword = NPGSQL_KEYWORDS.get(re.sub(r"[\s_]", "", pair[1]).lower())
        if keyword:
            found[keyword] = _unquoted(pair[2])
    if "sslmode" in found:
        found["sslmode"] = _sslmode(found["sslmode"])
    return found


def _unquoted(value: str) -> str:
    quote = value[:1]
    if quote in ("'", '"') and len(value) >= 2 and value.endswith(quote):
        return value[1:-1].replace(quote * 2, quote)
    return value.strip()


def _sslmode(mode: str) -> str:
    """Npgsql's VerifyCA and VerifyFull are written with a hyphen here."""
    return re.sub(r"[\s-]", "", mode).lower().replace("verify", "verify-")


def _fault(name: str, what: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(
        f"{name} {what}. Use postgresql://user:password@host:port/database"
        " or Host=...;Port=5432;Database=...;Username=...;Password=..."
    )


def of_services(environment: Mapping[str, str]) -> dict[str, ConnectionParameters]:
    """The databases of other services: of each X_DATABASE_CONNECTION_STRING, under the alias x.

    Raises ImproperlyConfigured for the first one at fault.
    """
    suffix = "_DATABASE_CONNECTION_STRING"
    return {
        name.removesuffix(suffix).lower(): parse(name, text)
        for name, text in sorted(environment.items())
        if name.endswith(suffix) and name != suffix and text.strip()
    }
