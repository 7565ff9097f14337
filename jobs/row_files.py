"""Rows on their way to cold storage: a file of compressed JSON lines, and beside it what identifies each row."""

import gzip
import hashlib
import json
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from jobs.base import JobError

CHECK_EVERY_ROWS = 1_000


@dataclass(frozen=True)
class RowFile:
    """`path` goes to the archive; `index` holds the id and the line's SHA-256 of each row, in the same order."""

    path: Path
    index: Path
    rows: int
    first_id: str
    last_id: str

    def verify(self, *, check_cancelled: Callable[[], None]) -> None:
        """Read it all back from the disk. Raises JobError unless every row is in it, as it came from its table."""
        fault = JobError(f"{self.path.name} cannot be read back as it was written: look at the disk.")
        try:
            with gzip.open(self.path, "rb") as lines:
                for number, (line, entry) in enumerate(zip(lines, self._entries(), strict=True), 1):
                    if hashlib.sha256(line.rstrip(b"\n")).digest() != entry[1]:
                        raise fault
                    if number % CHECK_EVERY_ROWS == 0:
                        check_cancelled()
        except (gzip.BadGzipFile, zlib.error, EOFError, ValueError) as damage:
            raise fault from damage

    def batches(self, size: int) -> Iterator[list[tuple[str, bytes]]]:
        """Id and SHA-256 of the rows, so many at a time."""
        entries = self._entries()
        while batch := list(islice(entries, size)):
            yield batch

    def _entries(self) -> Iterator[tuple[str, bytes]]:
        with self.index.open(encoding="utf-8") as index:
            for line in index:
                id, digest = json.loads(line)
                yield id, bytes.fromhex(digest)


def write(path: Path, rows: Iterable[tuple[str, str]], *, check_cancelled: Callable[[], None]) -> RowFile:
    """Write rows, each its id and its line, however many. The same rows make the same file, byte by byte."""
    index = path.with_name(path.name + ".index")
    count, first, last = 0, "", ""
    with (
        path.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0, compresslevel=6) as lines,
        index.open("w", encoding="utf-8") as entries,
    ):
        for id, line in rows:
            data = line.encode()
            lines.write(data + b"\n")
            entries.write(json.dumps([id, hashlib.sha256(data).hexdigest()]) + "\n")
            count, first, last = count + 1, first or id, id
            if count % CHECK_EVERY_ROWS == 0:
                check_cancelled()
    return RowFile(path, index, rows=count, first_id=first, last_id=last)
