"""Whether the kernel has killed processes of this machine's (or container's) memory group for want of memory."""

from contextlib import suppress
from pathlib import Path

EVENTS = Path("/sys/fs/cgroup/memory.events")  # of control groups, version 2


def kills(events: Path = EVENTS) -> int | None:
    """How many so far; None where the kernel does not say."""
    with suppress(OSError, ValueError):
        for line in events.read_text().splitlines():
            name, _space, count = line.partition(" ")
            if name == "oom_kill":
                return int(count)
    return None


class Shortage:
    """Remembers how many kills are known already: what the kernel did long ago did not end this process."""

    def __init__(self, events: Path = EVENTS) -> None:
        self._events = events
        self._known = kills(events)

    def has_struck(self) -> bool:
        """Since this was last asked."""
        before, self._known = self._known, kills(self._events)
        return self._known is not None and self._known != before
