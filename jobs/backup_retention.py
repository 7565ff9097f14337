"""The names of backups, and which of them may go: pure decisions over what an archive lists."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

FOLDER = "backups/"
TIME = "%Y%m%d_%H%M%S"
CHECKSUM = ".sha256"
# A dump without its checksum is one that is still being stored, or whose run was killed.
UNFINISHED_FOR = timedelta(days=1)


@dataclass(frozen=True)
class Backup:
    """One dump of a database. `taken_at`: when the dump began, to the second, in UTC.

    `is_good`: its checksum is stored too, which happens last.
    """

    database: str
    taken_at: datetime
    is_good: bool = False

    @property
    def file_name(self) -> str:
        return f"{self.database}_{self.taken_at.astimezone(UTC):{TIME}}.dump"

    @property
    def name(self) -> str:
        return folder_of(self.database) + self.file_name

    @property
    def checksum_name(self) -> str:
        return self.name + CHECKSUM


def folder_of(database: str) -> str:
    return f"{FOLDER}{database}/"


def found_in(names: Iterable[str], database: str) -> list[Backup]:
    """The backups among the names of stored objects, oldest first. Any other name is none of ours."""
    known = set(names)
    pattern = re.compile(re.escape(f"{folder_of(database)}{database}_") + r"(\d{8}_\d{6})\.dump", re.ASCII)
    backups = []
    for name in known:
        match = pattern.fullmatch(name)
        taken_at = _instant(match[1]) if match else None
        if taken_at:
            backups.append(Backup(database, taken_at, is_good=name + CHECKSUM in known))
    return sorted(backups, key=_age)


def to_remove(backups: Collection[Backup], *, keep_days: int, keep_count: int, now: datetime) -> list[Backup]:
    """Those that may go, oldest first: older than `keep_days`, and not among the newest `keep_count` good ones.

    The newest good one always stays. One that is not good counts for nothing, and goes after a day once a newer good
    one is there.
    """
    good = sorted((backup for backup in backups if backup.is_good), key=_age, reverse=True)
    old = [backup for backup in good[max(1, keep_count) :] if now - backup.taken_at > timedelta(days=keep_days)]
    unfinished = [
        backup
        for backup in backups
        if good and not backup.is_good and backup.taken_at < good[0].taken_at and now - backup.taken_at > UNFINISHED_FOR
    ]
    return sorted(old + unfinished, key=_age)


def _instant(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, TIME).replace(tzinfo=UTC)
    except ValueError:
        return None


def _age(backup: Backup) -> datetime:
    return backup.taken_at
