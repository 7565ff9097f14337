"""`manage.py restore_backup`: a stored dump comes back into an empty database, and no other one is touched."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.core.management import CommandError, call_command
from psycopg import errors, sql

from jobs.backup_retention import Backup
from scheduler_project.demo.databases import drop_database
from scheduler_project.local.process import eventually
from tests.jobs.conftest import Ran
from tests.jobs.gateways.test_backups import fake_program, wheels_folder
from tests.okla import Okla
from tests.s3 import S3Server

JOB, NAME, ROWS = "BackupDatabaseJob", "authservice", 50
PATIENCE_SECONDS = 30
Run = Callable[..., Ran]
Configured = Callable[..., None]

pytestmark = pytest.mark.usefixtures("s3_key")


@pytest.fixture
def cold(tmp_path: Path, okla: Okla, configured: Configured) -> Path:
    configured(SCHEDULER_BACKUP_URL=(tmp_path / "cold").as_uri(), SCHEDULER_WORK_DIR=str(tmp_path / "work"))
    return tmp_path / "cold"


@pytest.fixture
def stored(okla: Okla, cold: Path, run_job: Run) -> str:
    """The file name of a backup of a database with rows."""
    return backed_up(okla, run_job)


def backed_up(okla: Okla, run_job: Run) -> str:
    rows = [{"Id": str(n), "Token": f"t{n}", "UserId": "ñ", "ExpiresAt": datetime.now(UTC)} for n in range(ROWS)]
    okla.insert(NAME, "RefreshTokens", rows)
    ran = run_job(JOB, databases=[NAME], restoreCheck="off")
    return str(ran.result["databases"][0]["name"]).rpartition("/")[2]


@pytest.fixture
def target(okla: Okla) -> Iterator[str]:
    """The name of a database that is not there yet, and is gone afterwards."""
    name = f"{okla.addresses[NAME]['dbname']}_back 'x=1"
    yield name
    with okla.connect(NAME) as connection:
        drop_database(connection, name)


def make(okla: Okla, name: str) -> None:
    okla.execute(NAME, sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))


def exists(okla: Okla, name: str) -> bool:
    return bool(okla.execute(NAME, "SELECT FROM pg_database WHERE datname = %s", [name]))


def tokens(okla: Okla, name: str) -> list[Any]:
    there = Okla({**okla.addresses, NAME: {**okla.addresses[NAME], "dbname": name}})
    return there.execute(NAME, 'SELECT * FROM "RefreshTokens" ORDER BY "Id"')


def restore(*words: str) -> str:
    """What the command said."""
    said = StringIO()
    call_command("restore_backup", *words, stdout=said)
    return said.getvalue()


# --- What it does ----------------------------------------------------------------------------------------------------
def test_the_latest_backup_comes_back_into_an_empty_database(okla: Okla, stored: str, target: str) -> None:
    make(okla, target)
    said = restore("--database", NAME, "--into", target)
    assert tokens(okla, target) == tokens(okla, okla.addresses[NAME]["dbname"])
    assert f"Restored {stored}: 2 tables, {ROWS} rows" in said
    assert "their SHA-256 is right" in said and f"{target} at 127.0.0.1:" in said and "Run ANALYZE" in said


def test_it_comes_back_from_s3_into_a_database_that_is_made_for_it(
    s3_server: S3Server, okla: Okla, configured: Configured, tmp_path: Path, run_job: Run, target: str
) -> None:
    configured(SCHEDULER_BACKUP_URL=s3_server.new_bucket().url, SCHEDULER_WORK_DIR=str(tmp_path / "work"))
    backed_up(okla, run_job)
    assert f"Made the database {target}" in restore("--database", NAME, "--into", target, "--create")
    assert tokens(okla, target) == tokens(okla, okla.addresses[NAME]["dbname"])
    assert list((tmp_path / "work").iterdir()) == []


def test_an_older_one_is_named(okla: Okla, cold: Path, stored: str, target: str) -> None:
    newer = Backup(NAME, datetime.now(UTC) + timedelta(hours=1))
    for name in (newer.name, newer.checksum_name):
        (cold / name).write_text("not what is asked for")
    for name in (stored, f"backups/{NAME}/{stored}"):
        restore("--database", NAME, "--into", target, "--create", "--backup", name)
        assert len(tokens(okla, target)) == ROWS
        with okla.connect(NAME) as connection:
            drop_database(connection, target)


def test_a_database_elsewhere_is_reached_by_a_url_and_a_password_that_is_no_word_of_the_command(
    okla: Okla, stored: str, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = okla.addresses[NAME]
    monkeypatch.setenv("PGPASSWORD", address["password"])
    name = target.replace("'", "%27").replace(" ", "%20").replace("=", "%3D")
    said = restore(
        "--database", NAME, "--into", f"postgresql://{address['user']}@{address['host']}:{address['port']}/{name}",
        "--create",
    )  # fmt: skip
    assert len(tokens(okla, target)) == ROWS and address["password"] not in said


def test_the_backups_are_listed(okla: Okla, cold: Path, stored: str) -> None:
    older = Backup("userservice", datetime(2026, 1, 31, 2, 3, 4, tzinfo=UTC))
    (cold / older.name).parent.mkdir(parents=True)
    (cold / older.name).write_bytes(b"x" * 1_234)
    size = (cold / f"backups/{NAME}/{stored}").stat().st_size
    whole, unfinished, count = restore("--list").splitlines()
    assert whole.startswith(f"{stored}  {stored[12:16]}-") and whole.endswith(f" {size:,} bytes")
    assert unfinished.split() == [older.file_name, "2026-01-31", "02:03:04", "UTC", "1,234", "bytes", "unfinished"]
    assert count == "2 backups"
    assert restore("--list", "--database", "userservice").splitlines() == [unfinished, "1 backups of userservice"]


# --- Owners and rights -----------------------------------------------------------------------------------------------
@pytest.fixture
def another_role(okla: Okla) -> Iterator[str]:
    """One that a table of the database belongs to."""
    role = f"{okla.addresses[NAME]['dbname']}_owner"
    as_superuser(
        okla, f"CREATE ROLE {role}; CREATE TABLE owned (id int PRIMARY KEY); ALTER TABLE owned OWNER TO {role}"
    )
    as_superuser(okla, "GRANT SELECT ON owned TO PUBLIC")
    yield role
    as_superuser(okla, f"DROP TABLE IF EXISTS owned; DROP ROLE IF EXISTS {role}")


def as_superuser(okla: Okla, statement: str) -> None:
    """The suite's own server has one of the same password."""
    try:
        Okla({NAME: {**okla.addresses[NAME], "user": "postgres"}}).execute(NAME, statement)
    except errors.OperationalError:
        pytest.skip("needs a superuser")


