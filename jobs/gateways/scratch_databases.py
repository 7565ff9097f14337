"""Databases to try a dump in: made for one run and dropped with it, or by a later run if that one was killed."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

from psycopg import errors, sql

from jobs.gateways.backup_programs import BackupError
from jobs.gateways.sessions import Session, session

TIME = "%Y%m%dt%H%M%S"
NAME = re.compile(r"restore_check_(\d{8}t\d{6})_[0-9a-f]{32}")
# One that is in use has a session in it. It has none yet at its very beginning, and clocks differ a little.
LEFT_BEHIND_AFTER = timedelta(minutes=10)
UNUSED = (
    "SELECT datname FROM pg_database AS made WHERE datname LIKE 'restore\\_check\\_%'"
    " AND pg_get_userbyid(datdba) = current_user"
    " AND NOT EXISTS (SELECT FROM pg_stat_activity AS session WHERE session.datname = made.datname)"
)
END_SESSIONS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND usename = current_user"
TRIES = 4  # PostgreSQL waits 5 s in each for the last session to leave

Say = Callable[[str], None]


@contextmanager
def scratch_database(
    server: Mapping[str, str], run_id: UUID, *, shape: tuple[str, str, str], warn: Say
) -> Iterator[dict[str, str]]:
    """The address of a new one beside the database at `server`. It is gone afterwards, whatever happens meanwhile.

    Raises BackupError if it cannot be made. `shape`: its encoding, collation and character type.
    """
    name = f"restore_check_{datetime.now(UTC):{TIME}}_{run_id.hex}"
    address = {**server, "dbname": name}
    try:
        _make(server, name, shape)
        with session(address):  # for others to see that it is in use
            yield address
    finally:
        _drop_at_last(server, name, warn)


def drop_left_behind(connection: Session) -> list[str]:
    """Drop those that runs left on this server when they were killed, and return their names."""
    dropped = []
    for (name,) in connection.execute(UNUSED).fetchall():
        if _is_left_behind(name):
            try:
                connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))
                dropped.append(name)
            except errors.ObjectInUse:  # somebody came in between
                continue
    return dropped


def _is_left_behind(name: str) -> bool:
    match = NAME.fullmatch(name)
    if not match:
        return False
    try:
        made_at = datetime.strptime(match[1], TIME).replace(tzinfo=UTC)
    except ValueError:
        return False
    return datetime.now(UTC) - made_at > LEFT_BEHIND_AFTER


def _make(server: Mapping[str, str], name: str, shape: tuple[str, str, str]) -> None:
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING {} LC_COLLATE {} LC_CTYPE {}")
    try:
        with session(server) as connection:
            connection.execute(statement.format(sql.Identifier(name), *map(sql.Literal, shape)))
    except BackupError as fault:
        remedy = (
            ": let the role make databases (CREATEDB)"
            if isinstance(fault.__cause__, errors.InsufficientPrivilege)
            else ""
        )
        raise BackupError(f"no scratch database could be made there: {fault}{remedy}") from fault


def _drop_at_last(server: Mapping[str, str], name: str, warn: Say) -> None:
    try:
        with session(server) as connection:
            _drop(connection, name)
    except BackupError as fault:
        warn(f"The scratch database {name} is left to a later run: {fault}")


def _drop(connection: Session, name: str) -> None:
    """With the sessions of a pg_restore in it that was killed.

    WITH (FORCE) would also want to end an autovacuum worker, which only a superuser may; a plain DROP waits for it.
    """
    for left in reversed(range(TRIES)):
        connection.execute(END_SESSIONS, [name])
        try:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))
            return
        except errors.ObjectInUse:  # one came in between, or takes its time to go
            if not left:
                raise
