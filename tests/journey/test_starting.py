"""A worker that could not do any of its runs does not start, and says why."""

import pytest

from executions.models import Worker
from scheduler_project.local import commands
from tests.journey.conftest import System, until

pytestmark = pytest.mark.journey


def test_a_worker_without_its_mapping_file_does_not_start_and_says_which_it_is(system: System) -> None:
    mapping = str(system.folder / "mapping.toml")
    worker = system.start("worker", commands.worker(1), SCHEDULER_TABLE_MAPPING=mapping)
    until(lambda: not worker.is_running, worker)
    assert worker.exit_code == 1
    assert f"there is no such file: looked for {mapping}" in worker.said()
    assert not Worker.objects.exists()
