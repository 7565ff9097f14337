"""The short run: the whole service under a fixed sequence of faults, in about a minute. The long ones: `bin/faults`."""

import json
import os
import signal
import subprocess
import sys
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

from scheduler_project.local.leftovers import find_leftovers
from scheduler_project.local.process import eventually, has_ended
from tests.faults.faults import FAULTS
from tests.faults.load import OVERDUE_JOBS, OVERDUE_MINUTES
from tests.faults.members import ROOT
from tests.faults.schedule import drawn

pytestmark = pytest.mark.journey

LONGEST_SECONDS = 900
# The bounds in seconds are for an idle machine; here they only have to be within reach.
PATIENCE = 5


def test_faults_lose_nothing_double_nothing_and_leave_nothing_behind(tmp_path: Path) -> None:
    figures = figures_of(tmp_path, "--short", "--patience", str(PATIENCE))
    assert sum(figures["faults"].values()) == 6
    assert figures["due_times"] >= OVERDUE_JOBS * (OVERDUE_MINUTES - 1) and figures["bodies"] > 5
    assert figures["worker_lost"] >= 1  # of the child; the workers may have been idle just then
    assert set(figures["findings"].values()) == {0}
    assert (figures["unaccounted"], figures["unexpected_exits"]) == (0, 0)


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_nothing_of_a_run_outlives_it_however_it_ends(tmp_path: Path, end: signal.Signals) -> None:
    with started(tmp_path) as process:
        folder = until_it_plays(process)
        assert len(find_leftovers(folder)) >= 8  # two servers, two workers with their children, two beats
        process.send_signal(end)
        assert eventually(lambda: not alive(folder), LONGEST_SECONDS)


def started(folder: Path, *options: str) -> "subprocess.Popen[str]":
    """In a process of its own: the stage has servers of its own. What it leaves behind, it leaves in `folder`."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.faults", *options],
        cwd=ROOT, env={**os.environ, "PYTHONUNBUFFERED": "1", "TMPDIR": str(folder)},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def figures_of(folder: Path, *options: str) -> dict[str, Any]:
    """Fails with what the run said when a bound was broken."""
    file = folder / "figures.json"
    with started(folder, "--figures", str(file), *options) as process:
        try:
            said, _nothing = process.communicate(timeout=LONGEST_SECONDS)
        finally:
            process.terminate()
    assert process.returncode == 0, said
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def until_it_plays(process: "subprocess.Popen[str]") -> Path:
    """The stage's folder, once everybody is on it."""
    assert process.stdout
    said = list(takewhile(lambda line: "the faults begin" not in line, process.stdout))
    assert process.poll() is None, "".join(said)
    return Path(said[0].split()[-1])


def alive(folder: Path) -> bool:
    return any(not has_ended(process) for process in find_leftovers(folder))


def test_a_seed_names_one_schedule_in_which_every_fault_comes() -> None:
    events = drawn("7", 600)
    assert events == drawn("7", 600) != drawn("8", 600)
    assert {event.fault for event in events} == set(FAULTS)


def test_no_two_faults_of_one_part_come_at_once() -> None:
    free_at: dict[str, float] = {}
    for event in drawn("7", 3_600):
        if event.fault.touches:
            assert event.seconds >= free_at.get(event.fault.touches, 0)
            free_at[event.fault.touches] = event.seconds + event.fault.seconds
