"""Outcomes that the database cannot take yet, in files: the end of the process that reached them loses none.

A child puts its run's outcome here while the database is away, and goes on trying. If it is killed meanwhile (by its
hard time limit, or with its worker), the worker's main process or the next worker of this machine writes it instead.
The child holds a lock on its file: it ends with the process, whoever has its number next.
"""

import dataclasses
import fcntl
import hashlib
import json
import logging
import os
import socket
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from django.conf import settings
from django.db import connection

from executions.claims import Claim
from executions.ledger import Outcome
from jobs.enums import ExecutionStatus

logger = logging.getLogger(__name__)

_ours: dict[uuid.UUID, IO[str]] = {}  # open, and so locked


@dataclass(frozen=True)
class Kept:
    """One kept outcome, with all that closing its row takes."""

    execution_id: uuid.UUID
    claim_token: uuid.UUID
    outcome: Outcome
    output: str
    progress: tuple[int, str] | None


def keep(claim: Claim, outcome: Outcome) -> None:
    """Never raises for the disk's sake: this process goes on trying the database anyway."""
    about = {
        "claim_token": str(claim.execution.claim_token),
        "outcome": dataclasses.asdict(outcome),
        "output": claim.output.text,
        "progress": claim.output.last_progress,
    }
    try:
        path = _folder() / f"{claim.execution.id}.json"
        unfinished = path.with_suffix(".part")
        file = unfinished.open("w")
        with suppress(OSError):  # a file system without locks; the claim's token lets only one write it anyway
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        file.write(json.dumps(about))
        file.flush()
        unfinished.rename(path)
        _release(claim.execution.id)
        _ours[claim.execution.id] = file
    except OSError as fault:
        logger.warning("The outcome of %s cannot be kept in a file: %s", claim.execution.id, fault)


def of(execution_id: uuid.UUID) -> Kept | None:
    with suppress(OSError):
        for path in _folder().glob(f"{execution_id}.*json"):
            return _read(path)
    return None


def forget(execution_id: uuid.UUID) -> None:
    with suppress(OSError):
        for path in _folder().glob(f"{execution_id}.*"):
            path.unlink(missing_ok=True)
    _release(execution_id)


def left_behind() -> Iterator[Kept]:
    """Those whose process is gone."""
    with suppress(OSError):
        for path in sorted(_folder().glob("*.json")):
            if not _is_locked(path) and (kept := _read(path)):
                yield kept


def _release(execution_id: uuid.UUID) -> None:
    if file := _ours.pop(execution_id, None):
        file.close()


def _read(path: Path) -> Kept | None:
    try:
        about = json.loads(path.read_text())
        outcome = {**about["outcome"], "status": ExecutionStatus(about["outcome"]["status"])}
        progress = about["progress"] and (int(about["progress"][0]), str(about["progress"][1]))
        return Kept(
            uuid.UUID(path.name.partition(".")[0]), uuid.UUID(about["claim_token"]), Outcome(**outcome),
            about["output"], progress,
        )  # fmt: skip
    except (ValueError, KeyError, TypeError, OSError) as fault:
        logger.warning("%s cannot be read and is left alone: %s", path, fault)
        return None


def _folder() -> Path:
    """Of this account, machine and database, and closed to others: what is read here is believed.

    Raises OSError when it cannot be made or is somebody else's.
    """
    database = connection.settings_dict
    whose = [socket.gethostname(), *(str(database[name]) for name in ("HOST", "PORT", "NAME"))]
    name = f"schedulerservice-outcomes-{os.geteuid()}-{hashlib.sha256(repr(whose).encode()).hexdigest()[:12]}"
    folder = Path(settings.SCHEDULER_WORK_DIR or tempfile.gettempdir()) / name
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if folder.is_symlink() or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise PermissionError(f"{folder} is not this account's own")
    return folder


def _is_locked(path: Path) -> bool:
    """Whether its process lives."""
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
    return False