def test_a_role_that_is_gone_is_told_of_and_may_be_done_without(
    okla: Okla, cold: Path, another_role: str, run_job: Run, target: str
) -> None:
    backed_up(okla, run_job)
    as_superuser(okla, f"DROP TABLE owned; DROP ROLE {another_role}")
    with pytest.raises(CommandError, match=rf'role "{another_role}" does not exist.*give --no-owner.*is not whole'):
        restore("--database", NAME, "--into", target, "--create")
    with okla.connect(NAME) as connection:
        drop_database(connection, target)
    assert "3 tables" in restore("--database", NAME, "--into", target, "--create", "--no-owner")


# --- Where it must stop ----------------------------------------------------------------------------------------------
def test_a_database_that_is_not_empty_is_left_alone_unless_told(okla: Okla, stored: str, target: str) -> None:
    restore("--database", NAME, "--into", target, "--create")
    okla.execute(NAME, 'TRUNCATE "RefreshTokens"')
    with pytest.raises(CommandError, match=r"is not empty: it holds public\.IX_.*Nothing was restored.*--not-empty"):
        restore("--database", NAME, "--into", target, "--create")
    assert len(tokens(okla, target)) == ROWS
    with pytest.raises(CommandError, match="already exists"):  # told; and nothing was dropped to make room
        restore("--database", NAME, "--into", target, "--not-empty")
    assert len(tokens(okla, target)) == ROWS


@pytest.mark.parametrize(
    "something", ["CREATE VIEW v AS SELECT 1", "CREATE FUNCTION f() RETURNS int RETURN 1", "CREATE SEQUENCE s"]
)
def test_whatever_somebody_made_there_counts(okla: Okla, stored: str, target: str, something: str) -> None:
    make(okla, target)
    there = Okla({NAME: {**okla.addresses[NAME], "dbname": target}})
    there.execute(NAME, something)
    with pytest.raises(CommandError, match="is not empty"):
        restore("--database", NAME, "--into", target)


def test_a_database_that_is_not_there_is_made_only_if_told(okla: Okla, stored: str, target: str) -> None:
    with pytest.raises(CommandError, match=r"does not exist.*Make it, or give --create"):
        restore("--database", NAME, "--into", target)
    assert not exists(okla, target)


