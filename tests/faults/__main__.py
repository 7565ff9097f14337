"""`python -m tests.faults`: the service under a schedule of faults, then an audit of its ledger. See `bin/faults`."""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import django

from tests import environment
from tests.faults.engines import Engines
from tests.faults.members import ROOT
from tests.faults.summary import summary


def options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bin/faults", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=1, help="so many runs, from --seed on")
    parser.add_argument("--short", action="store_true", help="the fixed sequence of bin/test")
    parser.add_argument("--patience", type=float, default=1, help="how many times as long the bounds in seconds are")
    parser.add_argument("--without", default="", help="names of faults to leave out, with commas")
    parser.add_argument("--only", default="", help="names of the only faults")
    parser.add_argument("--figures", type=Path, help="a file for the figures, as JSON")
    parser.add_argument("--keep", action="store_true", help="keep the logs in any case")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> int:
    chosen = options(arguments)
    if chosen.seeds > 1:
        return one_after_another(chosen, arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the stage is cleared on the way out
    folder = Path(tempfile.mkdtemp(prefix="schedulerservice-faults-"))
    print(f"The stage of seed {chosen.seed} is set up in {folder}", flush=True)
    engines = Engines.of(folder)
    os.environ.update(engines.environment)
    os.environ["SCHEDULER_EXTRA_JOB_TYPES"] = "tests.sample_jobs.WitnessJob"
    os.environ["SCHEDULER_WORK_DIR"] = str(folder)
    environment.prepare()
    django.setup()
    from tests.faults import run

    is_right = False
    try:
        is_right = run.whole(folder, engines, chosen)
    finally:
        if is_right and not chosen.keep:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            print(f"The logs are kept in {folder / 'log'}")
    return int(not is_right)


def one_after_another(chosen: argparse.Namespace, arguments: Sequence[str]) -> int:
    """Each seed in a process of its own; the sum of all at the end."""
    found, failed = [], []
    for seed in range(chosen.seed, chosen.seed + chosen.seeds):
        with tempfile.NamedTemporaryFile(suffix=".json") as file:
            words = [*arguments, "--seed", str(seed), "--seeds", "1", "--figures", file.name]
            done = subprocess.run([sys.executable, "-m", "tests.faults", *words], cwd=ROOT, check=False)
            text = Path(file.name).read_text()
        found.append(json.loads(text) if text else {"seed": seed})
        failed += [seed] if done.returncode else []
    print(summary(found))
    if failed:
        print("Bounds were broken with", ", ".join(f"--seed {seed}" for seed in failed))
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
