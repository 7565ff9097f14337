"""`manage.py restore_log_archive`: what CleanupOldLogsJob took out of a table comes back, row by row as it was."""

import gzip
import json
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from psycopg import sql

from tests.jobs.conftest import Ran
from tests.okla import Okla
from tests.s3 import Bucket, S3Server

JOB, SERVICE, SOURCE = "CleanupOldLogsJob", "errorservice", "errorservice.Logs"
NOW = datetime(2026, 11, 25, 5, 0, tzinfo=UTC)  # 01:00 in Santo Domingo
FIRST_KEPT = datetime(2026, 8, 27, 4, 0, tzinfo=UTC)  # midnight there, 90 days ago
LAST_DAY = "2026-08-26"
FOLDER = f"logs/{SERVICE}/Logs/2026/08"
Run = Callable[..., Ran]

pytestmark = pytest.mark.usefixtures("s3_key")


@pytest.fixture
def cold(tmp_path: Path, okla: Okla, configured: Callable[..., None]) -> Path:
    configured(SCHEDULER_ARCHIVE_URL=(tmp_path / "cold").as_uri(), SCHEDULER_WORK_DIR=str(tmp_path / "work"))
    return tmp_path / "cold"


@pytest.fixture(autouse=True)
def only_its_own_tables(okla: Okla) -> Iterator[None]:
    yield
    for service in (SERVICE, "userservice"):
        okla.execute(service, 'DROP TABLE IF EXISTS "Restored", "Before"; DROP SCHEMA IF EXISTS back CASCADE')


def fill(okla: Okla, *, days: int = 1, each: int = 7, before: datetime = FIRST_KEPT, letters: int = 1) -> None:
    okla.execute(
        SERVICE,
        'INSERT INTO "Logs" ("Timestamp", "Level", "Service", "Message", "Properties")'
        " SELECT %(before)s - day * interval '1 day' - n * interval '1 us' - interval '1 us', 'Error', 'gateway',"
        " E'line\\n' || n || repeat(' ñ', %(letters)s), jsonb_build_object('n', n)"
        " FROM generate_series(0, %(days)s - 1) AS day, generate_series(0, %(each)s - 1) AS n",
        {"before": before, "days": days, "each": each, "letters": letters},
    )


def restore(*words: str, day: str = LAST_DAY, into: str = "Restored", database: str = SERVICE) -> str:
    """What the command said."""
    said = StringIO()
    required = [f"--source={SOURCE}", f"--day={day}", f"--into-table={into}", f"--database={database}"]
    call_command("restore_log_archive", *required, *words, stdout=said)
    return said.getvalue()


def columns_of(okla: Okla, service: str, table: str) -> list[str]:
    query = "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
    return [name for (name,) in okla.execute(service, query, [f'"{table}"'])]


def different(okla: Okla, ours: str, theirs: str) -> list[tuple[Any, ...]]:
    """Each value of each row that is not the same in both tables, by the words in which PostgreSQL writes it."""
    found: list[tuple[Any, ...]] = []
    for name in columns_of(okla, SERVICE, ours):
        query = sql.SQL(
            'SELECT {name}, a."Id", b."Id", a.{column}::text, b.{column}::text FROM {ours} a FULL JOIN {theirs} b'
            ' ON a."Id" = b."Id" WHERE a."Id" IS NULL OR b."Id" IS NULL'
            " OR a.{column}::text IS DISTINCT FROM b.{column}::text"
        ).format(
            name=sql.Literal(name),
            column=sql.Identifier(name),
            ours=sql.Identifier(ours),
            theirs=sql.Identifier(theirs),
        )
        found += okla.execute(SERVICE, query)
    return found


