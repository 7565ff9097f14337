"""Engines and folders of their own for the tests of the embedded default. None needs Django's database."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from scheduler_project.local.engine import Engine
from scheduler_project.local.postgres import Postgres
from scheduler_project.local.valkey import Valkey

LONG_NAME = "a folder with spaces and a long name " * 4


@pytest.fixture
def long_folder(tmp_path: Path) -> Path:
    """Spaces in it, and too long for a unix socket. Under root's pytest it is also closed to other accounts."""
    folder = tmp_path / LONG_NAME.strip()
    folder.mkdir()
    assert len(str(folder)) > 108
    return folder


@pytest.fixture(params=[Postgres, Valkey], ids=["PostgreSQL", "Valkey"])
def engine(request: pytest.FixtureRequest, long_folder: Path) -> Iterator[Engine]:
    """A durable one, started."""
    engine: Engine = request.param(long_folder)
    engine.start()
    yield engine
    engine.kill()


@pytest.fixture
def postgres(long_folder: Path) -> Iterator[Postgres]:
    engine = Postgres(long_folder)
    engine.start()
    yield engine
    engine.kill()
