"""A folder of its own for what a run writes on its way: gone afterwards, also after a run that was killed."""

import errno
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from jobs.base import JobError

VARIABLE = "SCHEDULER_WORK_DIR"
PREFIX = "schedulerservice-"
LEFT_BEHIND_AFTER_SECONDS = 24 * 3600
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@contextmanager
def temporary(parent: Path | None, kind: str) -> Iterator[Path]:
    """A new folder that only this account may read, in `parent` or else where the system keeps temporary files.

    Raises JobError that names the folder and the variable when it cannot be made, or when its disk is full.
    """
    where = parent or Path(tempfile.gettempdir())
    try:
        where.mkdir(parents=True, exist_ok=True)
        _remove_left_behind(where, kind)
        folder = tempfile.TemporaryDirectory(dir=where, prefix=f"{PREFIX}{kind}-", ignore_cleanup_errors=True)
    except OSError as fault:
        raise JobError(
            f"{where} cannot be written to: {fault.strerror}. Look at {VARIABLE}.", permanent=True
        ) from fault
    with folder as name:
        try:
            yield Path(name)
        except OSError as fault:
            if fault.errno not in FULL:
                raise
            text = f"The disk of {where} is full: make room there, or set {VARIABLE} to a folder with more."
            raise JobError(text) from fault


def _remove_left_behind(where: Path, kind: str) -> None:
    for folder in where.glob(f"{PREFIX}{kind}-*"):
        with suppress(OSError):
            last_touched = max(path.stat().st_mtime for path in (folder, *folder.iterdir()))
            if time.time() - last_touched > LEFT_BEHIND_AFTER_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)
