"""What a database holds: each table that a dump of it has, with its rows, counted one by one."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

from psycopg import sql

from jobs.gateways import sessions
from jobs.gateways.sessions import Session, session

Counts: TypeAlias = Mapping[str, int]  # schema.table -> rows

# Not those of extensions, which a dump has not; nor parents of partitions, which hold nothing themselves.
TABLES = (
    "SELECT nspname, relname FROM pg_class AS t JOIN pg_namespace AS s ON s.oid = t.relnamespace"
    " WHERE relkind = 'r' AND relpersistence <> 't' AND nspname !~ '^pg_' AND nspname <> 'information_schema'"
    " AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = t.oid AND deptype = 'e')"
    " ORDER BY nspname, relname"
)
ROWS = sql.SQL("SELECT count(*) FROM ONLY {}")
# Whatever somebody could miss: relations and functions of his own, but nothing that came with the database.
OBJECTS = (
    "SELECT nspname || '.' || name FROM ("
    " SELECT relname AS name, relnamespace AS schema, oid, 'pg_class'::regclass AS kind FROM pg_class"
    " UNION ALL SELECT proname, pronamespace, oid, 'pg_proc'::regclass FROM pg_proc) AS found"
    " JOIN pg_namespace AS s ON s.oid = schema WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'"
    " AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = kind AND objid = found.oid AND deptype = 'e')"
    " ORDER BY nspname, name"
)
SHAPE = "SELECT pg_encoding_to_char(encoding), datcollate, datctype FROM pg_database WHERE datname = current_database()"


@dataclass(frozen=True)
class Snapshot:
    """A database at one instant. `id`: by which pg_dump sees the same; it means something while the session lasts."""

    id: str
    counts: Counts
    shape: tuple[str, str, str]  # encoding, collation, character type


@contextmanager
def snapshot(address: Mapping[str, str], *, check_cancelled: Callable[[], None]) -> Iterator[Snapshot]:
    """Raises BackupError.

    The rows are counted before the dump begins, so that this session holds each table from then on: one that is
    emptied by TRUNCATE in between has no rows in any snapshot, however old.
    """
    with session(address) as connection:
        # Ended with the session, and not by a COMMIT: one that was lost meanwhile has done its work.
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        sessions.lift_limits(connection)
        id = connection.execute("SELECT pg_export_snapshot()").fetchall()[0][0]
        counts = count(connection, check_cancelled=check_cancelled)
        yield Snapshot(id, counts, shape=connection.execute(SHAPE).fetchall()[0])


def count(connection: Session, *, check_cancelled: Callable[[], None]) -> dict[str, int]:
    counts = {}
    for schema, name in connection.execute(TABLES).fetchall():
        rows = sessions.value(connection, ROWS.format(sql.Identifier(schema, name)), check_cancelled=check_cancelled)
        counts[f"{schema}.{name}"] = int(rows)
    return counts


def objects(connection: Session) -> list[str]:
    """What is in a database; nothing in an empty one."""
    return [str(name) for (name,) in connection.execute(OBJECTS).fetchall()]


def difference(ours: Counts, theirs: Counts) -> list[str]:
    """In what the second differs from the first, a phrase a table; empty if in nothing."""
    return [
        _phrase(name, ours.get(name), theirs.get(name))
        for name in sorted({*ours, *theirs})
        if ours.get(name) != theirs.get(name)
    ]


def _phrase(name: str, ours: int | None, theirs: int | None) -> str:
    if ours is None or theirs is None:
        return f"{name} is {'missing' if theirs is None else 'one too many'}"
    return f"{name} has {theirs:,} rows, not {ours:,}"
