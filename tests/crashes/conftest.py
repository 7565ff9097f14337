"""One stage for all tests of a file."""

from collections.abc import Iterator

import pytest

from tests.crashes.stage import Stage, opened


@pytest.fixture(scope="module")
def stage(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with opened(tmp_path_factory.mktemp("crashes")) as stage:
        yield stage
