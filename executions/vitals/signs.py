"""Giving the sign: a process says that it has done its work, and a thread of its own keeps the file fresh meanwhile."""

import logging
import os
import threading
import time
from collections.abc import Callable

from executions.vitals import file, reach

logger = logging.getLogger(__name__)

# After an outage: connections that hung in it come to their senses within two minutes.
AFTER_OUTAGE_SECONDS = 150.0


def give(kind: str, said: str, *, holds_for: float) -> None:
    """This process has just done what it is there for. It must say so again within `holds_for` seconds.

    `said` goes on with "The worker ...". Costs nothing: the file is written by the thread.
    """
    sign = _signs.get(kind)
    if sign is None or sign.process_id != os.getpid():  # a child that was forked has none of its parent's threads
        sign = _signs[kind] = Sign(kind)
        sign.give(said, holds_for=holds_for)
        threading.Thread(target=sign.keep_fresh, name=f"vitals-{kind}", daemon=True).start()
    else:
        sign.give(said, holds_for=holds_for)


class Sign:
    """What one process has said last, and until when that holds."""

    def __init__(self, kind: str, absence: Callable[[], str] = reach.absence) -> None:
        self.kind = kind
        self.process_id = os.getpid()
        self.absence = absence
        self.said = ""
        self.given_at = self.holds_until = time.monotonic()
        self.is_stuck = False

    def give(self, said: str, *, holds_for: float) -> None:
        self.said, self.given_at = said, time.monotonic()
        self.holds_until = self.given_at + holds_for

    def keep_fresh(self) -> None:
        """For as long as the process lives."""
        while True:
            try:
                self.write()
            except Exception as fault:  # whatever it is: without this thread the process would be taken for dead
                logger.warning("The sign of life of this %s cannot be written: %s", self.kind, fault)
            time.sleep(file.TOUCHED_EVERY_SECONDS)

    def write(self) -> None:
        """What was said, while it holds; then what is away, which nobody is restarted for; else that it is stuck."""
        if time.monotonic() <= self.holds_until:
            self._write_verdict(file.WORKS, self.said)
        elif away := self.absence():
            self.holds_until = time.monotonic() + AFTER_OUTAGE_SECONDS
            self.said = f"waits. {away}"
            self._write_verdict(file.WORKS, self.said)
        else:
            silent = time.monotonic() - self.given_at
            self._write_verdict(file.STUCK, f"has done nothing for {silent:.0f} seconds. It said last: it {self.said}")

    def _write_verdict(self, verdict: str, said: str) -> None:
        is_stuck = verdict == file.STUCK
        if is_stuck and not self.is_stuck:
            logger.error("This %s %s", self.kind, said)
        self.is_stuck = is_stuck
        file.write(self.kind, verdict, said)


_signs: dict[str, Sign] = {}
