"""Rows on their way to cold storage: a file of compressed JSON lines, and beside it what identifies each row."""

import gzip
import hashlib
import io
import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from jobs.base import JobError

CHECK_EVERY_ROWS = 1_000
BUFFER_BYTES = 65_536
# What nearly every entry of an index looks like; to read it as JSON takes three times as long.
PLAIN_ENTRY = re.compile(r'\["([^"\\]*)", "([0-9a-f]{64})"\]\n')


@dataclass(frozen=True)
class RowIndex:
    """A file with the id and the line's SHA-256 of each row, in the order of the rows."""

    path: Path

    def __iter__(self) -> Iterator[tuple[str, bytes]]:
        with self.path.open(encoding="utf-8") as entries:
            for entry in entries:
                plain = PLAIN_ENTRY.fullmatch(entry)
                id, digest = plain.groups() if plain else json.loads(entry)
                yield id, bytes.fromhex(digest)

    def batches(self, size: int) -> Iterator[list[tuple[str, bytes]]]:
        entries = iter(self)
        while batch := list(islice(entries, size)):
            yield batch

    def among(self, rows: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
        """Of rows in the same order, those that are in the index, up to the first one that is not there any more."""
        entries = iter(self)
        wanted = next(entries, None)
        for id, line in rows:
            if wanted == (id, hashlib.sha256(line.encode()).digest()):
                yield id, line
                wanted = next(entries, None)


@dataclass(frozen=True)
class RowFile:
    """`path` goes to the archive."""

    path: Path
    index: RowIndex
    rows: int
    first_id: str
    last_id: str

    def verify(self, *, check_cancelled: Callable[[], None]) -> None:
        """Read it all back from the disk. Raises JobError unless every row is in it, as it came from its table."""
        fault = JobError(f"{self.path.name} cannot be read back as it was written: look at the disk.")
        try:
            with gzip.open(self.path, "rb") as lines:
                for number, (line, entry) in enumerate(zip(lines, self.index, strict=True), 1):
                    if hashlib.sha256(line.rstrip(b"\n")).digest() != entry[1]:
                        raise fault
                    if number % CHECK_EVERY_ROWS == 0:
                        check_cancelled()
        except (gzip.BadGzipFile, zlib.error, EOFError, ValueError) as damage:
            raise fault from damage


def write(path: Path, rows: Iterable[tuple[str, str]], *, check_cancelled: Callable[[], None]) -> RowFile:
    """Write rows, each its id and its line, however many. The same rows make the same file, byte by byte."""
    index = path.with_name(path.name + ".index")
    count, first, last = 0, "", ""
    with (
        path.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0, compresslevel=6) as packed,
        io.BufferedWriter(packed, BUFFER_BYTES) as lines,
        index.open("w", encoding="utf-8") as entries,
    ):
        for id, line in rows:
            data = line.encode()
            lines.write(data + b"\n")
            entries.write(f'[{json.dumps(id)}, "{hashlib.sha256(data).hexdigest()}"]\n')
            count, first, last = count + 1, first or id, id
            if count % CHECK_EVERY_ROWS == 0:
                check_cancelled()
    return RowFile(path, RowIndex(index), rows=count, first_id=first, last_id=last)
