"""Archived log rows brought back into a table: object by object, each verified before its first row is written.

Every column comes back as it was, but for two things that a line of JSON does not tell: JSON's own null, in a column
that may be NULL, is NULL then; and an array begins at 1.
"""

import gzip
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import IO, Any

from jobs import work_folder
from jobs.archived_days import MANIFEST, MANIFEST_MAX_BYTES, ROWS
from jobs.base import JobError
from jobs.downloads import download
from jobs.gateways.archive import Archive
from jobs.gateways.row_tables import Column, RowTable

ROWS_AT_ONCE = 500
BYTES_AT_ONCE = 4 * 1024 * 1024

Say = Callable[[str], None]


@dataclass
class Figures:
    objects: int = 0
    rows: int = 0
    inserted: int = 0  # the others were there already
    left_out: list[str] = field(default_factory=list)  # objects without a manifest

    def add(self, rows: int, inserted: int) -> None:
        self.objects, self.rows, self.inserted = self.objects + 1, self.rows + rows, self.inserted + inserted


@dataclass(frozen=True)
class ArchiveRestore:
    """`source`: what people call the table whose rows were archived: errorservice.Logs."""

    archive: Archive
    source: str
    table: RowTable
    work_folder: Path | None
    say: Say

    def restore(self, first: date, last: date) -> Figures:
        """All days from the first to the last. Raises JobError; what was inserted by then stays, and may be again."""
        if not self.table.has_key:
            raise JobError(
                f"The table {self.table.name} has no primary key, so that a row given twice would be there twice: add"
                " one, or let --create make the table.",
                permanent=True,
            )
        figures = Figures()
        for number in range((last - first).days + 1):
            self._restore_day(first + timedelta(days=number), figures)
        return figures

    def _restore_day(self, day: date, figures: Figures) -> None:
        names = self._names(day)
        for name in sorted(name for name in names if name.endswith(ROWS)):
            manifest = name.removesuffix(ROWS) + MANIFEST
            if manifest in names:
                self._restore_object(name, self._described(manifest, name), figures)
            else:
                figures.left_out.append(name)
                self.say(f"{name}: left out, it has no manifest: its rows have not left their table yet")
        if not names:
            self.say(f"{day}: nothing is archived")

    def _names(self, day: date) -> set[str]:
        """Of the day's objects and manifests: the day's own and those of its further parts."""
        folder = f"logs/{self.source.replace('.', '/', 1)}/{day:%Y}/{day:%m}/"
        kinds = f"(?:{re.escape(ROWS)}|{re.escape(MANIFEST)})"
        pattern = re.compile(re.escape(f"{folder}{day}") + r"(?:\.part-\d+)?" + kinds)
        return {entry.name for entry in self.archive.list(f"{folder}{day}") if pattern.fullmatch(entry.name)}

    def _described(self, manifest: str, name: str) -> dict[str, Any]:
        with self.archive.open(manifest) as stream:
            content = stream.read(MANIFEST_MAX_BYTES)
        try:
            known = json.loads(content)
            about = {"sha256": str(known["sha256"]), "rows": int(known["rows"]), "object": str(known["object"])}
        except (ValueError, TypeError, KeyError) as fault:
            raise JobError(
                f"The manifest {manifest} is damaged: nothing of {name} was restored.", permanent=True
            ) from fault
        if about["object"] != name:
            raise JobError(f"The manifest {manifest} is about {about['object']}, not about {name}.", permanent=True)
        return about

    def _restore_object(self, name: str, about: dict[str, Any], figures: Figures) -> None:
        rows = inserted = 0
        columns: list[Column] = []
        with (
            work_folder.temporary(self.work_folder, "restore-logs") as folder,
            gzip.open(self._fetched(name, about["sha256"], folder), "rt", encoding="utf-8", newline="\n") as lines,
        ):
            for batch in _batches(lines):
                columns = columns or self._columns(batch[0], name)
                rows, inserted = rows + len(batch), inserted + self.table.insert(columns, batch)
        self.say(f"{name}: {rows:,} rows, {inserted:,} inserted, {rows - inserted:,} were there already")
        figures.add(rows, inserted)
        if rows != about["rows"]:
            raise JobError(f"{name} has {rows} rows, and its manifest says {about['rows']}.", permanent=True)

    def _columns(self, line: str, name: str) -> list[Column]:
        """Those of the table that the object's rows have; all rows of an object have the same ones."""
        there, archived = {column.name: column for column in self.table.columns}, json.loads(line)
        if lacking := [column for column in archived if column not in there]:
            named = ", ".join(f'"{column}"' for column in lacking)
            raise JobError(
                f"The table {self.table.name} has no column {named}, which {name} has: nothing of it was restored.",
                permanent=True,
            )
        return [there[column] for column in archived if not there[column].is_generated]

    def _fetched(self, name: str, sha256: str, folder: Path) -> Path:
        """Whole and verified, compressed as it is."""
        path = folder / "rows.gz"
        found = download(self.archive, name, path)
        if found != sha256:
            raise JobError(
                f"{name} is not what was archived: its SHA-256 is {found}, and its manifest says {sha256}."
                " Nothing of it was restored.",
                permanent=True,
            )
        return path


def _batches(lines: IO[str]) -> Iterator[list[str]]:
    """So many rows as are few and small enough to be in memory, and in one statement."""
    batch: list[str] = []
    size = 0
    for line in lines:
        batch.append(line.rstrip("\n"))
        size += len(line)
        if len(batch) == ROWS_AT_ONCE or size >= BYTES_AT_ONCE:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
