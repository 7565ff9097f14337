"""CleanupOldLogsJob: every row is in its table or in cold storage, there in one verified object, and as it was."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from jobs import business_days, gateways
from jobs.archive_restore import ArchiveRestore
from jobs.archived_days import ROWS
from jobs.gateways.row_tables import RowTable
from jobs.gateways.sessions import session
from tests.crashes import invariants
from tests.crashes.case import Case
from tests.crashes.peers import Peers
from tests.crashes.stage import Scene

DAYS = 90
OLD_ROWS, YOUNG_DAYS, YOUNG_ROWS = 6, 2, 4
COLD = ("GLACIER", "DEEP_ARCHIVE")
# Into a table as the source is, beside it.
RESTORED = "restored"


@dataclass(frozen=True)
class Logs:
    """Rows by their id, each as a line. `old`: those that are to move. `twice`: how many are in more than one object.

    `undescribed`: objects of which no manifest says that they were verified.
    """

    rows: Mapping[str, str]
    old: Mapping[str, str]
    archived: Mapping[str, str]
    twice: int = 0
    undescribed: Sequence[str] = ()
    left_behind: Sequence[str] = ()

    @property
    def sums(self) -> Mapping[str, int]:
        in_table = len(self.old.keys() & self.rows.keys())
        return {
            "old": in_table, "young": len(self.rows) - in_table, "archived": len(self.archived),
            "left behind": len(self.left_behind),
        }  # fmt: skip


class CleanupOldLogs(Case[Logs]):
    name = job_type = "CleanupOldLogsJob"
    points = {
        "archive.after_index": 3, "archive.after_upload": 3, "archive.after_verify": 3, "archive.after_delete_batch": 4,
    }  # fmt: skip
    room = "logs"
    # Columns' values in SQL, for the n-th row of a day.
    more: Mapping[str, str] = {
        "Level": "'Error'", "Service": "''", "Message": r"E'line\n' || day || ' ñ ' || n",
        "Properties": "jsonb_build_object('n', n)",
    }  # fmt: skip

    def parameters(self, peers: Peers) -> Mapping[str, Any]:
        return {"batchSize": 2}

    def fill(self, scene: Scene) -> Logs:
        self.write(scene, range(self._old_days), OLD_ROWS)
        self.write(scene, range(-YOUNG_DAYS, 0), YOUNG_ROWS)
        return self.look(scene)

    def write(self, scene: Scene, days: range, rows: int) -> None:
        """So many rows of each day; day 0 is the last one that goes, the ones below it stay."""
        table, last = scene.okla[self.room], _first_kept(scene) - timedelta(microseconds=1)
        scene.okla.execute(
            table.service,
            f"INSERT INTO {table} ({table['at']}, {', '.join(map(_quoted, self.more))})"
            f" SELECT %s - day * interval '1 day' - n * interval '1 s', {', '.join(self.more.values())}"
            " FROM generate_series(%s::int, %s::int) AS day, generate_series(1, %s::int) AS n",
            [last, days[0], days[-1], rows],
        )

    def look(self, scene: Scene) -> Logs:
        table = scene.okla[self.room]
        lines = f"SELECT {table['id']}::text, row_to_json(t)::text, {table['at']} < %s FROM {table} AS t"
        rows = scene.okla.execute(table.service, lines, [_first_kept(scene)])
        archived, twice, undescribed = self._restored(scene)
        return Logs(
            rows={key: line for key, line, _is_old in rows},
            old={key: line for key, line, is_old in rows if is_old},
            archived=archived,
            twice=twice,
            undescribed=undescribed,
            left_behind=scene.left_behind(),
        )

    def broken(self, before: Logs, after: Logs) -> list[str]:
        kept = before.rows.keys() - before.old.keys()
        gone = before.rows.keys() - after.rows.keys()
        return [
            *invariants.about("deleted, and not archived as it was", differing(gone, before.rows, after.archived)),
            *invariants.about("not moved", before.old.keys() & after.rows.keys()),
            *invariants.about("young, and gone or changed", differing(kept, before.rows, after.rows)),
            *broken_archive(before, after),
        ]

    def a_day_passes(self, scene: Scene) -> None:
        """One more row has grown old, so that there is something to do."""
        super().a_day_passes(scene)
        self.write(scene, range(self._old_days, self._old_days + 1), 1)

    def broken_next_day(self, after: Logs, next_day: Logs) -> list[str]:
        return [
            *invariants.about("archived, and there no more", after.archived.keys() - next_day.archived.keys()),
            *invariants.about("left behind", next_day.left_behind),
        ]

    @property
    def _old_days(self) -> int:
        return max(2, self.size // OLD_ROWS)

    def _restored(self, scene: Scene) -> tuple[dict[str, str], int, list[str]]:
        """The rows that the archive gives back, as an operator restores them; how many twice; what is not described."""
        table, worlds = scene.okla[self.room], gateways.current()
        _warm_up(scene)
        last = business_days.day_of(scene.now) - timedelta(days=DAYS)
        source = f"{table.service}.{table.table}"
        with session(scene.okla.addresses[table.service]) as connection:
            execute: Any = connection.execute  # its statements are no literals
            execute(f"DROP TABLE IF EXISTS {RESTORED}")
            execute(f"CREATE TABLE {RESTORED} (LIKE {table} INCLUDING ALL)")
            restore = ArchiveRestore(worlds.archive, source, RowTable(connection, RESTORED), None, say=lambda _: None)
            figures = restore.restore(last - timedelta(days=self._old_days + 1), last)
            rows = dict(execute(f"SELECT {table['id']}::text, row_to_json(t)::text FROM {RESTORED} AS t").fetchall())
            execute(f"DROP TABLE {RESTORED}")
        return rows, figures.rows - figures.inserted, figures.left_out


def _first_kept(scene: Scene) -> datetime:
    return business_days.begin_of(business_days.day_of(scene.now) - timedelta(days=DAYS))


def _quoted(column: str) -> str:
    return f'"{column}"'


def _warm_up(scene: Scene) -> None:
    """What lies in a bucket's cold storage must be restored before it can be read."""
    bucket, client = scene.stage.bucket, scene.stage.bucket.server.client()
    for key in bucket.keys:
        if key.endswith(ROWS) and bucket.head(key).get("StorageClass") in COLD:
            client.restore_object(Bucket=bucket.name, Key=key, RestoreRequest={"Days": 1})


def differing(keys: Any, ours: Mapping[str, str], theirs: Mapping[str, str]) -> list[str]:
    return [key for key in keys if ours[key] != theirs.get(key)]


def broken_archive(before: Logs, after: Logs) -> list[str]:
    return [
        *invariants.about("archived, and should not be", after.archived.keys() - before.old.keys()),
        *([f"archived twice: {after.twice}"] if after.twice else []),
        *invariants.about("stored, and described by no manifest", after.undescribed),
    ]