# --- Odd values ------------------------------------------------------------------------------------------------------
ODD_COLUMNS = {
    "whole": "numeric", "money": "numeric(30,10)", "big": "bigint", "f8": "float8", "f4": "float4", "raw": "bytea",
    "js": "json", "jb": "jsonb", "needed": "jsonb NOT NULL DEFAULT '{}'", "tags": "text[]", "matrix": "int[]",
    "moments": "timestamptz[]", "objects": "jsonb[]", "at2": "timestamptz", "local": "timestamp", "on_day": "date",
    "clock": "time", "zoned": "timetz", "took": "interval", "guid": "uuid", "flag": "boolean", "code": "char(6)",
    "address": "inet", "net": "cidr", "span": "int8range", "spans": "tstzmultirange", "bits": "bit varying",
    "point": "point", "mood": "mood", "pair": "pair", "short": "short_text", "words": "tsvector", "Quo\"ted %s": "text",
    "doubled": "bigint GENERATED ALWAYS AS (\"Id\" * 2) STORED",
}  # fmt: skip
TYPES = (
    "CREATE TYPE mood AS ENUM ('glad', 'so so'); CREATE TYPE pair AS (name text, amount numeric);"
    "CREATE DOMAIN short_text AS varchar(5)"
)
NO_TYPES = "DROP TYPE IF EXISTS mood, pair CASCADE; DROP DOMAIN IF EXISTS short_text CASCADE"
# By column, each as PostgreSQL reads it.
ODD_VALUES: dict[str, list[str]] = {
    "Message": [
        "", " ", "line\r\nline\n\ttab\b\f\v", 'quo"tes\'\\back\\\\slash\\n \\u0041', "x" * 100_000, '{"a": 1}', "null",
        "\x01\x1b\x7f\x85\u2028\u2029\ufeff", "\U0010ffff\ue000\ufffd", "\u202eright to left\u200f",
        "ñandú \U0001f697 \U0001f469\u200d\U0001f469\u200d\U0001f467 e\u0301",
    ],
    "whole": [
        "0", "-0.000", "1.10", "1e40", "123456789012345678901234567890.123456789012345678901234567890", "NaN",
        "Infinity", "-Infinity", "0." + "0" * 200 + "1",
    ],
    "money": ["99999999999999999999.9999999999", "-1", "0.0000000001"],
    "big": ["9223372036854775807", "-9223372036854775808"],
    "f8": ["0.1", "-0", "1e308", "5e-324", "0.30000000000000004", "NaN", "Infinity", "-Infinity", "1e15"],
    "f4": ["0.1", "3.4028235e38", "1e-45", "-0", "16777216"],
    "raw": ["\\x", "\\x00", "\\xdeadbeef00ff5c225c", "\\x" + "00ff" * 5_000],
    "js": [
        '{"b" : 1,  "a":[ ], "b":2.50 , "c": 1e2}', '"text"', "[1, null, [[]]]",
        '{"u": "\\u00f1 \\ud83d\\ude97"}',
    ],
    "jb": [
        '{"a": {"b": [1, {"c": null}], "ñ": "🚗"}, "n": 1.10, "big": 12345678901234567890.12345}', "[]", "{}", '"null"',
        "true", "0.10", '{"": " \\n\\t\\" \\\\ "}', '{"deep": ' + "[" * 50 + "]" * 50 + "}",
    ],
    "needed": ["null", "1", '{"a": null}'],
    "tags": ["{}", '{"",NULL,"NULL","a,b","{}","\\"\\\\"}', "{ñ,🚗}"],
    "matrix": ["{}", "{{1,2},{3,NULL}}", "{{{1}},{{2}}}"],
    "moments": ['{-infinity,"2026-01-31 23:59:59.999999+00",NULL}'],
    "objects": ['{"{\\"a\\": [1]}",NULL,"[]"}'],
    "at2": [
        "-infinity", "infinity", "0001-01-01 00:00:00+00", "0044-03-15 12:00:00+00 BC", "2026-08-26 12:34:56.123456+00",
        "2026-08-26 12:34:56.1-04", "294276-12-31 23:59:59.999999+00", "1890-01-01 00:00:00-04:40",
    ],
    "local": ["-infinity", "infinity", "2026-03-08 02:30:00.000001", "4713-01-01 00:00:00 BC"],
    "on_day": ["-infinity", "infinity", "2024-02-29", "0001-12-31 BC", "5874897-12-31"],
    "clock": ["24:00:00", "00:00:00.000001"],
    "zoned": ["23:59:59.999999-15:59", "00:00+14"],
    "took": ["1 year 2 mons -3 days +04:05:06.789", "-00:00:00.000001", "178000000 years"],
    "guid": ["00000000-0000-0000-0000-000000000000", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"],
    "flag": ["true", "false"],
    "code": ["ab", "", "ñ 🚗  "],
    "address": ["10.1.2.3/8", "::ffff:1.2.3.4", "2001:db8::1/64"],
    "net": ["10.0.0.0/8"],
    "span": ["[1,10)", "empty", "(,5]", "(,)"],
    "spans": ["{[2026-01-01 00:00+00,2026-01-02 00:00:00.000001+00),[2026-02-01 00:00+00,)}", "{}"],
    "bits": ["", "1011"],
    "point": ["(1.5,-0)", "(NaN,Infinity)"],
    "mood": ["glad", "so so"],
    "pair": ['("a, ""b""",1.10)', "(,)"],
    "short": ["ñ", ""],
    "words": ["'a':1 'it''s':2A"],
    'Quo"ted %s': ["x"],
}  # fmt: skip


@pytest.fixture
def odd(okla: Okla) -> Iterator[None]:
    """The log table with a column of every kind, a row for each odd value, and one with nothing but NULLs."""
    okla.execute(SERVICE, NO_TYPES + ";" + TYPES)
    added = [
        sql.SQL("ADD COLUMN {} {}").format(sql.Identifier(name), sql.SQL(kind)) for name, kind in ODD_COLUMNS.items()
    ]
    okla.execute(SERVICE, sql.SQL('ALTER TABLE "Logs" {}').format(sql.SQL(", ").join(added)))
    rows = [{}, *({name: value} for name, values in ODD_VALUES.items() for value in values)]
    for number, row in enumerate(rows):
        at = FIRST_KEPT - timedelta(microseconds=number + 1)
        okla.insert(SERVICE, "Logs", [{"Timestamp": at, "Level": "i", "Service": "s", "Message": "m", **row}])
    yield
    dropped = [sql.SQL("DROP COLUMN IF EXISTS {} CASCADE").format(sql.Identifier(name)) for name in ODD_COLUMNS]
    okla.execute(SERVICE, sql.SQL('ALTER TABLE "Logs" {}').format(sql.SQL(", ").join(dropped)))
    okla.execute(SERVICE, 'DROP TABLE IF EXISTS "Restored", "Before"')
    okla.execute(SERVICE, NO_TYPES)


@pytest.mark.parametrize("how", ["a copy of the table", "--create"])
def test_every_row_and_column_comes_back_as_it_was_however_odd(
    okla: Okla, cold: Path, odd: None, run_job: Run, how: str
) -> None:
    okla.execute(SERVICE, 'CREATE TABLE "Before" AS TABLE "Logs"')
    count = okla.count(SERVICE, "Before")
    assert count == 1 + sum(map(len, ODD_VALUES.values()))
    ran = run_job(JOB, at=NOW)
    assert ran.result["rowsDeleted"] == count, ran.output
    assert okla.count(SERVICE, "Logs") == 0
    if how == "--create":
        said = restore("--create")
        assert "Made the table Restored with" in said
    else:
        okla.execute(SERVICE, 'CREATE TABLE "Restored" (LIKE "Logs" INCLUDING ALL)')
        said = restore()
    assert f"1 objects, {count} rows: {count} inserted, 0 were there." in said
    assert okla.count(SERVICE, "Restored") == count
    assert different(okla, "Before", "Restored") == []


def test_what_is_compared_above_does_find_a_difference(okla: Okla, cold: Path, odd: None) -> None:
    okla.execute(SERVICE, 'CREATE TABLE "Before" AS TABLE "Logs"; CREATE TABLE "Restored" AS TABLE "Logs"')
    assert different(okla, "Before", "Restored") == []
    okla.execute(SERVICE, "UPDATE \"Restored\" SET f8 = '0' WHERE f8::text = '-0'")
    assert [(name, ours, theirs) for name, _a, _b, ours, theirs in different(okla, "Before", "Restored")] == [
        ("f8", "-0", "0")
    ]


def test_what_a_line_of_json_does_not_tell_is_known(okla: Okla, cold: Path, odd: None, run_job: Run) -> None:
    """As the module says: JSON's null in a column that may be NULL, and where an array begins."""
    okla.execute(SERVICE, 'TRUNCATE "Logs"')
    row = {"Timestamp": FIRST_KEPT - timedelta(days=1), "Level": "i", "Service": "s", "Message": "m"}
    okla.insert(SERVICE, "Logs", [{**row, "jb": "null", "js": "null", "matrix": "[0:1]={1,2}"}])
    run_job(JOB, at=NOW)
    restore("--create")
    assert okla.execute(SERVICE, 'SELECT jb, js, matrix::text FROM "Restored"') == [(None, None, "{1,2}")]


# --- Which objects ---------------------------------------------------------------------------------------------------
def test_rows_come_back_from_s3_into_a_table_of_another_database(
    s3_server: S3Server, okla: Okla, configured: Callable[..., None], tmp_path: Path, run_job: Run
) -> None:
    bucket = s3_server.new_bucket()
    configured(SCHEDULER_ARCHIVE_URL=bucket.url, SCHEDULER_WORK_DIR=str(tmp_path / "work"))
    fill(okla, days=3)
    before = okla.execute(SERVICE, 'SELECT * FROM "Logs" ORDER BY "Id"')
    run_job(JOB, at=NOW, storageClass="STANDARD")
    said = restore("--until=2026-08-26", "--create", day="2026-08-24", database="userservice")
    assert "3 objects, 21 rows: 21 inserted, 0 were there." in said
    assert okla.execute("userservice", 'SELECT * FROM "Restored" ORDER BY "Id"') == before
    assert list((tmp_path / "work").iterdir()) == []


def test_an_object_that_is_still_in_cold_storage_names_the_remedy(
    s3_server: S3Server, okla: Okla, configured: Callable[..., None], run_job: Run
) -> None:
    bucket: Bucket = s3_server.new_bucket()
    configured(SCHEDULER_ARCHIVE_URL=bucket.url)
    fill(okla)
    run_job(JOB, at=NOW, storageClass="GLACIER")
    with pytest.raises(CommandError, match="have it restored there before it can be read"):
        restore("--create")
    bucket.read(f"{FOLDER}/{LAST_DAY}.jsonl.gz")  # has it restored
    assert "7 inserted" in restore()


def test_all_parts_of_a_day_come_back_and_no_other_day(okla: Okla, cold: Path, run_job: Run) -> None:
    fill(okla, days=2, each=3)
    run_job(JOB, at=NOW)
    for _part in (2, 3):
        fill(okla, each=2)
        run_job(JOB, at=NOW)
    assert "3 objects, 7 rows: 7 inserted" in restore("--create")


def test_what_is_there_already_stays_as_it_is_and_is_counted(okla: Okla, cold: Path, run_job: Run) -> None:
    fill(okla)
    run_job(JOB, at=NOW)
    restore("--create")
    okla.execute(
        SERVICE, 'UPDATE "Restored" SET "Message" = \'mine\' WHERE "Id" = 3; DELETE FROM "Restored" WHERE "Id" = 5'
    )
    said = restore()
    assert f"{FOLDER}/{LAST_DAY}.jsonl.gz: 7 rows, 1 inserted, 6 were there already" in said
    assert okla.count(SERVICE, "Restored") == 7 and okla.count(SERVICE, "Restored", "\"Message\" = 'mine'") == 1


def test_rows_may_come_back_into_the_table_that_they_were_in(okla: Okla, cold: Path, run_job: Run) -> None:
    """Its ids are counted up by itself, and rows keep theirs all the same."""
    fill(okla)
    before = okla.execute(SERVICE, 'SELECT * FROM "Logs" ORDER BY "Id"')
    run_job(JOB, at=NOW)
    restore(into="Logs")
    assert okla.execute(SERVICE, 'SELECT * FROM "Logs" ORDER BY "Id"') == before


def test_a_table_in_a_schema_is_named_with_it(okla: Okla, cold: Path, run_job: Run) -> None:
    fill(okla)
    run_job(JOB, at=NOW)
    okla.execute(SERVICE, "CREATE SCHEMA back")
    restore("--create", into="back.logs")
    assert okla.execute(SERVICE, "SELECT count(*) FROM back.logs") == [(7,)]


def test_more_rows_than_are_taken_at_once_come_back_in_little_memory(okla: Okla, cold: Path, run_job: Run) -> None:
    fill(okla, each=20_000, letters=500)
    run_job(JOB, at=NOW)
    unpacked = len(gzip.decompress((cold / f"{FOLDER}/{LAST_DAY}.jsonl.gz").read_bytes()))
    tracemalloc.start()
    try:
        assert "20,000 inserted" in restore("--create")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert unpacked > 20 * 2**20 > 2 * peak


# --- Where it must stop ----------------------------------------------------------------------------------------------
def archived(okla: Okla, run_job: Run, cold: Path) -> Path:
    """The object of one archived day."""
    fill(okla)
    run_job(JOB, at=NOW)
    return cold / f"{FOLDER}/{LAST_DAY}.jsonl.gz"


def test_an_object_that_is_not_what_was_archived_is_refused_before_a_row_is_written(
    okla: Okla, cold: Path, run_job: Run
) -> None:
    path = archived(okla, run_job, cold)
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()).replace(b"Error", b"Horror")))
    with pytest.raises(CommandError, match=r"is not what was archived: its SHA-256 is .*Nothing of it was restored"):
        restore("--create")
    assert okla.count(SERVICE, "Restored") == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"rows": 8}, "has 7 rows, and its manifest says 8"),
        ({"object": "logs/x.jsonl.gz"}, "is about logs/x.jsonl.gz"),
        ({"sha256": None}, "is not what was archived"),
        (None, "is damaged"),
    ],
)
def test_a_manifest_that_does_not_fit_is_told_of(
    okla: Okla, cold: Path, run_job: Run, change: dict[str, Any] | None, words: str
) -> None:
    manifest = archived(okla, run_job, cold).with_name(f"{LAST_DAY}.manifest.json")
    known = json.loads(manifest.read_text())
    manifest.write_text("[]" if change is None else json.dumps({**known, **change}))
    with pytest.raises(CommandError, match=words):
        restore("--create")


