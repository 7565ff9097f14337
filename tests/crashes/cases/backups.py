"""BackupDatabaseJob: the newest backup is whole and gives back every row, and no half one counts as a backup."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from jobs import gateways
from jobs.backup_restore import BackupRestore
from jobs.backup_retention import Backup
from jobs.stored_backups import LATEST, StoredBackups
from tests.crashes import invariants, leftovers
from tests.crashes.case import Case
from tests.crashes.peers import Peers
from tests.crashes.stage import Scene, Stage

DATABASE, ROWS = "errorservice", 300
YOUNG_DAYS = 3
RESTORED = "restored"
NO_BACKUP = -1


@dataclass(frozen=True)
class Backups:
    """`rows`: in the database. `restored`: in the newest backup; NO_BACKUP if it gives nothing back.

    `whole`, `half`: good backups, by whether the dump is what its checksum says. `unfinished`: dumps without one.
    """

    rows: int
    restored: int
    old: frozenset[str]
    whole: frozenset[str]
    half: frozenset[str] = frozenset()
    unfinished: frozenset[str] = frozenset()
    left_behind: Sequence[str] = ()

    @property
    def sums(self) -> Mapping[str, int]:
        return {
            "rows": self.rows, "restored": max(0, self.restored), "old backups": len(self.old),
            "new, whole": len(self.whole), "unfinished": len(self.unfinished), "left behind": len(self.left_behind),
        }  # fmt: skip


class BackupDatabase(Case[Backups]):
    name = job_type = "BackupDatabaseJob"
    points = {
        "backup.after_dump": 1, "archive.in_write": 2, "backup.after_upload": 1, "backup.after_checksum": 1,
        "backup.in_trial": 1, "backup.in_removal": 2,
    }  # fmt: skip

    def parameters(self, peers: Peers) -> Mapping[str, Any]:
        return {"databases": [DATABASE], "keepCount": 1, "restoreCheck": "always"}

    def fill(self, scene: Scene) -> Backups:
        scene.okla.execute(
            DATABASE,
            'INSERT INTO "Logs" ("Timestamp", "Level", "Service", "Message")'
            " SELECT now(), 'Error', '', repeat(md5(n::text), 8) FROM generate_series(1, %s::int) AS n",
            [ROWS],
        )
        for number in range(self.size // 2):
            _write(scene.stage, Backup(DATABASE, datetime.now(UTC) - timedelta(days=60 + number)))
        return self.look(scene)

    def look(self, scene: Scene) -> Backups:
        stored = StoredBackups(gateways.current().backups)
        known = [backup for backup, _size in stored.listed([DATABASE])]
        new = [backup for backup in known if datetime.now(UTC) - backup.taken_at < timedelta(days=YOUNG_DAYS)]
        good = {backup.name for backup in new if backup.is_good}
        half = {name for name in good if not _is_whole(scene.stage.cold / name)}
        return Backups(
            rows=scene.okla.count(DATABASE, "Logs"),
            restored=_restored(scene, stored) if good else NO_BACKUP,
            old=frozenset(backup.name for backup in known if backup not in new),
            whole=frozenset(good - half),
            half=frozenset(half),
            unfinished=frozenset(backup.name for backup in new if not backup.is_good),
            left_behind=scene.left_behind(),
        )

    def a_day_passes(self, scene: Scene) -> None:
        """Also for dumps that were never finished: their age is in their names."""
        super().a_day_passes(scene)
        for backup, _size in StoredBackups(gateways.current().backups).listed([DATABASE]):
            if not backup.is_good:
                older = Backup(DATABASE, backup.taken_at - leftovers.A_DAY)
                (scene.stage.cold / backup.name).rename(scene.stage.cold / older.name)

    def broken(self, before: Backups, after: Backups) -> list[str]:
        restored = f"the newest backup gives back {after.restored} rows of {before.rows}"
        return [
            *([f"the database has {after.rows} rows, not {before.rows}"] if after.rows != before.rows else []),
            *([restored] if after.restored != before.rows else []),
            *invariants.about("counts as a backup, and is not whole", after.half),
            *invariants.about("old, and still there", after.old),
        ]

    def broken_next_day(self, after: Backups, next_day: Backups) -> list[str]:
        return [
            *self.broken(after, next_day),
            *invariants.about("a good backup is gone", after.whole - next_day.whole),
            *invariants.about("never finished, and still there", next_day.unfinished),
            *invariants.about("left behind", next_day.left_behind),
        ]


def _write(stage: Stage, backup: Backup) -> None:
    """One that an earlier run has stored."""
    path = stage.cold / backup.name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"a dump")
    (stage.cold / backup.checksum_name).write_text("-")


def _is_whole(dump: Path) -> bool:
    told = dump.with_name(f"{dump.name}.sha256").read_text().split()
    return told[:1] == [hashlib.sha256(dump.read_bytes()).hexdigest()]


def _restored(scene: Scene, stored: StoredBackups) -> int:
    """The rows of the newest good backup, restored as an operator does it."""
    source = scene.okla.addresses[DATABASE]
    target = {**source, "dbname": f"{source['dbname']}_{RESTORED}"}
    restore = BackupRestore(gateways.current(), target, say=lambda _: None, home=source["dbname"], create=True)
    try:
        return restore.restore(stored.chosen(DATABASE, LATEST)).rows
    finally:
        with psycopg.connect(make_conninfo(**source), autocommit=True) as connection:
            statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
            connection.execute(statement.format(sql.Identifier(target["dbname"])))
