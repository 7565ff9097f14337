"""Other services' logs on a real database: days are the business's, and only rows that were read as they are go."""

import hashlib
import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psutil
import psycopg
import pytest

from jobs.gateways.databases import ServiceDatabaseError, ServiceDatabases
from jobs.gateways.errors import GatewayError
from jobs.gateways.logs import Logs, LogTable
from jobs.gateways.mappings import mapping_named
from jobs.gateways.tables import MappingError, Table
from tests.okla import Okla

SERVICE = "errorservice"
DAY = date(2026, 8, 20)
NOON = datetime(2026, 8, 20, 16, 0, tzinfo=UTC)  # 12:00 in Santo Domingo
CUTOFF = datetime(2026, 8, 27, 4, 0, tzinfo=UTC)
COLUMNS = "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"


@pytest.fixture
def schema(every_schema: str) -> str:
    return every_schema


def log(okla: Okla, *instants: datetime | str, **words: object) -> None:
    for instant in instants:
        okla.add("logs", at=instant, **words)


@contextmanager
def opened(okla: Okla, *tables: Table) -> Iterator[LogTable]:
    """The first of the tables; the mapping's own unless others are named."""
    mapping = replace(okla.mapping, logs=tables) if tables else okla.mapping
    logs = Logs(ServiceDatabases(okla.addresses), mapping)
    with logs.open(next(iter(logs.sources))) as table:
        yield table


def exported(table: LogTable, day: date = DAY) -> list[tuple[str, str]]:
    with table.export(day) as rows:
        return list(rows)


def hold(okla: Okla, connection: psycopg.Connection[Any]) -> None:
    """The second row."""
    logs = okla["logs"]
    connection.execute(f"SELECT 1 FROM {logs} WHERE {logs['id']} = %s FOR UPDATE", [okla.log_id(2)])


def repeat(okla: Okla, count: int, **words: object) -> None:
    """So many rows of one day, alike but for their ids."""
    log(okla, NOON, **words)
    logs = okla["logs"]
    names = [f'"{name}"' for (name,) in okla.execute(SERVICE, COLUMNS, [str(logs)]) if f'"{name}"' != logs["id"]]
    listed = ", ".join(names)
    okla.execute(SERVICE, f"INSERT INTO {logs} ({listed}) SELECT {listed} FROM {logs}, generate_series(2, {count})")


def digested(rows: list[tuple[str, str]]) -> list[tuple[str, bytes]]:
    return [(id, hashlib.sha256(line.encode()).digest()) for id, line in rows]


@pytest.fixture
def other_table(okla: Okla) -> Iterator[Okla]:
    """Room for a table of a test's own, named other or audit.other."""
    okla.execute(SERVICE, "CREATE SCHEMA IF NOT EXISTS audit")
    yield okla
    okla.execute(SERVICE, "DROP SCHEMA audit CASCADE; DROP TABLE IF EXISTS other")


# --- Days ------------------------------------------------------------------------------------------------------------
def test_days_are_those_of_santo_domingo_before_the_cutoff_and_counted(okla: Okla) -> None:
    midnight = datetime(2026, 8, 20, 4, 0, tzinfo=UTC)
    log(okla, midnight, midnight - timedelta(microseconds=1), midnight + timedelta(hours=23, minutes=59))
    log(okla, midnight + timedelta(days=1), CUTOFF, CUTOFF - timedelta(microseconds=1), CUTOFF + timedelta(days=9))
    with opened(okla) as table:
        assert table.days(CUTOFF) == [
            (date(2026, 8, 19), 1), (date(2026, 8, 20), 2), (date(2026, 8, 21), 1), (date(2026, 8, 26), 1),
        ]  # fmt: skip
        assert [len(exported(table, day)) for day, _count in table.days(CUTOFF)] == [1, 2, 1, 1]


def test_a_table_without_rows_has_no_days(okla: Okla) -> None:
    with opened(okla) as table:
        assert table.days(CUTOFF) == [] and exported(table) == [] and table.count_without_day() == 0


def test_rows_without_a_real_time_belong_to_no_day_and_are_counted(okla: Okla) -> None:
    log(okla, "-infinity", "-infinity", "0001-01-01 00:00+00", "0044-03-15 BC", "infinity", NOON)
    with opened(okla) as table:
        assert table.days(CUTOFF) == [(DAY, 1)]
        assert table.count_without_day() == 4


# --- Rows ------------------------------------------------------------------------------------------------------------
def test_a_day_is_exported_as_postgresql_writes_its_rows_ordered_by_id(okla: Okla) -> None:
    properties = json.dumps({"a": [1, {"ñ": "\n"}], "empty": None})
    log(
        okla,
        *[NOON + timedelta(minutes=n) for n in (5, 1, 3)],
        message="two\nlines\r and “ñ” \\",
        more=properties,
    )
    with opened(okla) as table:
        rows = exported(table)
    assert [id for id, _line in rows] == [okla.log_id(number) for number in (1, 2, 3)]
    assert all("\n" not in line and "\r" not in line for _id, line in rows)
    row, columns = json.loads(rows[0][1]), okla["logs"].columns
    assert str(row[columns["id"]]) == okla.log_id(1)
    assert row[columns["at"]] == "2026-08-20T16:05:00+00:00"
    assert row[columns["message"]] == "two\nlines\r and “ñ” \\"
    assert row[columns["more"]] == {"a": [1, {"ñ": "\n"}], "empty": None}
    nothing = "Exception" if okla.schema == "original" else "stack_trace"
    assert nothing in row and row[nothing] is None


def test_exported_rows_go_and_no_others(okla: Okla) -> None:
    log(okla, NOON, NOON, NOON, NOON + timedelta(days=1), NOON - timedelta(days=1))
    with opened(okla) as table:
        rows = exported(table)
        assert table.delete(DAY, digested(rows[:2])) == 2
        assert table.delete(DAY, digested(rows)) == 1
        assert table.delete(DAY, digested(rows)) == 0
    left = okla.execute(SERVICE, f"SELECT {okla['logs']['id']}::text FROM {okla['logs']} ORDER BY 1")
    assert left == [(okla.log_id(4),), (okla.log_id(5),)]


def test_a_row_that_came_after_the_export_stays(okla: Okla) -> None:
    log(okla, NOON)
    with opened(okla) as table:
        rows = exported(table)
        log(okla, NOON)
        assert table.delete(DAY, digested(rows)) == 1
    assert okla.count_of("logs") == 1


def test_a_row_that_has_changed_since_the_export_stays(okla: Okla) -> None:
    log(okla, NOON, NOON)
    with opened(okla) as table:
        rows = exported(table)
        okla.change("logs", okla.log_id(1), message="resolved")
        assert table.delete(DAY, digested(rows)) == 1
    assert okla.execute(SERVICE, f"SELECT {okla['logs']['message']} FROM {okla['logs']}") == [("resolved",)]


def test_a_row_that_somebody_holds_stays_and_nobody_waits(okla: Okla) -> None:
    log(okla, NOON, NOON)
    with opened(okla) as table:
        rows = exported(table)
        with okla.connect(SERVICE) as connection, connection.transaction():
            hold(okla, connection)
            assert table.delete(DAY, digested(rows)) == 1
        assert table.delete(DAY, digested(rows)) == 1


def test_an_id_that_is_no_key_does_not_take_other_rows_along(other_table: Okla) -> None:
    other_table.execute(SERVICE, "CREATE TABLE other (id int, at timestamptz, message text)")
    row = {"id": 1, "at": NOON, "message": "first"}
    other_table.insert(SERVICE, "other", [row])
    with opened(other_table, Table(SERVICE, "other", {"id": "id", "at": "at"})) as table:
        rows = exported(table)
        other_table.insert(SERVICE, "other", [{**row, "message": "second"}])
        assert table.delete(DAY, digested(rows)) == 1
    assert other_table.execute(SERVICE, "SELECT message FROM other") == [("second",)]


