"""The processes of the service on the stage, each looked after as a supervisor would: what dies is started again."""

import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import psutil

from scheduler_project.local.process import Process

ROOT = Path(__file__).resolve().parent.parent.parent
BACK_AFTER_SECONDS = (0.5, 3.0)
THE_END = "the end of the run"


@dataclass
class Life:
    """One start of a member and how it ended. Instants in seconds of the machine's clock."""

    member: str
    pid: int
    began: float
    failpoint: str = ""
    cause: str = ""  # what was done to it; empty: nothing, so that it should live
    ended: float | None = None
    exit_code: int | None = None
    last_words: str = ""

    @property
    def is_unexpected(self) -> bool:
        """It ended of nothing that was done to it, or with an error of its own when it was asked to end."""
        if self.ended is None or not self.cause:
            return self.ended is not None and not (self.failpoint and self.exit_code == -signal.SIGKILL)
        return bool(self.exit_code and self.exit_code > 0) or (
            self.cause == THE_END and self.exit_code == -signal.SIGKILL
        )

    def covers(self, instant: float) -> bool:
        return self.began <= instant and (self.ended is None or instant < self.ended)


@dataclass(frozen=True)
class Freeze:
    """A member whose processes stood still."""

    member: str
    pid: int
    began: float
    ended: float


@dataclass
class Member:
    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    random: Random
    lives: list[Life] = field(default_factory=list)
    freezes: list[Freeze] = field(default_factory=list)
    failpoint: str = ""  # of the next start alone
    is_kept_down: bool = False
    back_at: float | None = None

    def __post_init__(self) -> None:
        self.process = Process(
            name=self.name, command=[sys.executable, "-m", *self.command], log=self.log, directory=ROOT, environment={}
        )

    @property
    def life(self) -> Life:
        return self.lives[-1]

    @property
    def is_alive(self) -> bool:
        return self.process.is_running

    def start(self) -> None:
        failpoint, self.failpoint = self.failpoint, ""
        armed = {"SCHEDULER_FAILPOINT": failpoint} if failpoint else {}
        self.process.environment = {**self.environment, **armed}
        self.process.start()
        assert self.process.running
        self.lives.append(Life(self.name, self.process.running.pid, time.time(), failpoint))
        self.back_at = None

    def look_after(self) -> None:
        """Note its end; start it again a moment later."""
        if self.is_alive or not self.lives:
            return
        if self.life.ended is None:
            self.life.ended, self.life.exit_code = time.time(), self.process.exit_code
            self.life.last_words = self.process.last_lines(8) if self.life.is_unexpected else ""
            self.back_at = time.time() + self.random.uniform(*BACK_AFTER_SECONDS)
        if self.back_at and time.time() >= self.back_at and not self.is_kept_down:
            self.start()

    def end(self, cause: str, number: signal.Signals, pids: Sequence[int] = ()) -> None:
        """Send it (or these processes of it) a signal that it is expected to die of."""
        if self.is_alive:
            self.life.cause = self.life.cause or cause
            send(number, pids or [self.life.pid])

    def pids(self) -> list[int]:
        """Its main process, first, and its children."""
        with suppress(psutil.Error):
            return [self.life.pid, *(child.pid for child in psutil.Process(self.life.pid).children(recursive=True))]
        return []


def send(number: signal.Signals, pids: Sequence[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
