"""Backups as they are stored: listed, and brought back whole, or it is an error that says what else to try."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from jobs import backup_retention
from jobs.backup_retention import Backup
from jobs.base import JobError
from jobs.downloads import download
from jobs.gateways.archive import Archive

LATEST = "latest"
CHECKSUM_MAX_BYTES = 1024
SEE = "See them with: manage.py restore_backup --list"


@dataclass(frozen=True)
class StoredBackups:
    archive: Archive

    def listed(self, databases: Iterable[str] = ()) -> list[tuple[Backup, int]]:
        """Those of these databases, or of all that have any; by database, oldest first, with their size in bytes."""
        prefixes = [backup_retention.folder_of(name) for name in databases] or [backup_retention.FOLDER]
        sizes = {entry.name: entry.size for prefix in prefixes for entry in self.archive.list(prefix)}
        folders = sorted({name.split("/")[1] for name in sizes if name.count("/") == 2})
        found = [backup for folder in folders for backup in backup_retention.found_in(sizes, folder)]
        return [(backup, sizes[backup.name]) for backup in found]

    def chosen(self, database: str, name: str) -> Backup:
        """The newest good one, or the one of that file name. Raises JobError."""
        backups = [backup for backup, _size in self.listed([database])]
        if name == LATEST:
            found = [backup for backup in backups if backup.is_good][-1:]
        else:
            found = [backup for backup in backups if name in (backup.file_name, backup.name)]
        if not found:
            what = "no whole backup" if name == LATEST else f"no backup {name}"
            raise JobError(f"There is {what} of {database}. {SEE} --database {database}", permanent=True)
        if not found[0].is_good:
            text = f"{name} has no checksum: it was never finished, or restoring it has failed. Choose another one."
            raise JobError(f"{text} {SEE} --database {database}", permanent=True)
        return found[0]

    def fetch(self, backup: Backup, folder: Path) -> Path:
        """The dump, in that folder, once it was found to be what was stored. Raises JobError, also if it was not."""
        with self.archive.open(backup.checksum_name) as stream:
            wanted = stream.read(CHECKSUM_MAX_BYTES).decode(errors="replace").split()
        dump = folder / backup.file_name
        found = download(self.archive, backup.name, dump)
        if wanted[:1] != [found]:
            raise JobError(
                f"{backup.file_name} is not what was stored: its SHA-256 is {found}, and"
                f" {backup.checksum_name} says {' '.join(wanted) or 'nothing'}. Nothing was restored; take another one."
                f" {SEE} --database {backup.database}",
                permanent=True,
            )
        return dump
