"""`bin/up` from a clone to ready, through every kind of end, and back: one long story, told once."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import psycopg
import pytest

from jobs.predefined import SCHEDULE
from scheduler_project.local.ports import free_port
from scheduler_project.local.process import MARK, eventually
from scheduler_project.local.readiness import answers

pytestmark = pytest.mark.journey

ROOT = Path(__file__).resolve().parent.parent.parent
# What a clone has and bin/up needs.
CLONED = ("bin", "dashboard", "executions", "jobs", "manage.py", "requirements.txt", "scheduler_project")
PATIENCE_SECONDS = 120
DEMO = "scheduler_project.demo.asgi:application"
ALONE = ("DATABASE_URL", "CELERY_BROKER_URL", "SCHEDULER_INSTALL_PREDEFINED_JOBS", "SCHEDULER_EXTRA_JOB_TYPES")


@dataclass
class Clone:
    """A copy of the project with ports of its own. It uses this suite's packages instead of installing them again."""

    folder: Path
    web: int = field(default_factory=free_port)
    flower: int = field(default_factory=free_port)
    demo: int = field(default_factory=free_port)
    runners: list[subprocess.Popen[str]] = field(default_factory=list)

    def up(self, **environment: str) -> subprocess.Popen[str]:
        ours = {name: value for name, value in os.environ.items() if name not in ALONE and name[:6] != "PYTEST"}
        ports = {
            "SCHEDULER_PORT": str(self.web),
            "SCHEDULER_FLOWER_PORT": str(self.flower),
            "SCHEDULER_DEMO_PORT": str(self.demo),
        }
        runner = subprocess.Popen(
            [self.folder / "bin" / "up"],
            cwd="/",
            env=ours | ports | {"SCHEDULER_VENV": sys.prefix} | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.runners.append(runner)
        return runner

    def ready(self, runner: subprocess.Popen[str]) -> str:
        """What it said until it was ready."""
        said = ""
        assert runner.stdout
        for line in runner.stdout:
            said += line
            if line.startswith("  Stop "):
                return said
        pytest.fail(f"bin/up ended:\n{said}")

    def find(self, word: str | None = None) -> list[psutil.Process]:
        """What runs from here, but the runners; only those with that word, or a program of that name, in their command.

        The eldest first.
        """
        found = []
        for process in psutil.process_iter():
            try:
                is_ours = process.environ().get(MARK) == str(self.folder / "var")
                words = {Path(part).name for part in process.cmdline()}
            except psutil.Error:
                continue
            if is_ours and (word is None or word in words):
                found.append(process)
        return sorted(found, key=lambda process: process.create_time())

    def has_new(self, word: str, known: list[psutil.Process]) -> bool:
        return bool(set(self.find(word)) - set(known))

    def jobs(self) -> int:
        environment = (self.folder / "var" / "environment").read_text()
        (url,) = re.findall(r"^DATABASE_URL='(.*)'$", environment, re.MULTILINE)
        with psycopg.connect(url) as connection:
            row = connection.execute("SELECT count(*) FROM jobs_scheduledjob").fetchone()
            assert row
            return int(row[0])


@pytest.fixture
def clone(long_folder: Path) -> Iterator[Clone]:
    for name in CLONED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, long_folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, long_folder / name)
    clone = Clone(long_folder)
    yield clone
    for runner in clone.runners:
        runner.kill()
        runner.communicate()
    for process in clone.find():
        process.kill()


