"""BackupDatabaseJob proves a dump by restoring it, and leaves nothing behind, whatever happens meanwhile."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from billiard.exceptions import SoftTimeLimitExceeded
from django.db import connection
from django.db.models.functions import Now
from psycopg import errors, sql
from psycopg.conninfo import make_conninfo

from executions.models import JobExecution
from jobs.backup_retention import Backup
from jobs.gateways.scratch_databases import drop_left_behind
from jobs.models import JobState
from jobs.restore_check import STATE
from scheduler_project.demo.databases import drop_database
from scheduler_project.local.process import eventually
from tests.jobs.conftest import Ran
from tests.jobs.gateways.test_backups import fake_program, wheels_folder
from tests.okla import Okla

JOB, NAME, OTHER, ROWS = "BackupDatabaseJob", "authservice", "userservice", 40
SERVICES = ["vehiclessaleservice", NAME, OTHER]
PATIENCE_SECONDS = 30
Run = Callable[..., Ran]
Configured = Callable[..., None]


@pytest.fixture
def role(okla: Okla) -> Iterator[str]:
    """A role of this process's own: each role clears up its own databases, and other processes do so as the suite's."""
    address = okla.addresses[NAME]
    name = f"{address['dbname']}_maker"
    superuser = Okla({NAME: {**address, "user": "postgres"}})  # the suite's own server has one of the same password
    try:
        superuser.execute(NAME, f"CREATE ROLE {name} LOGIN CREATEDB PASSWORD '{address['password']}'")
    except errors.OperationalError:
        yield address["user"]
        return
    superuser.execute(NAME, f"GRANT pg_read_all_data TO {name}")
    yield name
    superuser.execute(NAME, f"DROP ROLE {name}")


@pytest.fixture
def mine(okla: Okla, role: str) -> Okla:
    """The same databases, as that role."""
    return Okla({service: {**address, "user": role} for service, address in okla.addresses.items()})


@pytest.fixture(autouse=True)
def cold(tmp_path: Path, okla: Okla, mine: Okla, configured: Configured) -> Iterator[Path]:
    configured(
        SCHEDULER_BACKUP_URL=(tmp_path / "cold").as_uri(), SCHEDULER_WORK_DIR=str(tmp_path / "work"),
        SCHEDULER_SERVICE_DATABASES=mine.addresses,
    )  # fmt: skip
    rows = [{"Id": str(n), "Token": f"t{n}", "UserId": "ñ", "ExpiresAt": datetime.now(UTC)} for n in range(ROWS)]
    okla.insert(NAME, "RefreshTokens", rows)
    yield tmp_path / "cold"
    with mine.connect(NAME) as session:
        for name in scratch_databases(mine):
            drop_database(session, name)


def scratch_databases(mine: Okla) -> list[str]:
    """Those of this process's role."""
    query = "SELECT datname FROM pg_database WHERE datname LIKE 'restore\\_check\\_%'"
    return [name for (name,) in mine.execute(NAME, f"{query} AND pg_get_userbyid(datdba) = current_user")]


def proved(ran: Ran) -> str | None:
    """The database whose dump was proved in this run."""
    (database,) = [each["database"] for each in ran.result["databases"] if "restored" in each] or [None]
    return database


def next_second() -> None:
    """Names of backups tell seconds."""
    now = datetime.now(UTC).second
    assert eventually(lambda: datetime.now(UTC).second != now, PATIENCE_SECONDS)


