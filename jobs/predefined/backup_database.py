"""BackupDatabaseJob: dumps each database, proves the dump, stores it, and lets old ones go."""

import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop
from pydantic import Field

from jobs import backup_retention, guardrails, work_folder
from jobs.backup_retention import Backup
from jobs.base import Job, JobContext, JobError
from jobs.failpoints import failpoint
from jobs.gateways.archive import ArchiveError, Stored
from jobs.gateways.backups import Unrestorable
from jobs.restore_check import SIZE, RestoreCheck, RestoreCheckParameters

DatabaseName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=63)]
DONE = "done"


class BackupDatabaseParameters(RestoreCheckParameters):
    databases: list[DatabaseName] = Field(
        ["vehiclessaleservice", "authservice", "userservice"],
        min_length=1,
        max_length=100,
        description=gettext_noop("The databases to back up, each under the name of its service."),
    )
    keep_days: int = Field(30, ge=1, le=36_500, description=gettext_noop("Backups older than this many days may go."))
    keep_count: int = Field(
        7, ge=1, le=10_000, description=gettext_noop("So many of the newest backups stay, however old they are.")
    )
    storage_class: str = Field(
        "STANDARD",
        pattern=r"^[A-Z][A-Z0-9_]{0,39}$",
        description=gettext_noop(
            "Storage class of the dumps where the archive has such: STANDARD, STANDARD_IA, GLACIER."
        ),
    )


Context = JobContext[BackupDatabaseParameters]


class BackupDatabaseJob(Job[BackupDatabaseParameters]):
    description = _("Dumps each configured database, verifies the dump, stores it and removes old backups.")
    parameters_model = BackupDatabaseParameters

    def execute(self, context: Context) -> Mapping[str, Any]:
        """Every database is tried; then the run fails if any one of them did."""
        if not context.dry_run:
            context.gateways.backups.check()
        databases = list(dict.fromkeys(context.parameters.databases))
        earlier, check = _Earlier(context), RestoreCheck(context, databases)
        done: list[dict[str, Any]] = []
        failed: dict[str, Exception] = {}
        for number, database in enumerate(databases):
            context.check_cancelled()
            context.progress(number, len(databases), database)
            try:
                done.append(earlier.found(database) or _DatabaseBackup(context, database, check).run())
            except (JobError, OSError) as fault:
                context.log(f"{database}: {fault}", level="ERROR")
                failed[database] = fault
            else:
                earlier.keep(done)
        context.progress(len(databases), len(databases))
        result = _result(context, done, failed, check)
        earlier.forget()
        return result


def _result(
    context: Context, done: list[dict[str, Any]], failed: Mapping[str, Exception], check: RestoreCheck
) -> dict[str, Any]:
    sizes = {f"bytes in the backup of {each['database']}": each["bytes"] for each in done if "bytes" in each}
    warnings = [*check.warnings, *guardrails.compare(context, sizes, guardrails.BYTES)]
    result = {
        "databases": done,
        "failed": {database: str(fault) for database, fault in failed.items()},
        "bytes": sum(sizes.values()),
        "removed": sum(len(each.get("removed", ())) for each in done),
        "restoreCheck": check.figures(),
    }
    if warnings:
        result["warnings"] = warnings
    if failed:
        listed = "; ".join(f"{database}: {fault}" for database, fault in failed.items())
        text = f"{len(failed)} of {len(done) + len(failed)} databases have no good new backup: {listed}"
        is_permanent = all(getattr(fault, "permanent", False) for fault in failed.values())
        raise JobError(text, permanent=is_permanent, result=result)
    guardrails.keep(context, sizes)
    return result