@pytest.mark.parametrize(
    ("type", "ids"),
    [
        ("bigint", [9_007_199_254_740_993, -1]),
        ("uuid", [uuid.uuid4(), uuid.uuid4()]),
        ("text", ["a'b\"c", "líne\nbreak"]),
        ("varchar(450)", ["", "{x,y}"]),
        ("numeric(20, 2)", ["1.50", "12345678901234567.89"]),
        ("char(5)", ["a", "b"]),
    ],
)
def test_ids_of_any_type_are_found_again(other_table: Okla, type: str, ids: list[object]) -> None:
    other_table.execute(SERVICE, f'CREATE TABLE other ("Id" {type} PRIMARY KEY, at timestamptz)')
    other_table.insert(SERVICE, "other", [{"Id": id, "at": NOON} for id in ids])
    with opened(other_table, Table(SERVICE, "other", {"id": "Id", "at": "at"})) as table:
        assert table.delete(DAY, digested(exported(table))) == 2


def test_a_column_of_any_type_is_exported_on_one_line_and_found_unchanged(other_table: Okla) -> None:
    columns = {
        "plain": ("json", '{"a":\n 1,\r\n "a": 2}'), "bytes": ("bytea", b"\x00\xff"), "real": ("float8", 0.1 + 0.2),
        "nan": ("float4", "NaN"), "exact": ("numeric", "1.10"), "span": ("interval", "1 day 02:00"),
        "texts": ("text[]", ["a", None, "b\n"]), "logged": ("text", "a column named as our alias"),
        "key": ("int", 1), "digest": ("int", 2), "stamp": ("timestamp", "2026-08-20 10:00:00.123456"),
    }  # fmt: skip
    defined = ", ".join(f'"{name}" {type}' for name, (type, _value) in columns.items())
    other_table.execute(SERVICE, f"CREATE TABLE other (id int, at timestamptz, {defined})")
    values = {name: value for name, (_type, value) in columns.items()}
    other_table.insert(SERVICE, "other", [{"id": 1, "at": NOON, **values}])
    with opened(other_table, Table(SERVICE, "other", {"id": "id", "at": "at"})) as table:
        ((id, line),) = rows = exported(table)
        assert (id, line.count("\n")) == ("1", 0)
        assert json.loads(line)["plain"] == {"a": 2} and json.loads(line)["exact"] == 1.1
        assert '"exact":1.10' in line and json.loads(line)["logged"] == "a column named as our alias"
        assert table.delete(DAY, digested(rows)) == 1


def test_json_nested_deeper_than_python_reads_it_is_no_obstacle(okla: Okla) -> None:
    log(okla, NOON, more="[" * 3_000 + "]" * 3_000)
    with opened(okla) as table:
        assert table.delete(DAY, digested(exported(table))) == 1


def test_a_partitioned_table_in_a_schema_of_its_own_is_one_table(other_table: Okla) -> None:
    other_table.execute(
        SERVICE,
        'CREATE TABLE audit.other ("Id" text, "At" timestamptz) PARTITION BY RANGE ("At");'
        " CREATE TABLE audit.early PARTITION OF audit.other FOR VALUES FROM (MINVALUE) TO ('2026-08-20 16:00+00');"
        " CREATE TABLE audit.late PARTITION OF audit.other FOR VALUES FROM ('2026-08-20 16:00+00') TO (MAXVALUE)",
    )
    other_table.execute(
        SERVICE,
        "INSERT INTO audit.other VALUES ('a', '2026-08-20 15:00+00'), ('b', '2026-08-20 17:00+00'),"
        " ('c', '2026-08-21 17:00+00')",
    )
    with opened(other_table, Table(SERVICE, "audit.other", {"id": "Id", "at": "At"})) as table:
        assert table.name == "errorservice.audit.other"
        assert table.days(CUTOFF) == [(DAY, 2), (date(2026, 8, 21), 1)]
        assert table.delete(DAY, digested(exported(table))) == 2
    assert other_table.execute(SERVICE, 'SELECT "Id" FROM audit.other') == [("c",)]


