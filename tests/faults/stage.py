"""The stage: the whole service as real processes on servers of its own, kept going as a supervisor would keep it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from django.core.management import call_command
from django.db import Error, connection

from scheduler_project.local import commands
from scheduler_project.local.leftovers import find_leftovers, name_of
from scheduler_project.local.process import MARK, eventually, has_ended
from tests.faults import reaper
from tests.faults.engines import Engines
from tests.faults.members import ROOT, THE_END, Freeze, Life, Member
from tests.faults.watcher import Watcher

CHILDREN = 2  # processes of a worker
READY_SECONDS = 180
STOP_SECONDS = 60
SHUTDOWN_SECONDS = "8"  # shorter than some runs, so that a deploy ends those
LONGEST_BODY_SECONDS = 40  # and some: the one that outlives its worker is let finish
SERVERS = ("postgres", "valkey-server")
STEPPED_BEAT = ("celery", "-A", "tests.faults.stepped_beat", *commands.beat()[3:])
T = TypeVar("T")


@dataclass
class Stage:
    folder: Path
    seed: str
    engines: Engines
    members: dict[str, Member] = field(default_factory=dict)
    deaths_of_children: dict[int, float] = field(default_factory=dict)  # pid: when
    faults: dict[str, int] = field(default_factory=dict)
    orphans: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.time)

    def __post_init__(self) -> None:
        self.witness_file = self.folder / "witness"
        self.watcher = Watcher(self.engines.postgres.url())
        for name in ("w1", "w2"):
            self._cast(name, (*commands.worker(CHILDREN), "-n", f"{name}@%h"))
        for name in ("b1", "b2"):
            self._cast(name, STEPPED_BEAT)

    @property
    def workers(self) -> list[Member]:
        return [self.members["w1"], self.members["w2"]]

    @property
    def beats(self) -> list[Member]:
        return [self.members["b1"], self.members["b2"]]

    @property
    def lives(self) -> list[Life]:
        return [life for member in self.members.values() for life in member.lives]

    @property
    def freezes(self) -> list[Freeze]:
        return [freeze for member in self.members.values() for freeze in member.freezes]

    def start_members(self) -> None:
        """Return once both workers consume and a beat leads."""
        for member in self.members.values():
            member.start()
        self.watcher.start()
        if not eventually(self._is_ready, READY_SECONDS):
            words = "\n".join(f"--- {one.name}\n{one.process.last_lines(30)}" for one in self.members.values())
            raise RuntimeError(f"The stage was not ready within {READY_SECONDS} s.\n{words}")

    def look_after(self) -> None:
        for member in self.members.values():
            member.look_after()

    def stop_members(self) -> None:
        """The clean way; whoever does not go within a minute is killed, and counted among the unexpected exits."""
        self.watcher.stop()
        for member in self.members.values():
            member.is_kept_down = True
            member.end(THE_END, signal.SIGTERM)
        if not eventually(self._is_empty, STOP_SECONDS):
            for member in self.members.values():
                member.end(THE_END, signal.SIGKILL, member.pids())
            eventually(self._is_empty, STOP_SECONDS)
        self.look_after()
        eventually(lambda: not self._orphans(), LONGEST_BODY_SECONDS)
        self.orphans = self._orphans()

    def tell(self, text: str) -> None:
        """One line for who looks on."""
        print(f"{time.strftime('%H:%M:%S', time.gmtime())} {time.time() - self.began:6.1f} s  {text}", flush=True)

    def leader(self) -> Member | None:
        """The beat that leads, as the database knows it; None while it does not answer, or nobody leads."""
        pid = self.watcher.leader
        return next((beat for beat in self.beats if beat.lives and beat.life.pid == pid and beat.is_alive), None)

    def standby(self) -> Member | None:
        return next((beat for beat in self.beats if beat is not self.leader() and beat.is_alive), None)

    def _is_empty(self) -> bool:
        return not any(member.is_alive for member in self.members.values())

    def _orphans(self) -> list[str]:
        """Children that have outlived their worker, as their command lines."""
        left = [one for one in find_leftovers(self.folder) if not has_ended(one) and name_of(one) not in SERVERS]
        return [f"process {one.pid}: {' '.join(one.cmdline())}" for one in left]

    def _cast(self, name: str, command: tuple[str, ...]) -> None:
        self.members[name] = Member(
            name=name,
            command=command,
            environment={
                **os.environ,
                MARK: str(self.folder),
                "SCHEDULER_SHUTDOWN_SECONDS": SHUTDOWN_SECONDS,
                "TMPDIR": str(self.folder),  # who is killed does not tidy up
            },
            log=self.folder / "log" / f"{name}.log",
            random=Random(f"{self.seed}/{name}"),
        )

    def _is_ready(self) -> bool:
        self.look_after()
        from executions.models import Worker

        seen = ask(lambda: Worker.objects.filter(stopped_at=None).count(), 0)
        return seen >= len(self.workers) and self.leader() is not None


@contextmanager
def opened(folder: Path, seed: str, engines: Engines) -> Iterator[Stage]:
    """A stage with a migrated database and nobody on it yet. Whatever happens, none of its processes outlives it."""
    environment = {name: value for name, value in os.environ.items() if name != MARK}
    guard = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.reaper"],
        stdin=subprocess.PIPE, cwd=ROOT, env=environment, start_new_session=True, text=True,
    )  # fmt: skip
    assert guard.stdin
    print(folder, file=guard.stdin, flush=True)
    try:
        engines.start()
        call_command("migrate", interactive=False, verbosity=0)
        yield Stage(folder, seed, engines)
    finally:
        engines.kill()
        reaper.reap(folder)
        guard.communicate()


def ask(question: Callable[[], T], otherwise: Any = None) -> T | Any:
    """The answer of a database that may be away just now."""
    try:
        return question()
    except Error:
        with suppress(Error):
            connection.close()
        return otherwise


def node(member: str) -> str:
    """What Celery and the ledger call this worker."""
    return f"{member}@{socket.gethostname()}"