def test_a_dump_that_is_not_what_was_stored_is_refused_before_anything_is_restored(
    okla: Okla, cold: Path, stored: str, target: str
) -> None:
    make(okla, target)
    dump = cold / f"backups/{NAME}/{stored}"
    dump.write_bytes(dump.read_bytes()[:-1] + b"\xff")
    with pytest.raises(CommandError, match=r"is not what was stored: its SHA-256 is .*Nothing was restored"):
        restore("--database", NAME, "--into", target)
    with pytest.raises(errors.UndefinedTable):
        tokens(okla, target)


@pytest.mark.parametrize("checksum", ["", "nonsense", "é"])
def test_a_checksum_that_is_none_is_told_of(cold: Path, stored: str, target: str, checksum: str) -> None:
    (cold / f"backups/{NAME}/{stored}.sha256").write_text(checksum)
    with pytest.raises(CommandError, match=rf"\.sha256 says {checksum or 'nothing'}\."):
        restore("--database", NAME, "--into", target, "--create")


def test_one_without_a_checksum_is_refused(okla: Okla, cold: Path, stored: str, target: str) -> None:
    (cold / f"backups/{NAME}/{stored}.sha256").unlink()
    with pytest.raises(CommandError, match="There is no whole backup of authservice"):
        restore("--database", NAME, "--into", target)
    with pytest.raises(CommandError, match=r"has no checksum.*--list --database authservice"):
        restore("--database", NAME, "--into", target, "--backup", stored)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "Say --database, whose backup it is, and --into, where it goes; or --list."),
        (["--database", NAME, "--into", "x", "--backup", "nope.dump"], "no backup nope.dump of authservice"),
        (["--database", "nowhere", "--into", "x"], "set NOWHERE_DATABASE_CONNECTION_STRING"),
        (["--database", NAME, "--into", "postgresql://u:secret@h/x"], "leave it out, and set PGPASSWORD"),
        (["--database", NAME, "--into", "mysql://u@h/secret"], "no URL of a PostgreSQL database"),
        (["--database", NAME, "--into", "postgresql:///x"], "The URL names no host"),
        (["--database", NAME, "--into", "postgresql://h"], "The URL names no database"),
    ],
)
def test_words_that_make_no_sense_are_refused(
    okla: Okla, cold: Path, stored: str, words: list[str], message: str
) -> None:
    with pytest.raises(CommandError) as told:
        restore(*words)
    assert message in str(told.value) and "secret" not in str(told.value)


def test_without_a_place_for_backups_the_variable_is_named(okla: Okla, configured: Configured) -> None:
    configured(SCHEDULER_BACKUP_URL="", SCHEDULER_ARCHIVE_URL="")
    with pytest.raises(CommandError, match="set SCHEDULER_BACKUP_URL"):
        restore("--list")


# --- The real program, as a person runs it ---------------------------------------------------------------------------
def test_no_password_is_among_the_words_of_any_process(
    okla: Okla, cold: Path, stored: str, target: str, tmp_path: Path
) -> None:
    """Seen from without, while manage.py and its pg_restore run: that one waits for the test to have looked."""
    make(okla, target)
    address, looked = okla.addresses[NAME], tmp_path / "looked"
    folder = tmp_path / "bin"
    folder.mkdir()
    waits = f'touch "{looked}.wait"; while [ ! -e "{looked}" ]; do sleep 0.05; done'
    script = f'case " $* " in *" --dbname= "*) {waits};; esac\nexec "{wheels_folder()}/pg_restore" "$@"'
    fake_program(folder, "pg_restore", script)
    environment = {
        **os.environ, "DJANGO_SETTINGS_MODULE": "scheduler_project.settings", "SCHEDULER_PG_BIN": str(folder),
        "SCHEDULER_BACKUP_URL": cold.as_uri(), "SCHEDULER_WORK_DIR": str(tmp_path / "work"),
        "AUTHSERVICE_DATABASE_CONNECTION_STRING": "Host={host};Port={port};Database={dbname};Username={user};"
        "Password={password}".format(**address),
    }  # fmt: skip
    words = [sys.executable, "manage.py", "restore_backup", "--database", NAME, "--into", target]
    process = subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert eventually(lambda: Path(f"{looked}.wait").exists() or process.poll() is not None, PATIENCE_SECONDS)
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        seen = [word for each in family for word in each.cmdline()]
        looked.touch()
        said = process.communicate(timeout=PATIENCE_SECONDS)[0]
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0, said
    assert "--dbname=" in seen and not [word for word in seen if address["password"] in word]
    assert len(tokens(okla, target)) == ROWS