class _DatabaseBackup:
    """The backup of one database, from the dump to what becomes of the old ones."""

    def __init__(self, context: Context, database: str, check: RestoreCheck) -> None:
        self.context, self.gateways, self.database, self.check = context, context.gateways, database, check
        self.backup = Backup(database, taken_at=datetime.now(UTC))

    def run(self) -> dict[str, Any]:
        """Figures for the result. Raises JobError; nothing old goes then."""
        began = time.monotonic()
        with self.gateways.databases.open(self.database) as database:
            size = int(database.value(SIZE))
        if self.context.dry_run:
            return self._plan(size)
        self.context.log(f"{self.database}: {size:,} bytes in the database; dumping to {self.backup.file_name} (UTC)")
        with work_folder.temporary(self.gateways.work_folder, "backup") as folder:
            self._warn_if_tight(folder, size)
            dump = folder / self.backup.file_name
            version = self._dump(dump)
            failpoint("backup.after_dump")
            stored = self._store(dump)
            text = f"{self.database}: {stored.size:,} bytes, read to the end and stored as {stored.location}"
            self.context.log(f"{text} (pg_dump {version})")
            proof = self._prove(dump)
        removed = self._remove_old()
        seconds = round(time.monotonic() - began, 1)
        return {
            "database": self.database, "name": stored.name, "location": stored.location, "bytes": stored.size,
            "sha256": stored.sha256, "pgDump": version, "seconds": seconds, "removed": removed,
            **({"restored": proof} if proof else {}),
        }  # fmt: skip

    def _dump(self, dump: Path) -> str:
        """The version of pg_dump that wrote it."""
        address, stop = self.gateways.databases.address(self.database), self.context.check_cancelled
        with self.check.snapshot_of(self.database, address) as snapshot:
            version: str = self.gateways.postgres.dump(address, dump, snapshot=snapshot, check_cancelled=stop)
        self.gateways.postgres.verify(dump, check_cancelled=stop)
        return version

    def _prove(self, dump: Path) -> dict[str, Any] | None:
        """Raises Unrestorable; what was stored then stays to be looked at, and counts as unfinished."""
        try:
            return self.check.prove(self.database, dump)
        except Unrestorable:
            with suppress(ArchiveError):
                self.gateways.backups.delete(self.backup.checksum_name)
            raise

    def _warn_if_tight(self, folder: Path, size: int) -> None:
        free = shutil.disk_usage(folder).free
        if free < size:
            # A dump is compressed and has no indexes: it may fit all the same.
            text = f"{self.database}: {free:,} bytes free in {folder.parent}, fewer than the database has"
            self.context.log(text, level="WARNING")

    def _store(self, dump: Path) -> Stored:
        """First the dump, then its checksum in the form of sha256sum: where that is, the dump is whole."""
        archive, wait = self.gateways.backups, self.context.check_cancelled
        kind = self.context.parameters.storage_class
        stored = archive.put(self.backup.name, dump, storage_class=kind, check_cancelled=wait)
        failpoint("backup.after_upload")
        checksum = dump.with_name(dump.name + backup_retention.CHECKSUM)
        checksum.write_text(f"{stored.sha256}  {dump.name}\n")
        archive.put(self.backup.checksum_name, checksum)
        failpoint("backup.after_checksum")
        return stored

    # --- What becomes of the old ones --------------------------------------------------------------------------------
    def _remove_old(self) -> list[str]:
        """The new one is safe, and that does not change if an old one cannot be removed."""
        removed: list[str] = []
        try:
            for backup in self._old(backup_retention.found_in(self._names(), self.database)):
                # The checksum first: what is left without one counts as unfinished and goes next time.
                self.gateways.backups.delete(backup.checksum_name)
                failpoint("backup.in_removal")
                self.gateways.backups.delete(backup.name)
                removed.append(backup.name)
                self.context.log(f"{self.database}: removed {backup.name}")
        except ArchiveError as fault:
            self.context.log(f"{self.database}: old backups could not be removed: {fault}", level="WARNING")
        return removed

    def _plan(self, size: int) -> dict[str, Any]:
        backups = backup_retention.found_in(self._names(), self.database)
        new = Backup(self.database, self.backup.taken_at, is_good=True)
        names = [backup.name for backup in self._old([*backups, new])]
        self.context.log(f"{self.database}: {size:,} bytes would be dumped, {len(names)} old backups would go")
        return {"database": self.database, "databaseBytes": size, "backups": len(backups), "wouldRemove": names}

    def _old(self, backups: list[Backup]) -> list[Backup]:
        wanted = self.context.parameters
        now = datetime.now(UTC)
        return backup_retention.to_remove(backups, keep_days=wanted.keep_days, keep_count=wanted.keep_count, now=now)

    def _names(self) -> list[str]:
        return [entry.name for entry in self.gateways.backups.list(backup_retention.folder_of(self.database))]


class _Earlier:
    """What an earlier attempt of this run backed up before it failed: that is not dumped again."""

    def __init__(self, context: Context) -> None:
        self._context, self._moment = context, context.reference_time.isoformat()

    def found(self, database: str) -> dict[str, Any] | None:
        """Its figures, if the backup is still there."""
        kept = self._context.state.get(DONE) or {}
        figures = kept.get("databases", {}).get(database) if kept.get("moment") == self._moment else None
        if self._context.dry_run or not figures or not self._context.gateways.backups.exists(figures["name"]):
            return None
        self._context.log(f"{database}: an earlier attempt of this run has stored {figures['name']}")
        return dict(figures)

    def keep(self, done: list[dict[str, Any]]) -> None:
        if not self._context.dry_run:
            by_name = {each["database"]: each for each in done}
            self._context.state.set(DONE, {"moment": self._moment, "databases": by_name})

    def forget(self) -> None:
        if not self._context.dry_run:
            self._context.state.set(DONE, None)