def test_from_a_clone_to_ready_and_through_every_kind_of_end(clone: Clone) -> None:
    first = clone.up()
    said = clone.ready(first)
    assert f"http://127.0.0.1:{clone.web}/api/scheduler/docs" in said
    (password,) = re.findall(r"Sign in +admin / (\S+)", said)
    (token,) = re.findall(r"API token +(\S+)", said)
    assert f"http://127.0.0.1:{clone.demo}/   e-mails sent, services to break" in said
    assert answers(clone.web, "/health/ready")
    assert answers(clone.flower, "/healthcheck")
    assert answers(clone.demo, "/vehiclessaleservice/health")
    assert clone.jobs() == len(SCHEDULE)

    # The field's commands beside it need nothing more.
    beside = {name: value for name, value in os.environ.items() if name not in ALONE}
    status = [sys.executable, "-m", "celery", "-A", "scheduler_project", "status", "--timeout", "10"]
    done = subprocess.run(status, cwd=clone.folder, env=beside, capture_output=True, text=True, check=False)
    assert "1 node online." in done.stdout
    status = [sys.executable, "manage.py", "demo", "status"]
    done = subprocess.run(status, cwd=clone.folder, env=beside, capture_output=True, text=True, check=False)
    assert "  1400  Active vehicles without a suggested price (SyncVehiclePricesJob)" in done.stdout, done.stderr

    # A second one in the same folder says so and changes nothing.
    second = clone.up(SCHEDULER_PORT=str(free_port()))
    said_by_second, _ = second.communicate(timeout=PATIENCE_SECONDS)
    assert second.returncode == 1
    assert f"already runs from this folder (process {first.pid})" in said_by_second

    # What dies comes back, engines too, and everything works on.
    for word in ("worker", "beat", DEMO, "postgres", "valkey-server"):
        before = clone.find(word)
        before[0].kill()
        assert eventually(lambda: clone.has_new(word, before), PATIENCE_SECONDS), word  # noqa: B023
    assert eventually(lambda: answers(clone.web, "/health/ready"), PATIENCE_SECONDS)
    assert eventually(lambda: answers(clone.demo, "/health"), PATIENCE_SECONDS)

    # kill -9 of the runner: the next start has the same data, login and token.
    first.send_signal(signal.SIGKILL)
    first.wait()
    third = clone.up()
    said = clone.ready(third)
    assert f"admin / {password}\n" in said
    assert f" {token}\n" in said
    assert clone.jobs() == len(SCHEDULE)

    third.send_signal(signal.SIGTERM)
    rest, _ = third.communicate(timeout=PATIENCE_SECONDS)
    assert third.returncode == 0
    assert rest.endswith("Stopped.\n")
    assert clone.find() == []
    assert not (clone.folder / "var" / "environment").exists()
    log = (clone.folder / "var" / "log" / "postgres.log").read_text()
    assert log.rstrip().endswith("database system is shut down")


def test_a_taken_port_is_told_before_anything_is_started(clone: Clone) -> None:
    with socket.create_server(("127.0.0.1", clone.web)):
        runner = clone.up()
        said, _ = runner.communicate(timeout=PATIENCE_SECONDS)
    assert runner.returncode == 1
    assert f"Port {clone.web}, meant for the web server, is taken by python" in said
    assert not (clone.folder / "var" / "postgres").exists()


def test_a_service_that_cannot_start_is_told_with_the_end_of_its_log(clone: Clone) -> None:
    (clone.folder / "executions" / "beat.py").write_text("raise SystemExit('no beat today')")
    runner = clone.up()
    said, _ = runner.communicate(timeout=PATIENCE_SECONDS)
    assert runner.returncode == 1
    assert "bin/up: beat ends while it starts." in said
    assert said.count("beat ended (exit code 1); again in") == 3
    assert said.rstrip().endswith("no beat today")
    assert clone.find() == []


def test_servers_of_ones_own_are_used_and_nothing_is_embedded(clone: Clone) -> None:
    unreachable = f"postgresql://me:hush@127.0.0.1:{free_port()}/x"
    runner = clone.up(DATABASE_URL=unreachable)
    said, _ = runner.communicate(timeout=PATIENCE_SECONDS)
    assert runner.returncode == 1
    assert "bin/up: DATABASE_URL: no connection to 127.0.0.1" in said
    assert "hush" not in said

    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        name = f"up_{os.getpid()}"
        connection.execute(f"CREATE DATABASE {name}")
        url = os.environ["DATABASE_URL"].rpartition("/")[0] + f"/{name}"
        runner = clone.up(DATABASE_URL=url, CELERY_BROKER_URL=os.environ["CELERY_BROKER_URL"])
        clone.ready(runner)
        assert clone.find("postgres") == clone.find("valkey-server") == clone.find(DEMO) == []
        assert sorted(path.name for path in (clone.folder / "var").iterdir() if path.is_dir()) == [
            "log",
            "ports",
            "secrets",
        ]
        runner.send_signal(signal.SIGINT)
        runner.communicate(timeout=PATIENCE_SECONDS)
        assert runner.returncode == 0
        connection.execute(f"DROP DATABASE {name}")
