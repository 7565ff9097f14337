"""Sees to it that nothing of a stage outlives its run: ends everything that carries its mark once the run has gone.

Use: python -m tests.faults.reaper, with a pipe from the run as its standard input, and the folder as the first line.
"""

import sys
from pathlib import Path

from scheduler_project.local.leftovers import find_leftovers, kill
from scheduler_project.local.process import eventually, has_ended

PATIENCE_SECONDS = 30


def reap(folder: Path) -> None:
    """SIGKILL to all of this folder's processes, stopped ones too, until none is left."""
    eventually(lambda: not _killed(folder), PATIENCE_SECONDS)


def _killed(folder: Path) -> bool:
    """Whether there was anything left to kill."""
    left = [process for process in find_leftovers(folder) if not has_ended(process)]
    for process in left:
        kill(process)
    return bool(left)


if __name__ == "__main__":
    folder = Path(sys.stdin.readline().rstrip("\n"))
    sys.stdin.read()  # until the run ends, however it ends
    if folder.name:
        reap(folder)