@pytest.fixture
def program(tmp_path: Path, configured: Configured) -> Callable[..., None]:
    """Puts a script in the place of a program of PostgreSQL: what it does before, and how it calls the real one."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("pg_dump", "pg_restore"):
        (folder / name).symlink_to(wheels_folder() / name)
    configured(SCHEDULER_PG_BIN=str(folder))

    def put(name: str, *, before: str = "", words: str = "") -> None:
        (folder / name).unlink()
        at_work = "--file=" if name == "pg_dump" else "--dbname= "  # and not when it is asked for something else
        script = f'case " $* " in *" {at_work}"*) {before or ":"};; esac\nexec "{wheels_folder()}/{name}" "$@"'
        fake_program(folder, name, f'{script} $([ "$1" = --version ] || echo {words})' if words else script)

    return put


# --- What it proves --------------------------------------------------------------------------------------------------
def test_the_smallest_one_is_proved_weekly(okla: Okla, mine: Okla, run_job: Run) -> None:
    okla.execute(
        OTHER, 'INSERT INTO "Users" ("Id", "Email") SELECT gen_random_uuid(), n::text FROM generate_series(1, 9) n'
    )
    for service in SERVICES:
        if service != OTHER:  # which is the smallest then
            okla.execute(
                service, "CREATE TABLE padding AS SELECT repeat(md5(n::text), 9) FROM generate_series(1, 9000) n"
            )
    try:
        ran = run_job(JOB)
    finally:
        for service in SERVICES:
            okla.execute(service, "DROP TABLE IF EXISTS padding")
    assert ran.status == "Completed" and proved(ran) == OTHER, ran.output
    check = ran.result["restoreCheck"]
    (figures,) = [each for each in ran.result["databases"] if each["database"] == OTHER]
    assert (check["database"], check["backup"]) == (OTHER, figures["name"].rpartition("/")[2])
    assert (check["tables"], check["rows"]) == (1, 9) and check["seconds"] > 0
    assert figures["restored"] == {key: check[key] for key in ("tables", "rows", "seconds")}
    assert datetime.now(UTC) - datetime.fromisoformat(check["at"]) < timedelta(minutes=5)
    assert "userservice: proved: 1 tables and 9 rows are in the dump" in ran.output
    assert "warnings" not in ran.result and scratch_databases(mine) == []
    next_second()
    again = run_job(JOB)
    assert proved(again) is None and again.result["restoreCheck"] == check


@pytest.mark.parametrize(
    ("ago", "is_due"),
    [
        (timedelta(days=6), False),
        (timedelta(days=6, hours=23, minutes=55), True),  # daily jobs do not come to the minute
        (timedelta(days=-6), False),
        (timedelta(days=-400), True),  # a clock was wrong then, or is now
    ],
)
def test_a_week_after_the_last_proof_it_is_due_again(run_job: Run, ago: timedelta, is_due: bool) -> None:
    run_job(JOB, databases=[NAME])
    last = JobState.objects.get(key=STATE)
    last.value["at"] = (datetime.now(UTC) - ago).isoformat()
    last.save()
    next_second()
    assert (proved(run_job(JOB, databases=[NAME])) == NAME) == is_due


def test_it_may_be_had_always_or_never_or_of_one_database(run_job: Run) -> None:
    assert proved(run_job(JOB, databases=[NAME, OTHER], restoreCheck="off")) is None
    for _run in range(2):
        next_second()
        wanted = {"restoreCheck": "always", "restoreCheckDatabase": NAME}
        assert proved(run_job(JOB, databases=[NAME, OTHER], **wanted)) == NAME
    next_second()
    assert proved(run_job(JOB, databases=[NAME, OTHER], restoreCheckDatabase=OTHER)) == OTHER  # that one never was


def test_one_that_is_not_backed_up_in_this_run_is_told_of(run_job: Run) -> None:
    ran = run_job(JOB, databases=[OTHER], restoreCheckDatabase=NAME)
    assert ran.status == "Completed" and proved(ran) is None
    assert ran.result["warnings"] == [
        "restoreCheckDatabase authservice is none of the databases of this run: nothing is tried out."
    ]


def test_what_others_write_while_it_is_dumped_does_not_disturb_the_count(
    okla: Okla, program: Callable[..., None], run_job: Run
) -> None:
    """Rows come and go between the count and the dump, which sees neither."""
    owner = okla.addresses[NAME]["user"]
    change = f'PGUSER={owner} "{wheels_folder()}/psql" -c "$CHANGE" >/dev/null'
    statement = 'DELETE FROM \\"RefreshTokens\\" WHERE \\"Id\\" = \'3\'; CREATE TABLE late AS SELECT 1'
    program("pg_dump", before=change.replace("$CHANGE", statement))
    try:
        ran = run_job(JOB, databases=[NAME])
        assert okla.count(NAME, "late") == 1 and okla.count(NAME, "RefreshTokens") == ROWS - 1
    finally:
        okla.execute(NAME, "DROP TABLE IF EXISTS late")
    assert ran.result["restoreCheck"]["rows"] == ROWS and proved(ran) == NAME


def test_tables_of_every_kind_are_counted_as_the_dump_has_them(okla: Okla, run_job: Run) -> None:
    okla.execute(
        NAME,
        """CREATE SCHEMA "Odd %s"; CREATE TABLE "Odd %s"."a.b %d" (n int);
        INSERT INTO "Odd %s"."a.b %d" SELECT generate_series(1, 5);
        CREATE TABLE "Odd %s".parted (n int) PARTITION BY RANGE (n);
        CREATE TABLE "Odd %s".part PARTITION OF "Odd %s".parted FOR VALUES FROM (0) TO (10);
        INSERT INTO "Odd %s".parted SELECT generate_series(1, 6);
        CREATE TABLE "Odd %s".child () INHERITS ("Odd %s"."a.b %d"); INSERT INTO "Odd %s".child VALUES (1);
        CREATE UNLOGGED TABLE "Odd %s".unlogged AS SELECT 1;
        CREATE MATERIALIZED VIEW "Odd %s".seen AS SELECT 1""",
    )
    try:
        ran = run_job(JOB, databases=[NAME])
    finally:
        okla.execute(NAME, 'DROP SCHEMA "Odd %s" CASCADE')
    assert ran.result["restoreCheck"]["rows"] == ROWS + 5 + 6 + 1 + 1, ran.output
    assert ran.result["restoreCheck"]["tables"] == 6


def test_it_is_tried_on_another_server_if_one_is_named(
    mine: Okla, configured: Configured, program: Callable[..., None], tmp_path: Path, run_job: Run
) -> None:
    program("pg_restore", before=f'env > "{tmp_path}/seen"')
    there = {**mine.addresses[OTHER], "application_name": "the other server"}
    configured(SCHEDULER_SERVICE_DATABASES={**mine.addresses, "proving-ground": there, "proving_ground": there})
    ran = run_job(JOB, databases=[NAME], restoreCheckServer="proving-ground")
    assert proved(ran) == NAME
    seen = (tmp_path / "seen").read_text()
    assert re.search(r"^PGDATABASE=restore_check_\d{8}t\d{6}_[0-9a-f]{32}$", seen, re.MULTILINE)
    assert "PGAPPNAME=the other server" in seen and "PGPASSWORD" not in seen


def test_a_dry_run_says_what_would_be_tried_and_tries_nothing(run_job: Run) -> None:
    ran = run_job(JOB, databases=[NAME], dryRun=True)
    assert ran.result["restoreCheck"] == {"wouldRestore": NAME, "last": None}
    assert "authservice: the dump would be restored into a scratch database" in ran.output
    assert not JobState.objects.filter(key=STATE).exists()


# --- A dump that is none ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("--exclude-table-data=*efresh*okens", "public.RefreshTokens has 0 rows, not 40"),
        ("--exclude-table=*efresh*okens", "public.RefreshTokens is missing"),
    ],
)
def test_a_dump_that_lacks_something_fails_the_run_and_counts_for_nothing(
    mine: Okla, cold: Path, program: Callable[..., None], run_job: Run, words: str, told: str
) -> None:
    old = Backup(NAME, datetime.now(UTC) - timedelta(days=400))
    (cold / old.name).parent.mkdir(parents=True)
    for name in (old.name, old.checksum_name):
        (cold / name).write_text("old")
    program("pg_dump", words=words)
    ran = run_job(JOB, databases=[NAME, OTHER], restoreCheckDatabase=NAME, keepCount=1)
    assert (ran.status, ran.outcome.can_retry) == ("Failed", False)
    message = str(ran.outcome.error_message)
    assert message.startswith("1 of 2 databases have no good new backup: authservice: authservice_")
    assert f"is not what was in the database: {told}" in message
    assert [each["database"] for each in ran.result["databases"]] == [OTHER]
    assert ran.result["restoreCheck"] is None and scratch_databases(mine) == []
    names = {path.name for path in (cold / f"backups/{NAME}").iterdir()}
    assert {old.file_name, f"{old.file_name}.sha256"} < names and len(names) == 3  # the new one, without its checksum


def test_a_dump_that_no_server_takes_fails_the_run(okla: Okla, mine: Okla, run_job: Run) -> None:
    """A classic: a constraint asks another table, by a name that means nothing while a dump is restored."""
    okla.execute(
        NAME,
        """CREATE TABLE others (n int); INSERT INTO others VALUES (1);
        CREATE FUNCTION is_known(int) RETURNS boolean LANGUAGE plpgsql
        AS 'BEGIN RETURN EXISTS (SELECT FROM others WHERE n = $1); END';
        CREATE TABLE knowing (n int CHECK (is_known(n))); INSERT INTO knowing VALUES (1)""",
    )
    try:
        ran = run_job(JOB, databases=[NAME])
    finally:
        okla.execute(NAME, "DROP TABLE knowing, others; DROP FUNCTION is_known")
    assert (ran.status, ran.outcome.can_retry) == ("Failed", False)
    assert "could not be restored: " in str(ran.outcome.error_message)
    assert 'relation "others" does not exist' in str(ran.outcome.error_message)
    assert scratch_databases(mine) == []


# --- A trial that cannot be made -------------------------------------------------------------------------------------
@pytest.fixture
def lesser_role(okla: Okla) -> Iterator[Mapping[str, str]]:
    """The address of the database for a role that may read everything, and make no databases."""
    address = okla.addresses[NAME]
    role = f"{address['dbname']}_reader"
    as_superuser(okla, f"CREATE ROLE {role} LOGIN PASSWORD '{address['password']}'; GRANT pg_read_all_data TO {role}")
    yield {**address, "user": role}
    as_superuser(okla, f"DROP ROLE {role}")


def as_superuser(okla: Okla, statement: str) -> None:
    """The suite's own server has one of the same password."""
    try:
        Okla({NAME: {**okla.addresses[NAME], "user": "postgres"}}).execute(NAME, statement)
    except errors.OperationalError:
        pytest.skip("needs a superuser")


