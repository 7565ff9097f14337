"""The whole system as real processes on the test's own database, started and stopped by the tests."""

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
from django.db import connection

from executions.models import Worker
from jobs.models import ScheduledJob
from scheduler_project.identity.models import ApiToken, User
from scheduler_project.local import commands
from scheduler_project.local.ports import LOCALHOST, free_port
from scheduler_project.local.process import Process, eventually

ROOT = Path(__file__).resolve().parent.parent.parent
PATIENCE_SECONDS = 60


@dataclass
class System:
    """Worker, beat and web of one test. `environment` is what each of them gets beside this process's own."""

    folder: Path
    environment: dict[str, str]
    processes: list[Process] = field(default_factory=list)

    def start(self, name: str, command: Sequence[str], **environment: str) -> Process:
        process = Process(
            name=name,
            command=[sys.executable, "-m", *command],
            log=self.folder / f"{name}-{len(self.processes)}.log",
            directory=ROOT,
            environment={**os.environ, **self.environment, **environment},
        )
        process.start()
        self.processes.append(process)
        return process

    def start_worker(self, **environment: str) -> Process:
        """Return once it consumes."""
        known = set(Worker.objects.values_list("id", flat=True))
        process = self.start("worker", commands.worker(2), **environment)
        until(lambda: Worker.objects.exclude(id__in=known).exists(), process)
        return process

    def start_beat(self, **environment: str) -> Process:
        return self.start("beat", commands.beat(), **environment)

    def stop(self) -> None:
        for process in self.processes:
            process.send(signal.SIGTERM)
        for process in self.processes:
            process.stop()


def until(is_so: Callable[[], bool], *processes: Process, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait for a condition; say what the processes said when it does not come."""
    if not eventually(is_so, seconds):
        logs = "\n".join(f"--- {process.name}\n{process.last_lines(40)}" for process in processes)
        pytest.fail(f"did not come within {seconds} s\n{logs}")


def make_due(*jobs: ScheduledJob) -> None:
    """The minute that has begun is the jobs' due time. Their expression must name every minute."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE jobs_scheduledjob SET next_execution_at = date_trunc('minute', now()) WHERE id = ANY(%s)",
            [[job.id for job in jobs]],
        )


@pytest.fixture
def system(transactional_db: None, tmp_path: Path) -> Iterator[System]:
    settings = connection.settings_dict
    url = f"postgresql://{settings['USER']}:{settings['PASSWORD']}@{settings['HOST']}:{settings['PORT']}"
    system = System(tmp_path, {"DATABASE_URL": f"{url}/{settings['NAME']}"})
    yield system
    system.stop()


@pytest.fixture(autouse=True)
def empty_broker(transactional_db: None) -> None:
    import redis

    redis.Redis.from_url(os.environ["CELERY_BROKER_URL"]).flushdb()


# --- The service as its callers see it -------------------------------------------------------------------------------
class Api(requests.Session):
    """The service at its real address, as a script would call it."""

    def __init__(self, port: int, key: str) -> None:
        super().__init__()
        self.root = f"http://{LOCALHOST}:{port}"
        self.headers["Authorization"] = f"Token {key}"

    def call(self, method: str, path: str, body: Any = None) -> requests.Response:
        return self.request(method, f"{self.root}/api/scheduler{path}", json=body, timeout=30)

    def get_json(self, path: str) -> Any:
        return self.call("GET", path).json()


@pytest.fixture
def api(system: System) -> Iterator[Api]:
    owner = User.objects.create_superuser("operator", password="of-this-test")
    port, (_token, key) = free_port(), ApiToken.issue(owner=owner, name="journey")
    web = system.start("web", commands.web(LOCALHOST, port))
    with Api(port, key) as api:
        until(answers(lambda: requests.get(f"{api.root}/health/ready", timeout=5)), web)
        yield api


def answers(ask: Callable[[], requests.Response]) -> Callable[[], bool]:
    def is_answered() -> bool:
        try:
            return ask().ok
        except requests.ConnectionError:
            return False

    return is_answered
