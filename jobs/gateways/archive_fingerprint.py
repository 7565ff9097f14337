"""A file's digests as a server that speaks S3 tells them, so that what it keeps can be compared with what we have."""

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from jobs.gateways.archive_contract import READ_BYTES

PARTS_MAX = 10_000  # S3's own limit
INCOMPARABLE = "the server tells neither its SHA-256 nor its MD5"
MD5_ETAG = re.compile(r"[0-9a-f]{32}(-\d+)?")


@dataclass(frozen=True)
class Part:
    """A stretch of a file, with the digests that a server may be asked for."""

    number: int
    offset: int
    size: int
    sha256: bytes
    md5: bytes


@dataclass(frozen=True)
class Fingerprint:
    """A file as the server should have it."""

    size: int
    sha256: str  # of the whole, in hex
    parts: tuple[Part, ...]

    @property
    def checksums(self) -> tuple[str, ...]:
        """What S3 may call its SHA-256: that of the whole, or that of the parts' digests one after another."""
        composite = hashlib.sha256(b"".join(part.sha256 for part in self.parts)).digest()
        return base64_of(bytes.fromhex(self.sha256)), base64_of(composite)

    @property
    def etag(self) -> str:
        if len(self.parts) == 1:
            return self.parts[0].md5.hex()
        whole = hashlib.md5(b"".join(part.md5 for part in self.parts), usedforsecurity=False).hexdigest()
        return f"{whole}-{len(self.parts)}"


def fingerprint_of(path: Path, part_bytes: int) -> Fingerprint:
    """Read the file once, in little memory."""
    size = path.stat().st_size
    part_size = max(part_bytes, -(-size // PARTS_MAX))
    whole = hashlib.sha256()
    with path.open("rb") as file:
        offsets = range(0, max(size, 1), part_size)
        parts = [_part(file, number, at, part_size, whole) for number, at in enumerate(offsets, 1)]
    return Fingerprint(size, whole.hexdigest(), tuple(parts))


def _part(file: IO[bytes], number: int, offset: int, part_size: int, whole: Any) -> Part:
    sha256, md5, read = hashlib.sha256(), hashlib.md5(usedforsecurity=False), 0
    while block := file.read(min(READ_BYTES, part_size - read)):
        read += len(block)
        for digest in (whole, sha256, md5):
            digest.update(block)
    return Part(number, offset, read, sha256.digest(), md5.digest())


def difference(found: Mapping[str, Any], ours: Fingerprint) -> str:
    """In what an object, as `head_object` found it, differs from the file; empty if in nothing."""
    if found["ContentLength"] != ours.size:
        return f"it has {found['ContentLength']} bytes, not {ours.size}"
    checksum = found.get("ChecksumSHA256")
    if checksum:
        # Behind a hyphen some servers tell the number of parts, which proves nothing more.
        return "" if checksum.partition("-")[0] in ours.checksums else "its SHA-256 is another"
    etag = found.get("ETag", "").strip('"')
    if not MD5_ETAG.fullmatch(etag):
        return INCOMPARABLE
    return "" if etag == ours.etag else "its MD5 is another"


def base64_of(digest: bytes) -> str:
    return base64.b64encode(digest).decode()
