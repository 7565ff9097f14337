"""Dumps of other services' databases by PostgreSQL's own programs: made, read to their end, and restored."""

import errno
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jobs.gateways.backup_programs import (
    LACKS_SSL,
    BackupError,
    Version,
    bare_environment,
    environment_for,
    run,
    spoken,
    version_from,
)
from jobs.gateways.databases import PERMANENT_WORDS
from jobs.gateways.program_choice import Programs
from jobs.gateways.sessions import LOCK_WAIT_SECONDS, session

__all__ = ["FOR_A_TRIAL", "BackupError", "PostgresPrograms", "Unrestorable", "server_version"]

WORK_VARIABLE = "SCHEDULER_WORK_DIR"
LINES_TOLD = 4
FULL_DISK = tuple(os.strerror(number) for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
LACKS_RIGHT = ("permission denied", "must be owner", "must be superuser")
# What a trial can do without: it needs rights or roles, or, as a subscription does, it is more than data.
FOR_A_TRIAL = (
    "--no-owner", "--no-privileges", "--no-comments", "--no-tablespaces", "--no-security-labels", "--no-publications",
    "--no-subscriptions",
)  # fmt: skip
COMPLAINT = re.compile(r"^pg_restore: (?:error|fatal): ", re.MULTILINE)
# What a pg_restore sets that is newer than the server, which does not know it and needs it for nothing.
NEEDLESS = ("Command was: SET transaction_timeout = 0;", "Command was: SET default_table_access_method = heap;")
# Why a restore may fail whatever the dump is like.
OF_THE_SERVER = re.compile(
    "|".join(
        (
            *LACKS_RIGHT, *FULL_DISK, "must be (?:able to SET ROLE|member of role)", 'role ".*" does not exist',
            "is not available", "connection to server", "closed the connection", "terminating connection",
            "out of shared memory", "lost synchronization",
        )
    )
)  # fmt: skip


class Unrestorable(BackupError):
    """A dump that a server did not take, for a reason that lies in the dump."""


@dataclass(frozen=True)
class PostgresPrograms:
    """`folder`: where they are; empty: on PATH, else in the embedded wheel."""

    folder: str = ""

    def dump(
        self, address: Mapping[str, str], target: Path, *, check_cancelled: Callable[[], None], snapshot: str = ""
    ) -> str:
        """Write the database at libpq's `address` to `target`, in pg_dump's custom format.

        Returns the version of pg_dump, such as 16: no pg_restore that is older can read the dump. `snapshot`: one that
        a session holds, whose sight of the database is dumped.
        `check_cancelled` is called about every second; what it raises ends the program. So does any other exception.
        """
        server = server_version(address)
        with environment_for(address, target.parent) as environment:
            program = self._programs.to_dump(server, environment)
            words = [
                str(program.path), "--format=custom", "--no-password",
                f"--lock-wait-timeout={1000 * LOCK_WAIT_SECONDS}", f"--file={target}",
                *([f"--snapshot={snapshot}"] if snapshot else []),
            ]  # fmt: skip
            code, said = run(words, environment, check_cancelled)
        if code:
            raise _undumped(said, folder=target.parent)
        return spoken(program.version)

    def verify(self, path: Path, *, check_cancelled: Callable[[], None]) -> None:
        """Read a dump from its first byte to its last; raise BackupError unless it could be restored from.

        The contents list alone says nothing: pg_restore shows that of a damaged dump too.
        """
        program = max(self._programs.found("pg_restore"), key=lambda found: found.version)
        words = [str(program.path), f"--file={os.devnull}", str(path.absolute())]
        code, said = run(words, bare_environment(), check_cancelled)
        if code:
            raise BackupError(f"The dump {path.name} is damaged; pg_restore says: {_last_lines(said)}")

    def restore(
        self,
        dump: Path,
        address: Mapping[str, str],
        *,
        check_cancelled: Callable[[], None],
        options: Sequence[str] = (),
    ) -> str:
        """Fill the database at libpq's `address`, which has to be there, and return the version of pg_restore.

        Raises BackupError if anything of the dump is not in the database then, and Unrestorable if it is the dump's
        fault. What got there stays. `options`: pg_restore's, such as FOR_A_TRIAL.
        """
        server = server_version(address)
        with environment_for(address, dump.parent) as environment:
            program = self._programs.to_restore(dump, server, environment)
            # Without a name it does not set out for a server; an empty one leads to PGDATABASE.
            words = [str(program.path), "--no-password", "--dbname=", *options, str(dump.absolute())]
            code, said = run(words, environment, check_cancelled)
        complaints = COMPLAINT.split(said)[1:]
        faults = [each for each in complaints if not any(needless in each for needless in NEEDLESS)]
        if code and (faults or not complaints):
            raise _unrestored(dump.name, faults or [_last_lines(said)])
        return spoken(program.version)

    @property
    def _programs(self) -> Programs:
        return Programs(self.folder)


def server_version(address: Mapping[str, str]) -> Version:
    """Raises BackupError when the server cannot be reached."""
    with session(address) as connection:
        number = connection.info.server_version
    return version_from(number // 10_000, number // 100 % 100)


def _undumped(said: str, *, folder: Path) -> BackupError:
    lines = _last_lines(said)
    if any(words in said for words in FULL_DISK):
        return BackupError(
            f"The disk of {folder} is full: make room there, or set {WORK_VARIABLE} to a folder with more. {lines}"
        )
    is_permanent = any(words in said for words in (*PERMANENT_WORDS, *LACKS_RIGHT, LACKS_SSL))
    return BackupError(f"pg_dump failed: {lines}", permanent=is_permanent)


def _unrestored(name: str, faults: list[str]) -> BackupError:
    """The first complaint tells whose fault it is: what comes after it often comes of it."""
    told = " | ".join(" ".join(fault.split())[:300] for fault in faults[:LINES_TOLD])
    text = f"{name} could not be restored: {told}" + (f" | {len(faults)} in all" if len(faults) > LINES_TOLD else "")
    return BackupError(text) if OF_THE_SERVER.search(faults[0]) else Unrestorable(text, permanent=True)


def _last_lines(said: str) -> str:
    lines = [" ".join(line.split())[:300] for line in said.splitlines() if line.strip()]
    return " | ".join(lines[-LINES_TOLD:]) or "nothing"
