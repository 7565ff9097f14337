"""The whole system behind PgBouncer in transaction mode, each transaction in another session than the one before."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from executions.models import JobExecution
from jobs.enums import ExecutionStatus
from scheduler_project.local.account import Account
from scheduler_project.local.ports import LOCALHOST, free_port
from scheduler_project.local.process import Process
from tests.journey.conftest import Api, System, api, empty_broker, make_due, system, until  # noqa: F401 - fixtures
from tests.journey.test_road import define

pytestmark = pytest.mark.journey

CONFIGURATION = """
[databases]
* = host={host} port={port} user={user} password={password}
[pgbouncer]
listen_addr = {localhost}
listen_port = {pooler_port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 4
max_client_conn = 100
; Not as in production: whoever counts on a session is found out at once.
server_round_robin = 1
"""


@pytest.fixture
def pooler(system: System, tmp_path: Path) -> Iterator[Process]:  # noqa: F811
    """Stands between the system's processes and the database; this process keeps its own way."""
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("No PgBouncer was found. On Debian: apt install pgbouncer")
        pytest.skip("PgBouncer is not installed")
    server, port = urlsplit(system.environment["DATABASE_URL"]), free_port()
    configuration = tmp_path / "pgbouncer.ini"
    configuration.write_text(
        CONFIGURATION.format(
            host=server.hostname,
            port=server.port,
            user=server.username,
            password=server.password,
            localhost=LOCALHOST,
            pooler_port=port,
        )
    )
    account = Account(65038) if os.geteuid() == 0 else Account()  # it refuses root
    process = Process(
        name="pgbouncer", command=[program, str(configuration)], log=tmp_path / "pgbouncer.log", directory=Path("/"),
        environment={"PATH": os.environ["PATH"]}, account=account, needs=[configuration],
    )  # fmt: skip
    process.start()
    direct, pooled = (
        system.environment["DATABASE_URL"],
        f"postgresql://{server.username}@{LOCALHOST}:{port}{server.path}",
    )
    until(lambda: is_open(pooled), process)
    open_sessions(pooled)
    system.environment["DATABASE_URL"] = pooled
    yield process
    system.environment["DATABASE_URL"] = direct
    system.stop()
    process.stop()


def is_open(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def open_sessions(url: str) -> None:
    """All of the pool: as many transactions at once."""
    with ExitStack() as stack:
        for _ in range(4):
            connection = stack.enter_context(psycopg.connect(url))
            connection.execute("SELECT 1")


def test_no_session_is_the_one_before(pooler: Process, system: System) -> None:  # noqa: F811
    """That the trap is set: what a session would keep is gone."""
    with psycopg.connect(system.environment["DATABASE_URL"], autocommit=True, prepare_threshold=None) as connection:
        seen = {connection.execute("SELECT pg_backend_pid()").fetchone() for _ in range(12)}
        connection.execute("SET lock_timeout = '7s'")
        kept = {connection.execute("SHOW lock_timeout").fetchone() for _ in range(8)}
    assert len(seen) == 4 and kept > {("7s",)}


def test_it_fires_runs_records_shows_and_exports(pooler: Process, system: System, api: Api, tmp_path: Path) -> None:  # noqa: F811
    jobs = [define(f"job {number}", "DiaryJob", parameters={"path": str(tmp_path / "diary")}) for number in range(3)]
    make_due(*jobs)
    worker, beat = system.start_worker(), system.start_beat()

    def are_done() -> bool:
        done = JobExecution.objects.filter(status=ExecutionStatus.COMPLETED, trigger="Schedule")
        return done.values("job_id").distinct().count() == len(jobs)

    until(are_done, worker, beat)
    run = api.call("POST", f"/jobs/{jobs[0].id}/run-now").json()
    until(lambda: api.get_json(f"/executions/{run['id']}")["status"] == "Completed", worker)
    for path in ("/dashboard", "/jobs", "/executions", f"/jobs/{jobs[0].id}/why", f"/executions/{run['id']}/log"):
        assert api.call("GET", path).ok, path
    for path in ("/health/ready", "/metrics"):
        assert api.get(f"{api.root}{path}", timeout=30).ok, path
    assert "Degraded" not in api.get(f"{api.root}/health/ready", timeout=30).text

    exported = managed(system, "jobs", "export")
    assert all(job.key in exported for job in jobs)
    listed = managed(system, "jobs", "list")
    assert all(job.key in listed for job in jobs)
    for process in system.processes:
        assert "Traceback" not in process.said(), process.last_lines(60)
    assert " ERROR " not in pooler.said() and "unsupported" not in pooler.said(), pooler.said()


def managed(system: System, *words: str) -> str:  # noqa: F811
    done = subprocess.run(
        [sys.executable, "manage.py", *words], env={**os.environ, **system.environment},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert not done.returncode, done.stderr
    return done.stdout