def test_a_role_that_may_make_no_database_is_a_warning_and_the_backup_is_good(
    cold: Path, configured: Configured, lesser_role: Mapping[str, str], run_job: Run
) -> None:
    configured(SCHEDULER_SERVICE_DATABASES={NAME: lesser_role})
    ran = run_job(JOB, databases=[NAME])
    assert ran.status == "Completed" and proved(ran) is None, ran.output
    (warning,) = ran.result["warnings"]
    assert warning.startswith("authservice: the dump could not be tried out by restoring it, for no fault of its own: ")
    assert "permission denied to create database" in warning and "CREATEDB" in warning
    assert f"WARNING {warning}" in ran.output and len(list(cold.rglob("*.sha256"))) == 1
    assert not JobState.objects.filter(key=STATE).exists()  # so it is due the next time too


@pytest.mark.parametrize(
    ("server", "told"),
    [("nowhere", "set NOWHERE_DATABASE_CONNECTION_STRING"), ("down", "cannot be reached")],
)
def test_a_server_that_is_not_there_is_a_warning(
    mine: Okla, configured: Configured, run_job: Run, server: str, told: str
) -> None:
    configured(SCHEDULER_SERVICE_DATABASES={**mine.addresses, "down": {**mine.addresses[NAME], "port": "1"}})
    ran = run_job(JOB, databases=[NAME], restoreCheckServer=server)
    assert ran.status == "Completed" and told in ran.result["warnings"][0]


