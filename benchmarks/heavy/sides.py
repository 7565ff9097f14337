"""The sides of a round: the job in a worker, and a loop in a process of its own, each on rows that were filled anew."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from benchmarks import worker
from benchmarks.heavy import bystanders, loops
from benchmarks.heavy.bystanders import Noticed
from benchmarks.heavy.cases import Case
from benchmarks.heavy.neighbours import Neighbours
from benchmarks.stage import ROOT, Stage

OURS, LOOP, ROW_BY_ROW = "the job", "the loop, one transaction", "the loop, each row its own"
# The job leaves a row that somebody holds to its next run, and here somebody is always there.
LEFT_SHARE, LEFT_ROWS = 0.001, 5


@dataclass(frozen=True)
class Sample:
    """`growth_bytes`: of the process that did it. `lock_seconds`, `wait_seconds`: the longest (see `bystanders`).

    `lock_statement`: what was seen to hold that lock.
    """

    seconds: float
    growth_bytes: int
    lock_seconds: float
    wait_seconds: float
    lock_statement: str = ""


def ours(stage: Stage, around: Neighbours, case: Case, rows: int) -> Sample:
    with _filled(stage, around, case, rows), worker.working(stage, around.environment) as child:
        with bystanders.watching(around, case) as noticed:
            row = child.run(case.job_type, case.parameters)
        return _sample(worker.seconds_of(row), child.growth_bytes, noticed)


def loop(stage: Stage, around: Neighbours, case: Case, rows: int, *, is_one_transaction: bool) -> Sample:
    with _filled(stage, around, case, rows), waiting_loop(around, case, is_one_transaction=is_one_transaction) as go:
        with bystanders.watching(around, case) as noticed:
            told = go()
        return _sample(told["seconds"], told["growth"], noticed)


def _sample(seconds: float, growth_bytes: int, noticed: Noticed) -> Sample:
    return Sample(seconds, growth_bytes, noticed.longest_lock, noticed.longest_wait, noticed.longest_statement)


@contextmanager
def _filled(stage: Stage, around: Neighbours, case: Case, rows: int) -> Iterator[None]:
    """Raises RuntimeError when rows are left that should have been done: such a figure is none."""
    around.fill(case, rows)
    stage.settle()
    yield
    if (left := around.due(case)) > LEFT_ROWS + LEFT_SHARE * rows:
        raise RuntimeError(f"{case.name}: {left} of {rows} rows were not done")


@contextmanager
def waiting_loop(around: Neighbours, case: Case, *, is_one_transaction: bool) -> Iterator[Callable[[], dict[str, Any]]]:
    """A process that has all it needs; the call lets it go, and returns what it tells at its end."""
    words = [loops.__name__, case.name, *([loops.ONE_TRANSACTION] if is_one_transaction else [])]
    environment = {
        loops.DATABASE: around.addresses[case.service],
        loops.NOTIFICATIONS: around.notifications,
        loops.FOLDER: str(around.cold_storage),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", *words],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env={**os.environ, **environment},
    )  # fmt: skip
    assert process.stdin and process.stdout
    try:
        process.stdout.readline()

        def go() -> dict[str, Any]:
            print(file=process.stdin, flush=True)
            told: dict[str, Any] = json.loads(process.stdout.readline())  # type: ignore[union-attr]
            return told

        yield go
    finally:
        process.kill()
        process.wait()