def test_an_object_without_a_manifest_is_left_out_and_told_of(okla: Okla, cold: Path, run_job: Run) -> None:
    archived(okla, run_job, cold).with_name(f"{LAST_DAY}.manifest.json").unlink()
    with pytest.raises(CommandError, match=rf"Left out, for they have no manifest: {FOLDER}/{LAST_DAY}"):
        restore("--create")
    assert okla.count(SERVICE, "Restored") == 0


def test_a_day_without_rows_is_told_of(okla: Okla, cold: Path, run_job: Run) -> None:
    archived(okla, run_job, cold)
    said = restore("--create", day="2026-08-01")
    assert "2026-08-01: nothing is archived" in said and "0 objects, 0 rows" in said


def test_a_table_that_is_not_there_is_made_only_if_told(okla: Okla, cold: Path, run_job: Run) -> None:
    archived(okla, run_job, cold)
    with pytest.raises(CommandError, match=r"no table Restored in errorservice\. Make it, or give --create"):
        restore()


def test_a_table_without_a_key_is_refused(okla: Okla, cold: Path, run_job: Run) -> None:
    archived(okla, run_job, cold)
    okla.execute(SERVICE, 'CREATE TABLE "Restored" (LIKE "Logs")')
    with pytest.raises(CommandError, match="Restored has no primary key"):
        restore()