@pytest.mark.parametrize(
    "complaint",
    [
        "could not execute query: ERROR:  permission denied to create extension",
        "COPY failed for table: ERROR:  could not extend file: No space left on device",
        "connection to server at 127.0.0.1, port 1 failed: Connection refused",
    ],
)
def test_what_says_nothing_about_the_dump_is_a_warning(
    mine: Okla, program: Callable[..., None], run_job: Run, complaint: str
) -> None:
    program("pg_restore", before=f'echo "pg_restore: error: {complaint}" >&2; exit 1')
    ran = run_job(JOB, databases=[NAME])
    assert ran.status == "Completed" and complaint.rpartition(": ")[2] in ran.result["warnings"][0]
    assert scratch_databases(mine) == []


def test_a_session_that_is_lost_while_others_work_does_no_harm(program: Callable[..., None], run_job: Run) -> None:
    """That which held the snapshot, once pg_dump is done, and that which says that the scratch database is in use."""
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
    psql = f'"{wheels_folder()}/psql" -c "{end} AND usename = current_user AND pid <> pg_backend_pid()"'
    program("pg_restore", before=psql)
    program("pg_dump", before=f'"{wheels_folder()}/pg_dump" "$@" && {psql}; exit')
    assert proved(run_job(JOB, databases=[NAME])) == NAME


# --- Nothing stays behind --------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_a_run_that_is_cancelled_while_it_restores_leaves_no_database(
    mine: Okla, program: Callable[..., None], tmp_path: Path, run_job: Run
) -> None:
    program("pg_restore", before=f'touch "{tmp_path}/restoring"; sleep 600')

    seen: list[str] = []

    def cancel_once_it_restores() -> None:
        eventually((tmp_path / "restoring").exists, PATIENCE_SECONDS)
        seen.extend(scratch_databases(mine))
        JobExecution.objects.update(cancel_requested_at=Now())
        connection.close()

    somebody = threading.Thread(target=cancel_once_it_restores)
    somebody.start()
    ran = run_job(JOB, databases=[NAME])
    somebody.join()
    assert ran.status == "Cancelled" and len(seen) == 1 and scratch_databases(mine) == []
    assert list((tmp_path / "work").iterdir()) == []


