"""What every cold storage promises: objects under names, written once, and verified before anybody relies on them."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Protocol

from jobs.gateways.errors import GatewayError, NotConfigured

READ_BYTES = 1024 * 1024
NAME_MAX_BYTES = 900  # S3 allows 1,024 for prefix and name together
UNFINISHED = ".part"  # what a folder calls an object that is still being written


class ArchiveError(GatewayError):
    """Cold storage did not do what was asked, or what it keeps is not what was sent."""


class AlreadyThere(ArchiveError):
    """Something else is kept under that name. It stays; another name may be tried."""


@dataclass(frozen=True)
class Stored:
    """An object that was verified: what is kept is what was sent. `sha256`: of the whole content, in hex."""

    name: str
    size: int  # bytes
    sha256: str
    location: str  # s3://bucket/name or a path, for people


@dataclass(frozen=True)
class Entry:
    """An object that is kept. `modified` is an aware instant."""

    name: str
    size: int  # bytes
    modified: datetime


def never() -> None:
    """Nobody asks this one to stop."""


class Archive(Protocol):
    """Names are relative, with slashes between their parts. Each verb raises ArchiveError, a wrong name ValueError."""

    def check(self) -> None:
        """Raise unless objects can be written there. Leaves nothing behind."""

    def put(
        self, name: str, path: Path, *, storage_class: str = "STANDARD", check_cancelled: Callable[[], None] = never
    ) -> Stored:
        """Keep the file's content under that name; return once it was found to be there, whole and right.

        The same content under the same name is success. Raises AlreadyThere where another content has the name.
        `check_cancelled` is called between the parts of a large file, and what it raises ends the transfer.
        """

    def exists(self, name: str) -> bool: ...

    def list(self, prefix: str = "") -> Iterator[Entry]:
        """What is kept under names that begin so, in the order of the names."""

    def delete(self, name: str) -> None:
        """Remove it for good. One that is not there is removed already."""

    def open(self, name: str) -> IO[bytes]:
        """The content, to be read once from its beginning."""


@dataclass(frozen=True)
class Unconfigured:
    """The archive of those who have named none: each use says which variable to set."""

    variable: str

    def check(self) -> None:
        raise self._fault

    def put(
        self, name: str, path: Path, *, storage_class: str = "STANDARD", check_cancelled: Callable[[], None] = never
    ) -> Stored:
        raise self._fault

    def exists(self, name: str) -> bool:
        raise self._fault

    def list(self, prefix: str = "") -> Iterator[Entry]:
        raise self._fault

    def delete(self, name: str) -> None:
        raise self._fault

    def open(self, name: str) -> IO[bytes]:
        raise self._fault

    @property
    def _fault(self) -> NotConfigured:
        return NotConfigured("Cold storage", self.variable)


def checked_name(name: str) -> str:
    """The name, if it may be one: relative, no step upwards, nothing that a file system or a URL reads otherwise."""
    parts = name.split("/")
    if len(name.encode(errors="replace")) > NAME_MAX_BYTES or name.endswith(UNFINISHED):
        raise ValueError(f"{name[:100]!r} is too long for the name of an archived object, or ends with {UNFINISHED}.")
    if not name.isprintable() or "\\" in name or any(part.strip() in ("", ".", "..") for part in parts):
        raise ValueError(f"{name[:100]!r} cannot be the name of an archived object: use relative/path/name.")
    return name


def sha256_of(path: Path) -> str:
    """In hex, of a file of any size."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
