"""What PostgreSQL and Valkey have in common: a folder, a port, a password, and a start that ends when it answers."""

import secrets
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path

from scheduler_project.local import ports
from scheduler_project.local.account import Account, engine_account
from scheduler_project.local.errors import StartError
from scheduler_project.local.process import Process, eventually

READY_SECONDS = 120  # crash recovery replays the log first
STOP_SECONDS = 30


@dataclass
class Engine(ABC):
    """A server of ours on 127.0.0.1. Port and password stay the same over stop, kill and start.

    `folder` holds the data in a folder of the engine's name and its log in `log/`. `is_durable` False gives up
    safety at a power cut for speed: for tests.
    """

    folder: Path
    password: str = field(default_factory=secrets.token_hex, repr=False)
    port: int = field(default_factory=ports.free_port)
    is_durable: bool = True
    account: Account = field(default_factory=engine_account)

    name = ""

    def __post_init__(self) -> None:
        (self.folder / "log").mkdir(mode=0o700, parents=True, exist_ok=True)
        self.process = self.new_process()

    @property
    def data(self) -> Path:
        return self.folder / self.name

    def start(self) -> None:
        """Start it and return once it answers. Raises StartError with the end of its log when it does not."""
        self.launch()
        self.wait_until_ready()

    def launch(self) -> None:
        """Start it without waiting."""
        self.prepare()
        self.process.start()

    def wait_until_ready(self) -> None:
        eventually(lambda: self.is_ready() or not self.process.is_running, READY_SECONDS)
        if not self.process.is_running or not self.is_ready():
            self.process.stop()
            raise StartError(f"{self.name} did not start. The end of {self.process.log}:\n{self.process.last_lines()}")

    def stop(self) -> None:
        self.process.stop()

    def restart(self) -> None:
        self.stop()
        self.start()

    def kill(self) -> None:
        """kill -9: what a crash does. Data that was acknowledged is there after the next `start`."""
        self.process.kill()

    @abstractmethod
    def new_process(self) -> Process: ...

    @abstractmethod
    def prepare(self) -> None:
        """Make the data folder when there is none, and clear what a crash left behind."""

    @abstractmethod
    def is_ready(self) -> bool: ...
