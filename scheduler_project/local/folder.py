"""`var/`: all that the embedded default keeps, and the lock that lets one runner at a time use it.

var/postgres/ var/valkey/   the data; owned by the engines' account
var/secrets/                one generated password a file, mode 0600
var/ports/                  the engines' ports
var/log/                    one log a process
var/cold-storage/           the demo's archives and backups
var/environment             for commands beside a running `bin/up`; there only while it runs
"""

import fcntl
import os
import pwd
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from scheduler_project.local import ports
from scheduler_project.local.errors import StartError

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass
class Folder:
    path: Path
    lock: IO[str] | None = None

    @property
    def log(self) -> Path:
        return self.path / "log"

    @property
    def environment_file(self) -> Path:
        return self.path / "environment"

    def open(self) -> None:
        """Make it and lock it. Raises StartError when it is another account's, or in use."""
        # Others may pass, not look: as root the engines run under an account of their own.
        self.path.mkdir(mode=0o711, parents=True, exist_ok=True)
        owner = self.path.stat().st_uid
        if owner != os.geteuid():
            raise StartError(f"{self.path} belongs to {account_name(owner)}. Start as that user, or use another clone.")
        for name in ("secrets", "ports", "log"):
            (self.path / name).mkdir(mode=0o700, exist_ok=True)
        self.take_lock()

    def close(self) -> None:
        """Give it free for the next start."""
        self.environment_file.unlink(missing_ok=True)
        if self.lock:
            self.lock.close()

    def take_lock(self) -> None:
        lock = (self.path / "lock").open("a+")  # the kernel frees it with this process, however that ends
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            runner = lock.read().strip() or "starting"
            raise StartError(
                f"SchedulerService already runs from this folder ({runner}). Stop that one first."
            ) from None
        lock.truncate(0)
        lock.write(f"process {os.getpid()}")
        lock.flush()
        self.lock = lock

    def secret(self, name: str) -> str:
        """The generated password of that name: the same at every start."""
        file = self.path / "secrets" / name
        if not file.exists() or not file.read_text().strip():
            write_privately(file, secrets.token_urlsafe(24))
        return file.read_text().strip()

    def port(self, name: str) -> int:
        """The port of that engine: the last one, or a new one when somebody else has it by now."""
        file = self.path / "ports" / name
        with suppress(FileNotFoundError, ValueError):
            if ports.is_free(port := int(file.read_text())):
                return port
        port = ports.free_port()
        write_privately(file, str(port))
        return port

    def write_environment(self, variables: Mapping[str, str]) -> None:
        """What `manage.py` and `celery` read beside a running `bin/up`; quoted as dotenv files are."""
        quoted = {name: value.replace("\\", "\\\\").replace("'", "\\'") for name, value in variables.items()}
        write_privately(self.environment_file, "".join(f"{name}='{value}'\n" for name, value in quoted.items()))


def write_privately(file: Path, text: str) -> None:
    """Mode 0600 from the first moment, and complete or not there at all."""
    unfinished = file.with_name(f"{file.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    unfinished.touch(mode=0o600)
    unfinished.write_text(text)
    unfinished.rename(file)


def account_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
