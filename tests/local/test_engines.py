"""The embedded engines keep their data over every kind of end, and nobody gets in without the password."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import psycopg
import pytest
from redis import Redis
from redis.exceptions import AuthenticationError

from scheduler_project.local.account import ENGINE_UID
from scheduler_project.local.engine import Engine
from scheduler_project.local.postgres import Postgres
from scheduler_project.local.process import eventually
from scheduler_project.local.valkey import Valkey

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="about what root does")
PATIENCE_SECONDS = 30


def write(engine: Engine, text: str) -> None:
    if isinstance(engine, Postgres):
        with psycopg.connect(engine.url()) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS kept (text text)")
            connection.execute("INSERT INTO kept VALUES (%s)", [text])
    elif isinstance(engine, Valkey):
        Redis.from_url(engine.url()).rpush("kept", text)


def read(engine: Engine) -> list[str]:
    if isinstance(engine, Postgres):
        with psycopg.connect(engine.url()) as connection:
            return [text for (text,) in connection.execute("SELECT text FROM kept ORDER BY text")]
    assert isinstance(engine, Valkey)
    return [str(text) for text in Redis.from_url(engine.url(), decode_responses=True).lrange("kept", 0, -1)]


def test_data_is_there_after_a_stop_a_kill_and_a_new_start_by_somebody_else(engine: Engine) -> None:
    write(engine, "1")
    engine.restart()
    write(engine, "2")
    engine.kill()
    assert not engine.is_ready()
    engine.start()
    assert read(engine) == ["1", "2"]
    engine.stop()
    later = type(engine)(engine.folder, password=engine.password)
    try:
        later.start()
        assert read(later) == ["1", "2"]
    finally:
        later.stop()


def test_stop_leaves_no_process_of_it(engine: Engine) -> None:
    assert engine.process.running
    everyone = [psutil.Process(engine.process.running.pid)]
    everyone += everyone[0].children(recursive=True)
    engine.stop()
    assert not [process for process in everyone if process.is_running()]


def test_the_password_is_in_no_process_list_and_no_readable_file(engine: Engine) -> None:
    assert engine.process.running
    process = psutil.Process(engine.process.running.pid)
    for one in (process, *process.children(recursive=True)):
        assert engine.password not in " ".join(one.cmdline())
    assert engine.password not in repr(engine)
    readable = [file for file in engine.data.rglob("*") if file.is_file() and file.stat().st_mode & 0o077]
    assert not [file for file in readable if engine.password.encode() in file.read_bytes()]


def test_without_the_password_nobody_gets_in(engine: Engine) -> None:
    url = engine.url().replace(engine.password, "wrong")  # type: ignore[attr-defined]
    if isinstance(engine, Postgres):
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(url)
    else:
        with pytest.raises(AuthenticationError):
            Redis.from_url(url).ping()


def test_it_listens_on_this_machine_only(engine: Engine) -> None:
    assert engine.process.running
    listening = psutil.Process(engine.process.running.pid).net_connections("all")
    addresses = {one.laddr for one in listening if one.status == psutil.CONN_LISTEN}
    assert addresses == {("127.0.0.1", engine.port)}


@as_root
def test_as_root_it_runs_under_an_account_that_can_write_only_its_own_files(engine: Engine) -> None:
    assert engine.process.running
    process = psutil.Process(engine.process.running.pid)
    assert set(process.uids()) == {ENGINE_UID}
    status = Path(f"/proc/{process.pid}/status").read_text()
    rights = int(status.partition("CapEff:")[2].split()[0], 16)
    # This folder is closed to others: the one right to pass it, dac_read_search (or in a container dac_override).
    assert rights in (1 << 2, 1 << 1)


@as_root
def test_where_the_folders_are_open_it_has_no_right_at_all(tmp_path: Path) -> None:
    folder = Path("/tmp") / f"schedulerservice-test-{os.getpid()}"
    folder.mkdir(mode=0o711)
    valkey = Valkey(folder)
    try:
        valkey.start()
        assert valkey.process.running
        status = Path(f"/proc/{valkey.process.running.pid}/status").read_text()
        assert int(status.partition("CapEff:")[2].split()[0], 16) in (0, 1 << 2)
    finally:
        valkey.kill()
        subprocess.run(["rm", "-r", str(folder)], check=True)


def test_a_stale_pid_file_that_names_a_living_process_does_not_keep_postgresql_from_starting(
    postgres: Postgres,
) -> None:
    write(postgres, "kept")
    postgres.kill()
    pid_file = postgres.data / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getppid()), *lines[1:]]) + "\n")
    postgres.start()
    assert read(postgres) == ["kept"]


def test_a_postmaster_that_outlived_its_runner_is_stopped_cleanly_and_replaced(postgres: Postgres) -> None:
    write(postgres, "kept")
    second = Postgres(postgres.folder, password=postgres.password)
    try:
        second.start()
        assert not postgres.process.is_running
        assert postgres.process.exit_code == 0
        assert read(second) == ["kept"]
    finally:
        second.kill()


def test_a_first_start_that_was_cut_off_is_begun_anew(long_folder: Path) -> None:
    (long_folder / "postgres.unfinished" / "base").mkdir(parents=True)
    engine = Postgres(long_folder, is_durable=False)
    try:
        engine.start()
        assert engine.is_ready()
        assert sorted(path.name for path in long_folder.iterdir()) == ["log", "postgres"]
    finally:
        engine.kill()


def test_the_services_role_is_no_superuser_and_may_create_databases(postgres: Postgres) -> None:
    with psycopg.connect(postgres.url()) as connection:
        rights = connection.execute("SELECT rolsuper, rolcreatedb FROM pg_roles WHERE rolname = current_user")
        assert rights.fetchone() == (False, True)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's promise is Linux's")
def test_an_engine_ends_with_a_parent_that_is_killed(long_folder: Path) -> None:
    program = (
        "import sys, pathlib, time\n"
        "from scheduler_project.local.valkey import Valkey\n"
        "engine = Valkey(pathlib.Path(sys.argv[1]))\n"
        "engine.start()\n"
        "print(engine.process.running.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(long_folder)], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout
        engine = psutil.Process(int(parent.stdout.readline()))
        parent.send_signal(signal.SIGKILL)
    assert eventually(lambda: not engine.is_running() or engine.status() == psutil.STATUS_ZOMBIE, PATIENCE_SECONDS)


def test_an_engine_that_cannot_start_says_why(long_folder: Path, postgres: Postgres) -> None:
    from scheduler_project.local.errors import StartError

    (long_folder / "other").mkdir()
    other = Valkey(long_folder / "other", port=postgres.port)
    with pytest.raises(StartError, match="Address already in use"):
        other.start()
