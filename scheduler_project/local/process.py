"""One process of ours: started with its log, watched, and stopped for certain."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from scheduler_project.local.account import Account, launch_words

# Every process of a folder carries this variable with the folder's path: how the next start finds leftovers.
MARK = "SCHEDULER_LOCAL_FOLDER"
POLL_SECONDS = 0.02
FURTHER_SECONDS = 8


@dataclass
class Process:
    """A command with its folder, environment and log, in a session of its own: Ctrl-C reaches only the runner."""

    name: str
    command: Sequence[str]
    log: Path
    directory: Path
    environment: Mapping[str, str]
    account: Account = field(default_factory=Account)
    needs: Sequence[Path] = ()
    stop_signals: Sequence[signal.Signals] = (signal.SIGTERM,)
    stop_seconds: float = 15
    running: subprocess.Popen[bytes] | None = None
    said_from: int = 0

    def start(self) -> None:
        """Start it from the main thread: the kernel's promise to end a child with its parent is the thread's."""
        words = launch_words(parent_death=self.stop_signals[0], account=self.account, needs=self.needs)
        with self.log.open("ab") as log:
            self.said_from = log.tell()
            self.running = subprocess.Popen(
                [*words, *self.command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.directory,
                env=dict(self.environment),
                start_new_session=True,
            )

    @property
    def is_running(self) -> bool:
        return self.running is not None and self.running.poll() is None

    @property
    def exit_code(self) -> int | None:
        """None before the first start and while it runs; negative when a signal ended it."""
        return self.running.poll() if self.running else None

    def stop(self) -> None:
        stop_together([self])

    def kill(self) -> None:
        """kill -9, with what it left in its process group."""
        if self.running is None:
            return
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.running.pid, signal.SIGKILL)
        self.running.wait()

    def send(self, number: signal.Signals) -> None:
        if self.running is not None and self.is_running:
            self.running.send_signal(number)

    def said(self) -> str:
        """What it has written into its log since its last start."""
        with self.log.open("rb") as log:
            log.seek(self.said_from)
            return log.read().decode(errors="replace")

    def last_lines(self, count: int = 15) -> str:
        """The end of that, for a message to a person."""
        return "\n".join(self.said().splitlines()[-count:])


def stop_together(processes: Sequence[Process], *, is_hurried: Callable[[], bool] = lambda: False) -> None:
    """Ask all at once; whoever has not ended after its `stop_seconds` gets its next signals, then SIGKILL.

    `is_hurried`, asked again and again, cuts the first wait short.
    Each is asked only once with each signal: to a Celery worker a second one means to drop its work.
    """
    asked = time.monotonic()
    for process in processes:
        process.send(process.stop_signals[0])
    for process in processes:
        left = asked + process.stop_seconds - time.monotonic()
        eventually(lambda process=process: not process.is_running or is_hurried(), left)  # type: ignore[misc]
        for further in process.stop_signals[1:]:
            process.send(further)
            eventually(lambda process=process: not process.is_running, FURTHER_SECONDS)  # type: ignore[misc]
        process.kill()


def eventually(is_so: Callable[[], bool], seconds: float) -> bool:
    """Whether it becomes so within that time."""
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def has_ended(process: psutil.Process) -> bool:
    """Also true of one that nobody has collected yet: in a container without an init that may stay so for ever."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def bare_environment(folder: Path, *, keep: Iterable[str] = ("PATH", "TMPDIR")) -> dict[str, str]:
    """An environment for engines: nothing of the caller's PG* or locale settings gets in."""
    return {MARK: str(folder), **{name: os.environ[name] for name in keep if name in os.environ}}
