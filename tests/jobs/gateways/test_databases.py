"""Other services' databases: every verb is bounded, and what goes wrong says whether a retry can help."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql

from jobs.gateways.databases import ServiceDatabase, ServiceDatabaseError, ServiceDatabases
from jobs.gateways.errors import NotConfigured
from tests.jobs.gateways.conftest import Behaviour, RawServer, saying, wait_for_hang_up
from tests.okla import Okla


@pytest.fixture
def database(okla: Okla) -> Iterator[ServiceDatabase]:
    with ServiceDatabases(okla.addresses).open("errorservice") as database:
        yield database


def in_use(okla: Okla) -> int:
    rows = okla.execute(
        "errorservice",
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE application_name = 'schedulerservice' AND datname = current_database()",
    )
    return int(rows[0][0])


def test_a_verb_leaves_no_transaction_and_no_setting_behind(okla: Okla, database: ServiceDatabase) -> None:
    before = database.connection.execute("SHOW lock_timeout").fetchone()
    assert database.value(sql.SQL("SELECT current_setting('lock_timeout')")) == "5s"
    assert database.value(sql.SQL("SELECT current_setting('timezone')")) == "UTC"
    assert database.connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
    assert database.connection.execute("SHOW lock_timeout").fetchone() == before


def test_a_stream_holds_a_part_of_the_rows_only(database: ServiceDatabase) -> None:
    query = sql.SQL("SELECT n FROM generate_series(1, 100000) AS n")
    with database.streamed(query, at_once=10) as rows:
        assert [next(rows)[0] for _ in range(25)] == list(range(1, 26))
    assert database.value(sql.SQL("SELECT 1")) == 1


def test_the_connection_is_closed_whatever_happens(okla: Okla) -> None:
    before = in_use(okla)
    with pytest.raises(RuntimeError), ServiceDatabases(okla.addresses).open("errorservice"):
        raise RuntimeError
    assert in_use(okla) == before


def test_somebody_elses_lock_is_not_waited_for_long(okla: Okla, database: ServiceDatabase) -> None:
    with okla.connect("errorservice") as other, other.transaction():
        other.execute('LOCK TABLE "Logs"')
        with pytest.raises(ServiceDatabaseError, match="lock timeout") as told:
            database.value(sql.SQL('SELECT count(*) FROM "Logs"'))
    assert not told.value.permanent


def test_a_connection_that_is_cut_in_the_middle_is_worth_a_retry(okla: Okla, database: ServiceDatabase) -> None:
    pid = database.connection.info.backend_pid
    stop = threading.Timer(0.2, lambda: okla.execute("errorservice", "SELECT pg_terminate_backend(%s)", [pid]))
    stop.start()
    with pytest.raises(ServiceDatabaseError, match="errorservice") as told:
        database.value(sql.SQL("SELECT pg_sleep(30)"))
    stop.join()
    assert not told.value.permanent


@pytest.mark.parametrize("query", ['SELECT 1 FROM "Nowhere"', 'SELECT "Nothing" FROM "Logs"', "SELEC 1"])
def test_what_a_retry_cannot_mend_says_so(database: ServiceDatabase, query: Any) -> None:
    with pytest.raises(ServiceDatabaseError) as told:
        database.value(sql.SQL(query))
    assert told.value.permanent
    assert "ERRORSERVICE_DATABASE_CONNECTION_STRING" in str(told.value)


def test_a_database_nobody_named_is_told_by_its_variable() -> None:
    with (
        pytest.raises(NotConfigured, match="The database crmservice is not configured: set CRMSERVICE_DATABASE_CONN"),
        ServiceDatabases({}).open("crmservice"),
    ):
        pytest.fail("it was opened")


@pytest.mark.parametrize(
    "behave",
    [wait_for_hang_up, saying(b""), saying(b"HTTP/1.1 400 Bad Request\r\n\r\n"), saying(b"N" + b"\xff" * 9_000)],
    ids=["silence", "hangs up", "speaks HTTP", "speaks nonsense"],
)
def test_what_is_no_database_is_left_in_time_and_may_be_one_later(
    raw_server: Callable[..., RawServer], behave: Behaviour
) -> None:
    server = raw_server(behave, reads_first=False)
    address = {"host": "127.0.0.1", "port": str(server.port), "dbname": "d", "user": "u", "connect_timeout": "2"}
    began = time.monotonic()
    with (
        pytest.raises(ServiceDatabaseError, match="CRMSERVICE_DATABASE_CONNECTION_STRING") as told,
        ServiceDatabases({"crmservice": address}).open("crmservice"),
    ):
        pytest.fail("it was opened")
    assert not told.value.permanent
    assert time.monotonic() - began < 9
