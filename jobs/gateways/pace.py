"""How many rows one statement takes on, so that it keeps its locks for a moment only, whatever rows it meets."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

# Half of the 200 ms for which nobody shall have to wait: the next rows may be twice as heavy.
LOCK_SECONDS = 0.1
FIRST_ROWS = 100


@dataclass
class Pace:
    """Learns from each statement: one that took too long makes the next ones smaller, a quick one lets them double.

    `seconds`: how long one may take. `rows`: what is tried next.
    """

    seconds: float = LOCK_SECONDS
    rows: int = FIRST_ROWS

    def sizes(self, total: int) -> Iterator[int]:
        """How many rows to take on next, until it is `total`; what happens until the next is asked for is measured."""
        while total > 0:
            size = min(self.rows, total)
            began = time.monotonic()
            yield size
            self.learn(size, time.monotonic() - began)
            total -= size

    def learn(self, size: int, seconds: float) -> None:
        if seconds > self.seconds:
            self.rows = max(1, int(size * self.seconds / seconds))
        elif seconds < self.seconds / 2 and size == self.rows:  # fewer rows say nothing about as many
            self.rows *= 2
