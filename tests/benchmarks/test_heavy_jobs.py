"""The heavy jobs' benchmark in small, as a person starts it: it must not rot."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.heavy.cases import CASES, Case
from benchmarks.heavy.loops import LOOPS
from benchmarks.heavy.neighbours import Neighbours
from benchmarks.heavy.report import Measured, bounds
from benchmarks.heavy.sides import LOOP, OURS, ROW_BY_ROW, Sample, waiting_loop
from benchmarks.memory import MIB
from benchmarks.stage import ROOT
from tests import okla as okla_databases
from tests.okla import Okla

LONGEST_SECONDS = 240
ROW = re.compile(
    r"^\| (?P<job>[^|]+) \| 24 \| (?P<who>[^|]+) \| 1 \| [\d.]+ \| [\d.,]* \|( [\d.,]+ \|){3}$", re.MULTILINE
)


def test_the_command_measures_every_side_and_writes_it_down(tmp_path: Path) -> None:
    """The case that has most parts: a worker, two databases, a NotificationService."""
    file = tmp_path / "RESULTS.md"
    words = ["heavy", "--rows", "24", "--rounds", "1", "--only", "messages", "--results", str(file)]
    # Servers and settings of its own, and not those of this test run.
    environment = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "TMPDIR")}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", *words],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        timeout=LONGEST_SECONDS,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    text = file.read_text(encoding="utf-8")
    assert [row["who"] for row in ROW.finditer(text)] == [OURS, LOOP, ROW_BY_ROW], text
    assert "PostgreSQL 1" in text and "memory grows by less than 64 MiB: kept" in text


@pytest.fixture(scope="module")
def okla() -> Okla:
    return okla_databases.create()


@pytest.fixture
def around(okla: Okla, tmp_path: Path) -> Neighbours:
    """The suite's own databases, and nobody to notify."""
    addresses = {
        service: "postgresql://{user}:{password}@{host}:{port}/{dbname}".format(**address)
        for service, address in okla.addresses.items()
    }
    (tmp_path / "cold-storage").mkdir()
    return Neighbours(addresses, "http://127.0.0.1:1", tmp_path / "cold-storage")


@pytest.mark.parametrize("case", CASES[:3], ids=[case.name for case in CASES[:3]])
def test_each_loop_does_what_its_job_is_for_and_leaves_the_rest(around: Neighbours, case: Case) -> None:
    around.fill(case, 24)
    with around.connect(case.service) as connection:
        rows = f"SELECT count(*), count(*) FILTER (WHERE {case.due}) FROM {case.table}".encode()
        ((before, due),) = connection.execute(rows).fetchall()
        with waiting_loop(around, case, is_one_transaction=True) as go:
            told = go()
        ((after, left),) = connection.execute(rows).fetchall()
    # Of the tokens a quarter is in the other table.
    assert (told["rows"], due, left) == (24, 18 if case.name == "tokens" else 24, 0)
    assert before - after in (0, due) and before > due
    assert told["seconds"] > 0 and told["growth"] >= 0


def test_every_case_has_its_loop() -> None:
    assert [case.name for case in CASES] == list(LOOPS)


def measured(*, ours: Sample, loop: Sample) -> Measured:
    return Measured(CASES[0], 100_000, {OURS: [ours], LOOP: [loop]})


def test_bounds_that_were_broken_are_told() -> None:
    slow = Sample(seconds=10, growth_bytes=65 * MIB, lock_seconds=0.201, wait_seconds=0)
    text = bounds([measured(ours=slow, loop=Sample(99, 0, 0, 0))])
    assert text.count("**broken**") == 3 and "(65.0)" in text and "(201)" in text and "(9.90)" in text


def test_bounds_are_those_of_the_job_and_not_of_its_rival() -> None:
    good = Sample(seconds=10, growth_bytes=10 * MIB, lock_seconds=0.1, wait_seconds=0)
    text = bounds([measured(ours=good, loop=Sample(100, 999 * MIB, 99, 99))])
    assert "broken" not in text and text.count("kept") == 3