def test_a_table_that_lacks_a_column_is_told_which(okla: Okla, cold: Path, run_job: Run) -> None:
    archived(okla, run_job, cold)
    okla.execute(
        SERVICE,
        'CREATE TABLE "Restored" (LIKE "Logs" INCLUDING ALL);'
        'ALTER TABLE "Restored" DROP COLUMN "Level", DROP COLUMN "Properties"',
    )
    with pytest.raises(CommandError, match=r'Restored has no column "Level", "Properties"'):
        restore()


def test_a_column_that_is_new_takes_its_default(okla: Okla, cold: Path, run_job: Run) -> None:
    archived(okla, run_job, cold)
    okla.execute(SERVICE, 'CREATE TABLE "Restored" (LIKE "Logs" INCLUDING ALL, restored boolean NOT NULL DEFAULT true)')
    restore()
    assert okla.count(SERVICE, "Restored", "restored") == 7


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--until=2026-08-25"], "--until 2026-08-25 is before --day 2026-08-26"),
        (["--source=Logs"], "not of the form database.table"),
        (["--day=31-01-2026"], "'31-01-2026' is no day"),
        (["--database=nowhere"], "set NOWHERE_DATABASE_CONNECTION_STRING"),
        (["--database=postgresql://u:secret@localhost/x"], "set PGPASSWORD, or PGPASSFILE"),
        (["--create", "--source=errorservice.Lugs"], "errorservice has no table Lugs"),
        (["--create", "--source=nowhere.Logs"], "set NOWHERE_DATABASE_CONNECTION_STRING"),
    ],
)
def test_words_that_make_no_sense_are_refused(okla: Okla, cold: Path, words: list[str], message: str) -> None:
    with pytest.raises(CommandError) as told:
        restore(*words)
    assert message in str(told.value) and "secret" not in str(told.value)
