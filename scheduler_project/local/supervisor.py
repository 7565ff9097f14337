"""Keeps processes running: what dies is started again, sooner at first and then less often."""

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from scheduler_project.local.console import say_event
from scheduler_project.local.errors import StartError
from scheduler_project.local.process import Process

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
# A process that lived this long is well: its next death counts as the first.
WELL_AFTER_SECONDS = 60.0
LOG_MAX_BYTES = 10_000_000


@dataclass
class Supervised:
    """A process, how it is started, and when it may be started again. Times are those of `time.monotonic`."""

    process: Process
    start: Callable[[], None]
    pause_seconds: float = FIRST_PAUSE_SECONDS
    deaths: int = 0  # one soon after the other
    started_at: float = 0.0
    start_again_at: float | None = None

    def begin(self) -> None:
        self.started_at, self.start_again_at = time.monotonic(), None
        self.start()

    def tend(self, now: float) -> None:
        """Notice a death, and start again once its pause is over."""
        if self.start_again_at is not None:
            if now >= self.start_again_at:
                self.begin_again()
        elif not self.process.is_running:
            self.note_death(now, f"ended ({ending(self.process.exit_code)})")

    def begin_again(self) -> None:
        try:
            self.begin()
        except (StartError, OSError) as error:
            self.note_death(time.monotonic(), f"did not start ({error})")

    def note_death(self, now: float, what: str) -> None:
        if now - self.started_at > WELL_AFTER_SECONDS:
            self.pause_seconds, self.deaths = FIRST_PAUSE_SECONDS, 0
        self.deaths += 1
        say_event(f"{self.process.name} {what}; again in {self.pause_seconds:.0f} s. See {self.process.log}")
        self.start_again_at = now + self.pause_seconds
        self.pause_seconds = min(self.pause_seconds * 2, LONGEST_PAUSE_SECONDS)


def ending(code: int | None) -> str:
    return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"


def trim(log: Path) -> None:
    """Keep a log and one older one of LOG_MAX_BYTES; the process writes on, at the end of the emptied file."""
    if log.exists() and log.stat().st_size > LOG_MAX_BYTES:
        shutil.copyfile(log, log.with_suffix(".log.1"))
        os.truncate(log, 0)
