"""Cold storage in a folder: a disk of its own, or one that is mounted from elsewhere."""

import errno
import hashlib
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from jobs.failpoints import failpoint
from jobs.gateways.archive_contract import (
    READ_BYTES,
    UNFINISHED,
    AlreadyThere,
    ArchiveError,
    Entry,
    Stored,
    checked_name,
    never,
    sha256_of,
)

# Somebody has to mend these; a full or failing disk, or one that has come loose, may be well again by itself.
PERMANENT = frozenset(
    {
        errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ENAMETOOLONG,
        errno.ELOOP, errno.EXDEV, errno.ENOTSUP,
    }
)  # fmt: skip
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
# What a run that was killed left half written is removed after this.
LEFT_BEHIND_AFTER_SECONDS = 24 * 3600


@dataclass(frozen=True)
class FolderArchive:
    """`folder`: its whole path; it is made where it is missing. Storage classes mean nothing here."""

    folder: str
    variable: str

    def check(self) -> None:
        with self._told():
            self._root.mkdir(parents=True, exist_ok=True)
            # Anywhere: into a folder of a month that is over nothing is written any more.
            _remove_left_behind(path for path in self._files() if path.suffix == UNFINISHED)
            with tempfile.NamedTemporaryFile(dir=self._root, prefix=".check-", suffix=UNFINISHED) as probe:
                probe.write(b"written to see whether that is possible")
                probe.flush()
                os.fsync(probe.fileno())

    def put(
        self, name: str, path: Path, *, storage_class: str = "STANDARD", check_cancelled: Callable[[], None] = never
    ) -> Stored:
        target = self._root / checked_name(name)
        with self._told():
            size, digest = path.stat().st_size, sha256_of(path)
            target.parent.mkdir(parents=True, exist_ok=True)
            _remove_left_behind(target.parent.glob("*" + UNFINISHED))
            is_new = not target.exists() and self._write(path, target, digest, check_cancelled)
            if not is_new and sha256_of(target) != digest:
                raise AlreadyThere(f"{target} is there already, with another content.")
        return Stored(name=name, size=size, sha256=digest, location=str(target))

    def exists(self, name: str) -> bool:
        with self._told():
            return (self._root / checked_name(name)).is_file()

    def list(self, prefix: str = "") -> Iterator[Entry]:
        with self._told():
            found = [path for path in self._files(prefix) if path.suffix != UNFINISHED]
            entries = [(path.relative_to(self._root).as_posix(), path.stat()) for path in found]
        for name, about in sorted(entries):
            if name.startswith(prefix):
                yield Entry(name, size=about.st_size, modified=datetime.fromtimestamp(about.st_mtime, UTC))

    def delete(self, name: str) -> None:
        target = self._root / checked_name(name)
        with self._told(), suppress(FileNotFoundError):
            target.unlink()
            self._keep(target.parent)

    def open(self, name: str) -> IO[bytes]:
        with self._told():
            return (self._root / checked_name(name)).open("rb")

    # --- How ---------------------------------------------------------------------------------------------------------
    @property
    def _root(self) -> Path:
        return Path(self.folder)

    def _files(self, prefix: str = "") -> Iterator[Path]:
        """Files in and below the folder that the prefix leads to."""
        below = self._root / prefix.rpartition("/")[0]
        for folder, _folders, names in os.walk(below, onerror=_raise_unless_missing):
            yield from (Path(folder) / name for name in names)

    def _write(self, path: Path, target: Path, digest: str, check_cancelled: Callable[[], None]) -> bool:
        """Write beside it, read it back, and only then give it its name; False if somebody else took that."""
        handle, unfinished = tempfile.mkstemp(dir=target.parent, prefix=target.name[:100] + ".", suffix=UNFINISHED)
        try:
            with os.fdopen(handle, "w+b") as copy, path.open("rb") as file:
                while block := file.read(READ_BYTES):
                    check_cancelled()
                    copy.write(block)
                if _read_back(copy) != digest:
                    raise ArchiveError(f"{target.parent} gave back something else than was written: look at the disk.")
            failpoint("archive.in_write")
            os.link(unfinished, target)
        except FileExistsError:
            return False
        finally:
            Path(unfinished).unlink()
            self._keep(target.parent)
        return True

    def _keep(self, folder: Path) -> None:
        """A name is as durable as the folders that lead to it."""
        while True:
            handle = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
            if folder in (self._root, folder.parent):
                return
            folder = folder.parent

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as fault:
            raise self._explained(fault) from fault

    def _explained(self, fault: OSError) -> ArchiveError:
        where = fault.filename or self.folder
        remedy = f"Look at {self.variable}."
        if fault.errno in FULL:
            remedy = f"There is no room left in {self.folder}: make some, or set {self.variable} to another folder."
        elif fault.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            remedy = f"This service must be able to write to {self.folder} ({self.variable}), with hard links."
        text = f"Cold storage: {where}: {fault.strerror or fault}. {remedy}"
        return ArchiveError(text, permanent=fault.errno in PERMANENT)


def _read_back(copy: IO[bytes]) -> str:
    """The SHA-256 in hex; of what the disk has and not of what memory still holds, where a system tells them apart."""
    copy.flush()
    os.fsync(copy.fileno())
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(copy.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    copy.seek(0)
    return hashlib.file_digest(copy, "sha256").hexdigest()  # type: ignore[arg-type]


def _raise_unless_missing(fault: OSError) -> None:
    if not isinstance(fault, FileNotFoundError):
        raise fault


def _remove_left_behind(unfinished: Iterable[Path]) -> None:
    for path in unfinished:
        with suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > LEFT_BEHIND_AFTER_SECONDS:
                path.unlink()
