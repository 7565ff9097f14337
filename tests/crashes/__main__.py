"""`python -m tests.crashes`: each job is killed at each dangerous point and at random ones. See `bin/crashes`."""

import argparse
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import django

from tests import engines, environment

REPORT = Path("var/crashes.md")


def options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bin/crashes", description=__doc__)
    parser.add_argument("--kills", type=int, default=20, help="of each job at each crash point (20)")
    parser.add_argument("--seed", type=int, default=1, help="of the random moments (1)")
    parser.add_argument("--only", default="", help="jobs whose names hold one of these words, with commas")
    parser.add_argument("--report", type=Path, default=REPORT, help=f"a file for the table ({REPORT})")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> int:
    chosen = options(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the engines end on the way out
    os.environ.setdefault("SCHEDULER_LOG_LEVEL", "ERROR")  # that children die is no news here
    environment.prepare()
    engines.start_engines()
    django.setup()
    from tests.crashes import run

    folder = Path(tempfile.mkdtemp(prefix="schedulerservice-crashes-"))
    is_right = False
    try:
        is_right = run.whole(folder, chosen)
    finally:
        if is_right:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            print(f"What was written is kept in {folder}")
    return int(not is_right)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
