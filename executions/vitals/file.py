"""The file between the process that gives the sign and the one that reads it. The reader is to start in no time:
nothing but the standard library is imported here.
"""

import os
import tempfile
import time
from contextlib import suppress
from pathlib import Path

KINDS = ("worker", "beat")
# The process touches the file every few seconds, whatever it waits for: an old one is that of a process that is gone,
# frozen, or given no processor.
TOUCHED_EVERY_SECONDS = 5.0
OLD_AFTER_SECONDS = 30.0
WORKS, STUCK = "works", "stuck"


def write(kind: str, verdict: str, said: str) -> None:
    """Raises OSError when it cannot be written or the folder is somebody else's; touched it may be all the same."""
    path = _folder() / kind
    text = f"{verdict} {' '.join(said.split())}\n"
    with suppress(OSError):
        if path.read_text() == text:
            return os.utime(path)
    unfinished = path.with_suffix(f".{os.getpid()}")
    try:
        unfinished.write_text(text)
        unfinished.rename(path)
    except OSError:  # a full disk can still be told that somebody lives
        os.utime(path)
        raise


def read(kind: str) -> tuple[bool, str]:
    """Whether the process of this kind on this machine works, and one line why."""
    try:
        path = _folder() / kind
        age = time.time() - path.stat().st_mtime
        verdict, _space, said = path.read_text().strip().partition(" ")
    except FileNotFoundError:
        return False, f"No {kind} has given a sign of life on this machine yet."
    except OSError as fault:
        return False, f"The sign of life of the {kind} cannot be read: {fault}"
    if age > OLD_AFTER_SECONDS:
        return False, f"The {kind} is gone or frozen: no sign of life for {age:.0f} seconds. It said last: {said}"
    return verdict == WORKS, f"The {kind} {said}"


def _folder() -> Path:
    """Of this account, and closed to others: what is read here is believed."""
    folder = Path(tempfile.gettempdir()) / f"schedulerservice-vitals-{os.geteuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if folder.is_symlink() or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise PermissionError(f"{folder} is not this account's own")
    return folder
