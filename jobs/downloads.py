"""An object of cold storage brought to this machine's disk."""

import hashlib
from pathlib import Path

from jobs.gateways.archive import Archive
from jobs.gateways.archive_contract import READ_BYTES


def download(archive: Archive, name: str, path: Path) -> str:
    """Its content's SHA-256 in hex, computed as it came in."""
    digest = hashlib.sha256()
    with archive.open(name) as stream, path.open("wb") as copy:
        while block := stream.read(READ_BYTES):
            digest.update(block)
            copy.write(block)
    return digest.hexdigest()
