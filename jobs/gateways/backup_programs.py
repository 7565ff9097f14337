"""A program of PostgreSQL's on this machine: which one it is, what it can, and how it is run."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from psycopg import pq

from jobs.gateways.databases import CONNECT_SECONDS
from jobs.gateways.errors import GatewayError

VARIABLE = "SCHEDULER_PG_BIN"
POLL_SECONDS = 1.0
PROBE_SECONDS = 30
VERSION = re.compile(r"\(PostgreSQL\) (\d+)(?:\.(\d+))?")
# How libpq answers an address that demands SSL where it was built without, before it looks for any server.
LACKS_SSL = "SSL support is not compiled in"
NOWHERE = "/nonexistent"

KEPT = frozenset({"PATH", "HOME", "USER", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SSL_CERT_FILE"})
# To libpq these mean more than the variables that say where to go.
OVERRULING = ("PGSERVICE", "PGSERVICEFILE")

Version = tuple[int, int]


class BackupError(GatewayError):
    """A dump could not be made, or cannot be read or restored."""


@dataclass(frozen=True)
class Program:
    """One of PostgreSQL's programs on this machine."""

    path: Path
    version: Version  # (16, 0), or (9, 6) before there were whole numbers

    def __str__(self) -> str:
        return f"{spoken(self.version)} ({self.path})"


def version_of(program: Path) -> Version:
    """Raises BackupError when the file does not run, or says something else."""
    try:
        done = subprocess.run(
            [program, "--version"], capture_output=True, env=bare_environment(), timeout=PROBE_SECONDS, check=False
        )
        said = VERSION.search(done.stdout.decode(errors="replace"))
    except (OSError, subprocess.TimeoutExpired) as fault:
        raise BackupError(f"{program} does not run: {fault}. Correct {VARIABLE}.", permanent=True) from fault
    if not said:
        raise BackupError(f"{program} does not say which PostgreSQL it is of. Correct {VARIABLE}.", permanent=True)
    return version_from(int(said[1]), int(said[2] or 0))


def version_from(major: int, minor: int) -> Version:
    """Since PostgreSQL 10 the first number alone says which one it is."""
    return (major, minor if major < 10 else 0)


def spoken(version: Version) -> str:
    return f"{version[0]}.{version[1]}" if version[0] < 10 else str(version[0])


def has_ssl(program: Program, environment: Mapping[str, str], *words: str) -> bool:
    """Asked of the program itself: what its libpq makes of an address that demands SSL, at a place without a server.

    `words`: with which it sets out for a server at all.
    """
    nowhere = {name: value for name, value in environment.items() if name != "PGHOSTADDR"} | {"PGHOST": NOWHERE}
    try:
        done = subprocess.run(
            [program.path, "--no-password", *words],
            capture_output=True,
            env=nowhere,
            timeout=PROBE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as fault:
        raise BackupError(f"{program.path} does not run: {fault}. Correct {VARIABLE}.", permanent=True) from fault
    return LACKS_SSL not in done.stderr.decode(errors="replace")


# --- How a program is run --------------------------------------------------------------------------------------------
def bare_environment() -> dict[str, str]:
    """What such a program needs of this process's environment, without its secrets; in English, which we look into."""
    kept = {name: value for name, value in os.environ.items() if name in KEPT or name.startswith(("PG", "KRB5"))}
    return {**kept, "LC_ALL": "C"}


@contextmanager
def environment_for(address: Mapping[str, str], folder: Path) -> Iterator[dict[str, str]]:
    """The environment in which libpq reaches the address; the password is in a file of `folder` meanwhile.

    Nothing of an address is an argument: other users see those, and libpq reads "dbname" as whole connection strings.
    """
    variables = {
        option.keyword.decode(): option.envvar.decode() for option in pq.Conninfo.get_defaults() if option.envvar
    }
    said = {
        variables[keyword]: str(value)
        for keyword, value in {"connect_timeout": str(CONNECT_SECONDS), **address}.items()
        if keyword in variables and keyword != "password"
    }
    environment = {**bare_environment(), "PGAPPNAME": "schedulerservice", **said}
    for name in OVERRULING:
        environment.pop(name, None)
    if "password" not in address:
        yield environment
        return
    with tempfile.NamedTemporaryFile("w", dir=folder, prefix="password-", encoding="utf-8") as file:  # mode 0600
        file.write(f"*:*:*:*:{_escaped(str(address['password']))}\n")
        file.flush()
        environment.pop("PGPASSWORD", None)
        yield {**environment, "PGPASSFILE": file.name}


def _escaped(password: str) -> str:
    if {"\n", "\r", "\0"} & set(password):
        raise BackupError("The database's password holds a line break, which pg_dump cannot be given.", permanent=True)
    return password.replace("\\", "\\\\").replace(":", "\\:")


def run(words: list[str], environment: Mapping[str, str], check_cancelled: Callable[[], None]) -> tuple[int, str]:
    """Its exit code and what it complained of. Whatever is raised meanwhile, the program and its children end first."""
    process = subprocess.Popen(
        [*_dying_with_us(), *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=dict(environment),
        start_new_session=True,
    )
    try:
        while True:
            with suppress(subprocess.TimeoutExpired):
                said = process.communicate(timeout=POLL_SECONDS)[1]
                return process.returncode, said.decode(errors="replace")
            check_cancelled()
    except BaseException:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise


def _dying_with_us() -> list[str]:
    """What stands before a command so that it is killed when this process is. Without `setpriv` (macOS), nothing."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", signal.SIGKILL.name, "--"] if setpriv else []
