"""One process of ours: started with its log, watched, and stopped for certain."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from scheduler_project.local.account import Account, launch_words

# Every process of a folder carries this variable with the folder's path: how the next start finds leftovers.
MARK = "SCHEDULER_LOCAL_FOLDER"
POLL_SECONDS = 0.02


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

    def start(self) -> None:
        """Start it from the main thread: the kernel's promise to end a child with its parent is the thread's."""
        words = launch_words(parent_death=self.stop_signals[0], account=self.account, needs=self.needs)
        with self.log.open("ab") as log:
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

    def ask_to_stop(self) -> None:
        self.send(self.stop_signals[0])

    def stop(self) -> None:
        """Each stop signal in turn with `stop_seconds` to obey, then SIGKILL to all of its group."""
        for stop_signal in self.stop_signals:
            self.send(stop_signal)
            if self.has_ended_within(self.stop_seconds):
                break
        self.kill()

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

    def has_ended_within(self, seconds: float) -> bool:
        return eventually(lambda: not self.is_running, seconds)

    def last_lines(self, count: int = 15) -> str:
        """The end of its log, for a message to a person."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-count:])


def eventually(is_so: Callable[[], bool], seconds: float) -> bool:
    """Whether it becomes so within that time."""
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def bare_environment(folder: Path, *, keep: Iterable[str] = ("PATH", "TMPDIR")) -> dict[str, str]:
    """An environment for engines: nothing of the caller's PG* or locale settings gets in."""
    return {MARK: str(folder), **{name: os.environ[name] for name in keep if name in os.environ}}