def test_a_run_that_is_out_of_time_while_the_server_works_leaves_no_database(
    mine: Okla, program: Callable[..., None], tmp_path: Path, run_job: Run
) -> None:
    """The program is killed; its session on the server would go on with an index of its own for long."""
    slow = f'"{wheels_folder()}/psql" -c "SELECT pg_sleep(600)" & touch "{tmp_path}/restoring"; wait'
    program("pg_restore", before=slow)
    is_working = "SELECT count(*) FROM pg_stat_activity WHERE datname LIKE 'restore%%' AND query LIKE '%%pg_sleep%%'"

    def out_of_time(*_signal: Any) -> None:
        if not mine.execute(OTHER, is_working)[0][0]:
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            return
        raise SoftTimeLimitExceeded

    before = signal.signal(signal.SIGALRM, out_of_time)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        ran = run_job(JOB, databases=[NAME])
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert ran.outcome.reason == "timeout" and scratch_databases(mine) == []


HOLDING = """
import json, sys, time, uuid
from jobs.gateways.scratch_databases import scratch_database
with scratch_database(json.loads(sys.argv[1]), uuid.UUID(sys.argv[2]), shape=("UTF8", "C", "C"), warn=print) as made:
    print(made["dbname"], flush=True)
    time.sleep(600)
"""


@pytest.fixture
def held(mine: Okla) -> Iterator[Callable[[], tuple[subprocess.Popen[str], str]]]:
    """A process that is in the middle of a trial, and the name of its database."""
    running: list[subprocess.Popen[str]] = []

    def begin() -> tuple[subprocess.Popen[str], str]:
        words = [sys.executable, "-c", HOLDING, json.dumps(dict(mine.addresses[NAME])), str(uuid.uuid4())]
        process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        running.append(process)
        assert process.stdout
        return process, process.stdout.readline().strip()

    yield begin
    for process in running:
        process.kill()
        process.wait()
        assert process.stdout
        process.stdout.close()


def renamed(mine: Okla, name: str) -> str:
    """As if it had been made eleven minutes ago."""
    at = datetime.now(UTC) - timedelta(minutes=11)
    older = f"restore_check_{at:%Y%m%dt%H%M%S}_{name[-32:]}"
    mine.execute(NAME, f"ALTER DATABASE {name} RENAME TO {older}")
    return older


def test_what_a_killed_run_left_is_dropped_by_a_later_one(mine: Okla, held: Callable[[], Any], run_job: Run) -> None:
    process, name = held()
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    in_it = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s"
    assert eventually(lambda: mine.execute(OTHER, in_it, [name])[0][0] == 0, PATIENCE_SECONDS)
    run_job(JOB, databases=[OTHER], restoreCheck="off")
    assert scratch_databases(mine) == [name]  # so young, it may be one that is just being made
    older = renamed(mine, name)
    next_second()
    ran = run_job(JOB, databases=[OTHER], restoreCheck="off")
    assert f"Dropped {older}, which a run that was killed had left" in ran.output and scratch_databases(mine) == []


def test_one_that_is_in_use_is_left_alone_however_old(mine: Okla, held: Callable[[], Any]) -> None:
    process, name = held()
    with mine.connect(NAME) as session:
        # Renaming wants nobody in it: its age is in the name that the process has given it.
        assert drop_left_behind(session) == [] and scratch_databases(mine) == [name]
        other = f"restore_check_20200101t000000_{uuid.uuid4().hex}"
        session.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(other)))
        with psycopg.connect(make_conninfo(**{**mine.addresses[NAME], "dbname": other})):
            assert drop_left_behind(session) == []
        assert eventually(lambda: drop_left_behind(session) == [other], PATIENCE_SECONDS)  # once it has left
    assert process.poll() is None


@pytest.mark.parametrize(
    "name",
    ["restore_check_of_mine", "restore_check_20200101t000000_x", "restore_check_20209901t000000_" + "0" * 32],
)
def test_a_database_that_is_only_called_alike_is_left_alone(mine: Okla, name: str) -> None:
    mine.execute(NAME, f"CREATE DATABASE {name}")
    with mine.connect(NAME) as session:
        assert drop_left_behind(session) == []
    assert scratch_databases(mine) == [name]


def test_somebody_elses_database_is_left_alone(mine: Okla, lesser_role: Mapping[str, str]) -> None:
    name = f"restore_check_20200101t000000_{uuid.uuid4().hex}"
    as_superuser(mine, f"CREATE DATABASE {name} OWNER {lesser_role['user']}")
    try:
        with mine.connect(NAME) as session:
            assert drop_left_behind(session) == []
    finally:
        as_superuser(mine, f"DROP DATABASE {name}")
