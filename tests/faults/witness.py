"""What the bodies themselves wrote down: when each began and ended, whatever the ledger says of it."""

import uuid
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Bodies:
    """Of one attempt. Instants by the machine's monotonic clock; a body that was killed has no end."""

    begins: list[float] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)


def read(path: Path) -> dict[uuid.UUID, Bodies]:
    found: dict[uuid.UUID, Bodies] = defaultdict(Bodies)
    for line in path.read_text().splitlines() if path.exists() else []:
        word, run_id, _reference, _pid, instant = line.split()
        bodies = found[uuid.UUID(run_id)]
        (bodies.begins if word == "begin" else bodies.ends).append(float(instant))
    return dict(found)
