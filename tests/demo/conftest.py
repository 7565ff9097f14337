"""The demo's databases, and the demo itself as a process."""

import time
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import jwt
import pytest

from scheduler_project.demo import population
from scheduler_project.demo.databases import DemoDatabases
from scheduler_project.demo.environment import AUDIENCE, ISSUER
from scheduler_project.demo.schemas import SCHEMAS
from tests.demo import demo_process
from tests.demo.demo_process import INTERNAL_KEY, JWT_KEY, RunningDemo, start_demo

DAY = date(2026, 11, 17)  # a Tuesday


@pytest.fixture(scope="session", params=list(SCHEMAS))
def schema(request: pytest.FixtureRequest) -> str:
    """The mapping whose tables the demo has."""
    return str(request.param)


@pytest.fixture
def empty(schema: str) -> Iterator[DemoDatabases]:
    """Names for databases; none of them is there yet."""
    databases = demo_process.databases(schema=schema)
    yield databases
    population.remove(databases)


@pytest.fixture(scope="session")
def filled(schema: str) -> Iterator[DemoDatabases]:
    """As they stand after a reset on DAY. Only for reading."""
    databases = demo_process.databases(schema=schema)
    population.reset(databases, day=DAY)
    yield databases
    population.remove(databases)


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    """One for all tests of this process: each changes what it must and leaves no fault behind."""
    demo = start_demo(tmp_path_factory.mktemp("demo"))
    yield demo
    demo.end()


@pytest.fixture
def demo(running: RunningDemo) -> Iterator[RunningDemo]:
    """With an empty mailbox, no requests and no faults."""
    running.rows("okla", "TRUNCATE emails, requests, faults RESTART IDENTITY")
    yield running
    running.rows("okla", "TRUNCATE faults")


@pytest.fixture
def inside() -> dict[str, str]:
    """The header of OKLA's own services."""
    return {"X-Internal-Api-Key": INTERNAL_KEY}


@pytest.fixture
def bearer() -> Callable[..., dict[str, str]]:
    """The header with a token of AuthService: `bearer(aud="other")` changes or adds claims."""

    def make(key: str = JWT_KEY, algorithm: str = "HS256", **claims: Any) -> dict[str, str]:
        usual = {
            "sub": "0f8fad5b-d9cb-469f-a165-70867728950e",
            "exp": int(time.time()) + 60,
            "iss": ISSUER,
            "aud": AUDIENCE,
        }
        return {"Authorization": f"Bearer {jwt.encode({**usual, **claims}, key, algorithm=algorithm)}"}

    return make
