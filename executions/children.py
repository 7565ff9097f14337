"""Which run each child of a worker holds, in memory that they share with its main process.

Celery's own idea of it comes from its main loop, which hears nothing of its children while it looks for its broker, and
forgets those that took a run in the moment when the broker went away.
"""

import mmap
import os
import struct
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import psutil
from billiard.process import current_process

# The run; since when it is held; its hard limit, 0: none; the process, 0: it holds none.
_PLACE = struct.Struct("=16sddi")
MOST_CHILDREN = 1_024

_shared: mmap.mmap | None = None


@dataclass(frozen=True)
class Holder:
    """A process and the run that it holds, or held when it ended."""

    execution_id: uuid.UUID
    process_id: int
    since: float  # by time.monotonic()
    hard_limit_seconds: float  # 0: none

    def is_alive(self) -> bool:
        """One that has ended and that nobody has collected yet is not."""
        if self.process_id == os.getpid():  # a pool without processes of its own
            return True
        try:
            process = psutil.Process(self.process_id)
            return process.ppid() == os.getpid() and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    def is_overdue(self, seconds: float) -> bool:
        """By more than so many seconds."""
        beyond = time.monotonic() - self.since - self.hard_limit_seconds
        return self.hard_limit_seconds > 0 and beyond > seconds


def share() -> None:
    """In the main process, before it has children."""
    global _shared  # noqa: PLW0603 - one per process
    _shared = mmap.mmap(-1, MOST_CHILDREN * _PLACE.size)


def hold(execution_id: uuid.UUID, *, hard_limit_seconds: float | None) -> None:
    """This process is about to claim this run, and holds it until it lets go."""
    _write(execution_id.bytes, time.monotonic(), hard_limit_seconds or 0.0, os.getpid())


def let_go() -> None:
    _write(b"", 0.0, 0.0, 0)


def holders() -> Iterator[Holder]:
    """In the main process. A child that has ended is among them until another has its place."""
    if _shared is not None:
        for run, since, hard_limit_seconds, process_id in _PLACE.iter_unpack(_shared[:]):
            if process_id:
                yield Holder(uuid.UUID(bytes=run), process_id, since, hard_limit_seconds)


def living() -> list[Holder]:
    return [holder for holder in holders() if holder.is_alive()]


def _write(run: bytes, since: float, hard_limit_seconds: float, process_id: int) -> None:
    """Raises struct.error when there are more children than places; their runs stay unclaimed."""
    if _shared is not None:
        index = getattr(current_process(), "index", 0)  # no two children that live have the same
        _PLACE.pack_into(_shared, index * _PLACE.size, run, since, hard_limit_seconds, process_id)
