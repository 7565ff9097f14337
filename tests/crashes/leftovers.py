"""What killed runs leave behind, and how it grows old: its age alone tells it from what is in use."""

import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from django.db import connection

from executions.models import JobExecution
from jobs import work_folder
from jobs.gateways import scratch_databases
from scheduler_project.local.process import eventually

A_DAY = timedelta(hours=25)
PATIENCE_SECONDS = 30
FOUND = (
    "SELECT datname, EXISTS (SELECT FROM pg_stat_activity AS s WHERE s.datname = d.datname) FROM pg_database AS d"
    " WHERE datname LIKE 'restore\\_check\\_%' ORDER BY 1"
)


def names(work: Path, cold: Path) -> list[str]:
    """Runs' own folders and what is in them, half written objects of cold storage, databases for a trial."""
    return [path.name for path in _files(work, cold)] + databases()


def grow_old(work: Path, cold: Path) -> None:
    for path in sorted(_files(work, cold), reverse=True):
        with suppress(FileNotFoundError):
            then = path.stat().st_mtime - A_DAY.total_seconds()
            os.utime(path, (then, then))
    before = f"restore_check_{datetime.now(UTC) - A_DAY:{scratch_databases.TIME}}_"
    for name in databases():
        _sql(f'ALTER DATABASE "{name}" RENAME TO "{before}{name[-32:]}"')


def drop_databases() -> None:
    for name in databases():
        _sql(f'DROP DATABASE "{name}"')


def databases() -> list[str]:
    """Of our runs only, for other tests have such ones too; once the sessions in them have ended with their child."""
    ours = {key.hex for key in JobExecution.objects.values_list("id", flat=True)}
    found: list[tuple[str, bool]] = []

    def are_free() -> bool:
        found[:] = [(name, is_used) for name, is_used in _sql(FOUND) if name[-32:] in ours]
        return not any(is_used for _name, is_used in found)

    eventually(are_free, PATIENCE_SECONDS)
    return [name for name, _is_used in found]


def _files(work: Path, cold: Path) -> Iterator[Path]:
    for kind in ("logs", "backup"):
        for folder in work.glob(f"{work_folder.PREFIX}{kind}-*"):
            yield from (folder, *folder.rglob("*"))
    yield from cold.rglob("*.part")


def _sql(statement: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []
