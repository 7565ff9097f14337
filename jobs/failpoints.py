"""Named places at which a process can be made to kill itself, so that crash tests are exact.

SCHEDULER_FAILPOINT=name[:n] makes the n-th passing of `name` (default the first) a SIGKILL.
Unset, it costs a comparison.
"""

import os
import signal

_name, _left = "", 0


def arm(where: str) -> None:
    """From now on, in this process: `name[:n]`; empty for none."""
    global _name, _left  # noqa: PLW0603 - a process counts its own passings
    _name, _separator, nth = where.partition(":")
    _left = int(nth or 1)


def failpoint(name: str) -> None:
    if name == _name:
        _pass()


def _pass() -> None:
    global _left  # noqa: PLW0603
    _left -= 1
    if _left == 0:
        os.kill(os.getpid(), signal.SIGKILL)


arm(os.environ.get("SCHEDULER_FAILPOINT", ""))
