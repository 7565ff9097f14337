"""What a person sees of `bin/up`: one line a step with its seconds, events, and where everything is."""

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

STEP_WIDTH = 46


def say(text: str) -> None:
    """A line. A terminal that is gone must not stop a stop."""
    with suppress(OSError, ValueError):
        print(text, flush=True)


@contextmanager
def step(title: str) -> Iterator[None]:
    """Says the step and, when it has ended well, its seconds."""
    started = time.monotonic()
    with suppress(OSError, ValueError):
        sys.stdout.write(f"  {title} ".ljust(STEP_WIDTH, "."))
        sys.stdout.flush()
    try:
        yield
    except BaseException:
        say("")
        raise
    say(f" {time.monotonic() - started:.1f} s")


def say_event(text: str) -> None:
    say(f"{time.strftime('%H:%M:%S')}  {text}")


def say_table(title: str, rows: Mapping[str, str]) -> None:
    width = max(map(len, rows)) + 3
    say(f"\n{title}\n")
    for name, value in rows.items():
        say(f"  {name.ljust(width)}{value}")
    say("")
