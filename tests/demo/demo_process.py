"""The demo as a real process on databases of its own, for tests of it and for journeys that run against it.

demo = start_demo(tmp_path)
worker = system.start_worker(**demo.environment)
...
demo.end()
"""

import itertools
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from scheduler_project import connection_strings
from scheduler_project.demo import population
from scheduler_project.demo.databases import MAPPING_VARIABLE, DemoDatabases
from scheduler_project.demo.environment import environment
from scheduler_project.local import commands
from scheduler_project.local.ports import LOCALHOST, free_port
from scheduler_project.local.process import Process, eventually
from scheduler_project.local.readiness import answers

ROOT = Path(__file__).resolve().parent.parent.parent
PATIENCE_SECONDS = 60
ANSWER_SECONDS = 30
INTERNAL_KEY, JWT_KEY = "an-internal-key-for-tests", "a-signing-key-for-tests-of-32-characters"
_numbers = itertools.count()


def new_prefix() -> str:
    """Of databases that no other test and no other process of the suite has."""
    return f"demo_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}_{next(_numbers)}_"


def databases(prefix: str | None = None, *, schema: str = "original") -> DemoDatabases:
    """On the suite's server; nothing is made yet. `schema`: the mapping that the tables are for."""
    server = connection_strings.parse("DATABASE_URL", os.environ["DATABASE_URL"])
    return DemoDatabases(server, prefix or new_prefix(), schema)


@dataclass(frozen=True)
class RunningDemo:
    """`environment`: what a process of the service gets beside its own so that its jobs reach this demo."""

    process: Process
    address: str
    environment: dict[str, str]
    databases: DemoDatabases
    cold_storage: Path

    def get(self, path: str, **more: Any) -> requests.Response:
        return requests.get(self.address + path, timeout=ANSWER_SECONDS, **more)

    def post(self, path: str, body: Any = None, **more: Any) -> requests.Response:
        return requests.post(self.address + path, json=body, timeout=ANSWER_SECONDS, **more)

    def tell(self, service: str, mode: str, **more: Any) -> None:
        """Make one of its services `slow`, `failing`, `down`, `cut` or `normal`."""
        answer = self.post("/faults", {"service": service, "mode": mode, **more})
        assert answer.status_code == 200, answer.text

    def rows(self, service: str, query: str, parameters: Any = None) -> list[tuple[Any, ...]]:
        """Of one of its databases; `okla` has `emails`, `requests` and `faults`."""
        with self.databases.connect(service) as connection:
            cursor = connection.execute(query.encode(), parameters)
            return cursor.fetchall() if cursor.description else []

    def end(self) -> None:
        """Stop it and remove its databases."""
        self.process.stop()
        population.remove(self.databases)


def start_demo(folder: Path, *, prefix: str | None = None, schema: str = "original", **more: str) -> RunningDemo:
    """Return once it answers. `folder` gets its log and its cold storage; `more` goes into its own environment."""
    port = free_port()
    address = f"http://{LOCALHOST}:{port}"
    demo = databases(prefix, schema=schema)
    variables = environment(
        database_url=os.environ["DATABASE_URL"],
        base_url=address,
        cold_storage=folder / "cold-storage",
        internal_key=INTERNAL_KEY,
        jwt_key=JWT_KEY,
        prefix=demo.prefix,
    )
    variables[MAPPING_VARIABLE] = schema
    process = Process(
        name="demo",
        command=[sys.executable, "-m", *commands.demo(LOCALHOST, port)],
        log=folder / "demo.log",
        directory=ROOT,
        environment={**os.environ, "DJANGO_SETTINGS_MODULE": "scheduler_project.settings", **variables, **more},
    )
    process.start()
    if not eventually(lambda: answers(port, "/health") or not process.is_running, PATIENCE_SECONDS):
        process.stop()
    if not process.is_running:
        pytest.fail(f"The demo did not start:\n{process.last_lines(40)}")
    return RunningDemo(process, address, variables, demo, folder / "cold-storage")
