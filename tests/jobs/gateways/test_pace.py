"""Statements that delete are as large as they can be in a moment, and no larger."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta

import pytest

from jobs.gateways.databases import ServiceDatabases
from jobs.gateways.logs import Logs
from jobs.gateways.pace import Pace
from jobs.gateways.tokens import TokenTable
from tests.okla import Okla

NOON = datetime(2026, 8, 20, 16, 0, tzinfo=UTC)
DAY = date(2026, 8, 20)


@pytest.mark.parametrize(
    ("size", "seconds", "rows"),
    [
        (100, 0.01, 200),  # quick: twice as many
        (100, 0.07, 100),  # about right
        (100, 0.2, 50),  # too slow: as many as there was time for
        (30, 0.3, 10),
        (30, 0.001, 100),  # the last few, quick as they are
        (1, 60.0, 1),
    ],
)
def test_the_next_statement_takes_on_what_the_last_one_had_time_for(size: int, seconds: float, rows: int) -> None:
    pace = Pace(seconds=0.1, rows=100)
    pace.learn(size, seconds)
    assert pace.rows == rows


def test_sizes_grow_and_come_to_what_was_asked_for() -> None:
    assert list(Pace(seconds=60, rows=100).sizes(1_000)) == [100, 200, 400, 300]
    assert list(Pace(seconds=0, rows=3).sizes(5)) == [3, 1, 1]
    assert list(Pace().sizes(0)) == []


@contextmanager
def statements_of(okla: Okla, room: str) -> Iterator[Callable[[], list[int]]]:
    """How many rows each statement deleted that deleted any."""
    names = okla[room]
    okla.execute(
        names.service,
        "CREATE TABLE deletions (id serial, rows int);"
        " CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN INSERT INTO deletions (rows) SELECT count(*) FROM gone HAVING count(*) > 0; RETURN NULL; END';"
        f" CREATE TRIGGER note AFTER DELETE ON {names} REFERENCING OLD TABLE AS gone EXECUTE FUNCTION note()",
    )
    try:
        yield lambda: [rows for (rows,) in okla.execute(names.service, "SELECT rows FROM deletions ORDER BY id")]
    finally:
        okla.execute(names.service, f"DROP TRIGGER note ON {names}; DROP FUNCTION note; DROP TABLE deletions")


@pytest.mark.parametrize(
    ("pace", "at_most", "statements"),
    [((0, 4), 10, [4, 1, 1, 1]), ((60, 2), 10, [2, 4, 1]), ((60, 2), 3, [2, 1])],
)
def test_expired_tokens_go_in_statements_of_that_size(
    okla: Okla, pace: tuple[float, int], at_most: int, statements: list[int]
) -> None:
    for number in range(8):
        okla.add("refresh_tokens", at=NOON + timedelta(minutes=number))
    table = okla.mapping.tokens[0]
    with (
        ServiceDatabases(okla.addresses).open(table.database) as database,
        statements_of(okla, "refresh_tokens") as seen,
    ):
        deleted, _position = TokenTable(database, table, Pace(*pace)).delete_expired(
            NOON + timedelta(minutes=7), at_most=at_most
        )
        assert (deleted, seen()) == (sum(statements), statements)


def test_log_rows_go_in_statements_of_that_size(okla: Okla) -> None:
    for _ in range(7):
        okla.add("logs", at=NOON)
    logs = Logs(ServiceDatabases(okla.addresses), okla.mapping)
    with logs.open(next(iter(logs.sources))) as table, statements_of(okla, "logs") as seen:
        with table.export(DAY) as rows:
            digested = [(id, hashlib.sha256(line.encode()).digest()) for id, line in rows]
        table.pace.rows, table.pace.seconds = 3, 0
        assert table.delete(DAY, digested) == 7
        assert seen() == [3, 1, 1, 1, 1]