def test_rows_that_do_not_count_are_neither_counted_nor_exported(okla: Okla) -> None:
    log(okla, NOON, "-infinity", kind="Error")
    log(okla, NOON, "-infinity", kind="Audit")
    logs = replace(okla.mapping.logs[0], only={okla["logs"].columns["kind"]: ["Error", "Critical"]})
    with opened(okla, logs) as table:
        assert table.days(CUTOFF) == [(DAY, 1)]
        assert table.count_without_day() == 1
        assert [id for id, _line in exported(table)] == [okla.log_id(1)]


def test_many_rows_are_exported_in_batches_and_in_order(okla: Okla) -> None:
    repeat(okla, 5_001)
    with opened(okla) as table:
        rows = exported(table)
        assert [id for id, _line in rows] == [okla.log_id(number) for number in range(1, 5_002)]
        assert table.delete(DAY, digested(rows)) == 5001


def test_rows_that_are_still_as_they_were_read_are_counted_whoever_holds_them(okla: Okla) -> None:
    log(okla, NOON, NOON, NOON, NOON)
    with opened(okla) as table:
        rows = exported(table)
        okla.change("logs", okla.log_id(1), message="resolved")
        okla.execute(SERVICE, f"DELETE FROM {okla['logs']} WHERE {okla['logs']['id']} = %s", [okla.log_id(4)])
        with okla.connect(SERVICE) as connection, connection.transaction():
            hold(okla, connection)
            assert table.count_same(DAY, digested(rows)) == 2


def test_wide_rows_need_little_memory(okla: Okla) -> None:
    """1,500 of 64 KB, 98 MB together; 2,000 at once were all of them, twice."""
    repeat(okla, 1_500, message="0123456789abcdef" * 4_096)
    process, wide, most = psutil.Process(), 0, 0
    with opened(okla) as table:
        before = process.memory_info().rss
        with table.export(DAY) as rows:
            for number, (_id, line) in enumerate(rows):
                wide += len(line) > 65_536
                if number % 50 == 0:
                    most = max(most, process.memory_info().rss - before)
    assert wide == 1_500 and most < 64_000_000


# --- What is missing -------------------------------------------------------------------------------------------------
def test_a_missing_column_is_named(okla: Okla) -> None:
    wrong = replace(okla.mapping.logs[0], columns={"id": okla["logs"].columns["id"], "at": "OccurredAt"})
    with pytest.raises(MappingError, match='no column "OccurredAt"'), opened(okla, wrong):
        pass


def test_a_database_that_is_away_is_named(okla: Okla) -> None:
    away = Okla({**okla.addresses, SERVICE: {**okla.addresses[SERVICE], "port": "1"}}, okla.schema)
    with pytest.raises(ServiceDatabaseError, match="ERRORSERVICE_DATABASE_CONNECTION_STRING") as told, opened(away):
        pass
    assert not told.value.permanent


def test_sources_are_named_by_database_and_table() -> None:
    assert list(Logs(ServiceDatabases({}), mapping_named("original")).sources) == ["errorservice.Logs"]
    assert list(Logs(ServiceDatabases({}), mapping_named("okla")).sources) == [
        "errorservice.error_logs", "auditservice.audit.audit_logs", "auditservice.audit.audit_events",
    ]  # fmt: skip


def test_a_table_that_is_only_archived_lets_no_row_go(okla: Okla) -> None:
    log(okla, NOON)
    with opened(okla, replace(okla.mapping.logs[0], archive_only=True)) as table:
        rows = digested(exported(table))
        with pytest.raises(GatewayError, match="only archived: no row of it may be deleted"):
            table.delete(DAY, rows)
    assert okla.count_of("logs") == 1


def test_days_may_be_asked_for_from_one_on(okla: Okla) -> None:
    log(okla, NOON - timedelta(days=1), NOON, NOON + timedelta(days=1))
    with opened(okla) as table:
        assert [day for day, _count in table.days(CUTOFF, since=DAY)] == [DAY, DAY + timedelta(days=1)]
