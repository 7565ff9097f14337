"""One session with the mail server kept open between messages, and closed when none has come for a while."""

import os
import threading
from collections.abc import Callable

from jobs.gateways.smtp_connection import Session

IDLE_SECONDS = 5.0
MOST_MESSAGES = 100  # over one session: servers have limits of their own


class Sessions:
    """Each session is in one pair of hands at a time; who finds none ready opens another. `open` may raise."""

    def __init__(self, open: Callable[[], Session], *, idle_seconds: float = IDLE_SECONDS) -> None:
        self._open, self._idle_seconds = open, idle_seconds
        self._lock = threading.Lock()
        self._kept: Session | None = None
        self._process = os.getpid()

    def take(self) -> Session:
        """One that answers just now. Raises what `open` raises; nothing was sent."""
        kept = self._take_kept()
        if kept is not None and kept.is_alive():
            return kept
        if kept is not None:
            kept.leave()
        return self._open()

    def keep(self, session: Session) -> None:
        """A message went through: for the next one, unless another session is kept or this one has served enough."""
        session.messages += 1
        with self._lock:
            is_wanted = self._kept is None and session.messages < MOST_MESSAGES
            if is_wanted:
                self._kept, self._process = session, os.getpid()
        if not is_wanted:
            session.leave()
            return
        timer = threading.Timer(self._idle_seconds, self._leave_idle, [session, session.messages])
        timer.daemon = True
        timer.start()

    def _take_kept(self) -> Session | None:
        with self._lock:
            kept, self._kept = self._kept, None
        # A connection that a process has inherited is still its parent's.
        return kept if self._process == os.getpid() else None

    def _leave_idle(self, session: Session, messages: int) -> None:
        """Unless it has sent another message since."""
        with self._lock:
            if self._kept is not session or session.messages != messages:
                return
            self._kept = None
        session.leave()
