"""`python -m benchmarks`: the benchmarks of benchmarks/table.py, all or those named. See `bin/bench`."""

import argparse
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from benchmarks import results, stage
from benchmarks.options import Options
from benchmarks.table import BENCHMARKS


def main(arguments: Sequence[str]) -> int:
    chosen = parsed(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is ended on the way out
    options = Options(sizes=chosen.rows, rounds=chosen.rounds, only=chosen.only)
    folder = Path(tempfile.mkdtemp(prefix="schedulerservice-bench-"))
    is_done = False
    try:
        with stage.opened(folder) as opened:
            for name in chosen.names or BENCHMARKS:
                options.tell(f"--- {name}")
                text = import_module(BENCHMARKS[name]).run(opened, options)
                results.write(chosen.results, name, text)
                print(f"\n{text}", flush=True)
        is_done = True
    finally:
        if is_done and not chosen.keep:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            print(f"The logs are kept in {folder / 'log'}")
    return 0


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bin/bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; without: all")
    parser.add_argument(
        "--rows", type=sizes, default=(), help="sizes in the place of the benchmark's own: 10000,100000"
    )
    parser.add_argument("--rounds", type=int, help="so many of each size, in the place of the benchmark's own")
    parser.add_argument("--only", type=words, default=(), help="some cases of a benchmark: tokens,logs")
    parser.add_argument("--results", type=Path, default=results.FILE, help="where the figures are written down")
    parser.add_argument("--keep", action="store_true", help="keep logs and data in any case")
    chosen = parser.parse_args(arguments)
    if unknown := [name for name in chosen.names if name not in BENCHMARKS]:
        parser.error(f"{unknown[0]} is none of {', '.join(BENCHMARKS)}")
    return chosen


def sizes(text: str) -> tuple[int, ...]:
    return tuple(int(word.replace("_", "")) for word in words(text))


def words(text: str) -> tuple[str, ...]:
    return tuple(filter(None, text.split(",")))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
