"""A session with a database that lasts as long as a dump or a restore, with its faults in our words."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from typing import Any, TypeAlias

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.types.json import Jsonb

from jobs.gateways.backup_programs import POLL_SECONDS, BackupError
from jobs.gateways.databases import CONNECT_SECONDS, NETWORK_SILENCE_SECONDS, PERMANENT, PERMANENT_WORDS, Query

Session: TypeAlias = psycopg.Connection[Any]
# Who holds a table for himself is waited for as long as pg_dump does it.
LOCK_WAIT_SECONDS = 120
# Of those that the server knows: what its administrator means for others must not end a long session.
SETTINGS = {
    "statement_timeout": "0", "idle_in_transaction_session_timeout": "0", "idle_session_timeout": "0",
    "transaction_timeout": "0", "lock_timeout": f"{LOCK_WAIT_SECONDS}s", "row_security": "off", "timezone": "UTC",
}  # fmt: skip
SET = "SELECT set_config(name, %(settings)s::jsonb ->> name, true) FROM pg_settings WHERE %(settings)s::jsonb ? name"


@contextmanager
def session(address: Mapping[str, str]) -> Iterator[Session]:
    """In autocommit. Whatever psycopg raises in it becomes a BackupError that says which database it is about."""
    defaults = {
        "connect_timeout": str(CONNECT_SECONDS), "application_name": "schedulerservice", "keepalives_idle": "10",
        "keepalives_interval": "5", "keepalives_count": "3", "tcp_user_timeout": str(1000 * NETWORK_SILENCE_SECONDS),
    }  # fmt: skip
    with _told("The database cannot be reached"):
        connection = psycopg.connect(make_conninfo(**{**defaults, **address}), autocommit=True, prepare_threshold=None)
    try:
        with _told(f"Database {connection.info.dbname}"):
            yield connection
    finally:
        connection.close()


@contextmanager
def unlimited(connection: Session) -> Iterator[None]:
    """A transaction that may take as long as it takes."""
    with connection.transaction():
        lift_limits(connection)
        yield


def lift_limits(connection: Session) -> None:
    """Within this transaction only: a pooler may hand the session to somebody else afterwards."""
    connection.execute(SET, {"settings": Jsonb(SETTINGS)})


def value(connection: Session, query: Query, *, check_cancelled: Callable[[], None]) -> Any:
    """The one value that a statement answers, however long it takes: whoever is asked to stop does not wait for it."""
    with ThreadPoolExecutor(max_workers=1) as aside:
        asked = aside.submit(connection.execute, query)
        try:
            while not wait([asked], timeout=POLL_SECONDS).done:
                check_cancelled()
        except BaseException:
            with suppress(psycopg.Error):
                connection.cancel()
            raise
    row = asked.result().fetchone()
    return row and row[0]


@contextmanager
def _told(about: str) -> Iterator[None]:
    try:
        yield
    except psycopg.Error as fault:
        line = " ".join(str(fault).split())[:500] or type(fault).__name__
        is_permanent = isinstance(fault, PERMANENT) or any(word in line for word in PERMANENT_WORDS)
        raise BackupError(f"{about}: {line}", permanent=is_permanent) from fault
