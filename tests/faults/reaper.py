"""Sees to it that nothing of a stage outlives its run: ends everything that carries its mark once the run has gone.

Use: python -m tests.faults.reaper FOLDER, with a pipe from the run as its standard input.
"""

import sys
from pathlib import Path

from scheduler_project.local.leftovers import find_leftovers, kill
from scheduler_project.local.process import eventually, has_ended


def reap(folder: Path, *, but: int | None = None) -> None:
    """SIGKILL to all of this folder's processes, stopped ones too, until none is left; `but` one."""
    eventually(lambda: not _killed(folder, but), 30)


def _killed(folder: Path, but: int | None) -> bool:
    """Whether there was anything left to kill."""
    left = [process for process in find_leftovers(folder) if process.pid != but and not has_ended(process)]
    for process in left:
        kill(process)
    return bool(left)


if __name__ == "__main__":
    sys.stdin.read()
    reap(Path(sys.argv[1]))
