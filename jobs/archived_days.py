"""A log table's days in cold storage: the names of their objects, what describes them, and which are on the move.

Rows move in an order that can be taken up wherever a run was killed, so that each ends in one object only: first the
index of what will be stored, then the object, then its manifest, then the rows go from their table, and last the index.
An index that was left behind without a manifest means that no row has gone yet; with one, that all of them may go.
Rows of a table that is only archived stay where they are: of those, the manifests say how far the archive has got.
"""

import gzip
import json
import re
import shutil
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import count
from pathlib import Path
from typing import Any

from jobs import business_days
from jobs.failpoints import failpoint
from jobs.gateways.archive import AlreadyThere, Archive, ArchiveError, Stored, sha256_of
from jobs.gateways.tables import Table
from jobs.row_files import RowFile, RowIndex

ROWS, MANIFEST, INDEX = ".jsonl.gz", ".manifest.json", ".index.gz"
MANIFEST_MAX_BYTES = 64 * 1024
OF_A_DAY = re.compile(r"\d{4}/\d{2}/(?P<day>\d{4}-\d{2}-\d{2})(\.part-\d+)?" + re.escape(MANIFEST))


@dataclass(frozen=True)
class Move:
    """Rows of a day on their way into one object. `name`: the object's, without its ending; `sha256`: its, in hex."""

    day: date
    name: str
    sha256: str
    index: RowIndex

    @property
    def object(self) -> str:
        return self.name + ROWS


@dataclass(frozen=True)
class ArchivedDays:
    """`source`: what people call the table."""

    archive: Archive
    table: Table
    source: str

    def free_name(self, day: date) -> str:
        """Under which no rows of that day are stored: the day's own, or that of its next part."""
        name = self._name(day)
        names = (name if number == 1 else f"{name}.part-{number}" for number in count(1))
        return next(name for name in names if not self.archive.exists(name + ROWS))

    # --- What is on the move -----------------------------------------------------------------------------------------
    def unfinished(self) -> list[date]:
        """The days whose rows were on the move when a run ended, or are so in another run."""
        below = f"{self._folder}/unfinished/"
        found = [entry.name.removeprefix(below).removesuffix(INDEX) for entry in self.archive.list(below)]
        return [day for day in map(_day_of, found) if day]

    def begin(self, day: date, name: str, file: RowFile) -> Move:
        """Store the index. Raises AlreadyThere while other rows of that day are on the move."""
        move = Move(day, name, sha256_of(file.path), file.index)
        path = file.path.with_name("index.gz")
        with (
            path.open("wb") as raw,
            # Digests are half of it whatever one does, and it is there for a moment only.
            gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0, compresslevel=1) as packed,
            file.index.path.open("rb") as entries,
        ):
            packed.write(json.dumps({"name": move.name, "sha256": move.sha256}).encode() + b"\n")
            shutil.copyfileobj(entries, packed)
        self.archive.put(self._index(day), path)
        failpoint("archive.after_index")
        return move

    def take_up(self, day: date, folder: Path) -> Move | None:
        """What was on the move, its index whole in `folder`; None if it is done meanwhile."""
        name, packed, index = self._index(day), folder / "unfinished.gz", folder / "unfinished"
        try:
            with self.archive.open(name) as stream, packed.open("wb") as copy:
                shutil.copyfileobj(stream, copy)
        except ArchiveError:
            if self.archive.exists(name):
                raise
            return None
        try:
            with gzip.open(packed, "rb") as entries, index.open("wb") as unpacked:
                about = json.loads(entries.readline())
                shutil.copyfileobj(entries, unpacked)
            return Move(day, str(about["name"]), str(about["sha256"]), RowIndex(index))
        except (gzip.BadGzipFile, zlib.error, EOFError, ValueError, TypeError, KeyError) as damage:
            raise ArchiveError(
                f"The index {name} is damaged: rows of {day} stay until it is mended or removed.", permanent=True
            ) from damage

    def end(self, move: Move) -> None:
        self.archive.delete(self._index(move.day))

    # --- What is stored ----------------------------------------------------------------------------------------------
    def days(self) -> set[date]:
        """Those of which rows are stored and described."""
        return self._described(f"{self._folder}/")

    def has_rows_of(self, day: date) -> bool:
        return day in self._described(self._name(day))

    def _described(self, prefix: str) -> set[date]:
        names = (entry.name.removeprefix(f"{self._folder}/") for entry in self.archive.list(prefix))
        found = (OF_A_DAY.fullmatch(name) for name in names)
        return {day for match in found if match and (day := _day_of(match["day"]))}

    def store(self, move: Move, file: RowFile, *, storage_class: str, check_cancelled: Callable[[], None]) -> Stored:
        """The object and its manifest. Raises AlreadyThere where the object has another content."""
        stored = self.archive.put(move.object, file.path, storage_class=storage_class, check_cancelled=check_cancelled)
        failpoint("archive.after_upload")
        self._describe(move, file, stored)
        failpoint("archive.after_verify")
        return stored

    def has(self, move: Move) -> bool:
        """Whether the object was stored, verified and described, and is there."""
        is_there = self.archive.exists(move.name + MANIFEST) and self.archive.exists(move.object)
        known = self._manifest(move) if is_there else {}
        return (known.get("object"), known.get("sha256")) == (move.object, move.sha256)

    def _describe(self, move: Move, file: RowFile, stored: Stored) -> None:
        """The manifest: what is in the object, readable without having it restored."""
        manifest = {
            "source": self.source, "day": move.day.isoformat(), "timeZone": business_days.ZONE.key,
            "object": stored.name, "rows": file.rows, "bytes": stored.size, "sha256": stored.sha256,
            "firstId": file.first_id, "lastId": file.last_id, "created": datetime.now(UTC).isoformat(),
        }  # fmt: skip
        path = file.path.with_name("manifest.json")
        path.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
        try:
            self.archive.put(move.name + MANIFEST, path)
        except AlreadyThere as fault:  # a run that was cut off got so far, at another time
            known = self._manifest(move)
            if {**manifest, "created": known.get("created")} != known:
                text = f"The manifest {move.name}{MANIFEST} describes something else than its object."
                raise ArchiveError(text, permanent=True) from fault

    def _manifest(self, move: Move) -> dict[str, Any]:
        """Empty if it is none."""
        with self.archive.open(move.name + MANIFEST) as stream:
            content = stream.read(MANIFEST_MAX_BYTES)
        try:
            known = json.loads(content)
        except ValueError:
            return {}
        return known if isinstance(known, dict) else {}

    # --- Names -------------------------------------------------------------------------------------------------------
    @property
    def _folder(self) -> str:
        return f"logs/{self.table.database}/{self.table.name}"

    def _name(self, day: date) -> str:
        return f"{self._folder}/{day:%Y}/{day:%m}/{day}"

    def _index(self, day: date) -> str:
        """Apart from the objects, so that one request finds all, also of a day that has no rows any more."""
        return f"{self._folder}/unfinished/{day}{INDEX}"


def _day_of(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
