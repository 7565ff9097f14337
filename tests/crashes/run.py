"""A whole run by the command's options: every case at every point, then the report."""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from django.core.management import call_command

from tests.crashes import report
from tests.crashes.case import OF_EVERY_RUN, Case
from tests.crashes.cases import CASES
from tests.crashes.play import Play, Row
from tests.crashes.stage import Stage, opened


def whole(folder: Path, chosen: argparse.Namespace) -> bool:
    """Whether every invariant holds in every row."""
    call_command("migrate", interactive=False, verbosity=0)
    rows, began = [], time.monotonic()
    wanted = [word.lower() for word in chosen.only.split(",")]
    with opened(folder) as stage:
        for case in (kind() for kind in CASES):
            if any(word in case.name.lower() for word in wanted):
                for row in rows_of(stage, case, kills=chosen.kills, seed=chosen.seed):
                    print(f"{time.monotonic() - began:6.0f} s  {report.line(row)}", flush=True)
                    rows.append(row)
    text = report.whole(rows, chosen.seed)
    chosen.report.parent.mkdir(parents=True, exist_ok=True)
    chosen.report.write_text(text)
    print(f"\n{text}")
    return bool(rows) and all(row.is_right for row in rows)


def rows_of(stage: Stage, case: Case[Any], *, kills: int, seed: int) -> Iterator[Row]:
    """So many kills at each point and at random ones; a quarter as many runs in pairs."""
    play = Play(stage, case, Random(f"{seed}/{case.name}"))
    row, seconds = play.undisturbed()
    yield row
    for point in (*case.points, *OF_EVERY_RUN):
        yield play.at_a_point(point, kills=kills)
    yield play.at_random(kills=kills, within=seconds)
    yield play.together(rounds=max(1, kills // 4))
    yield play.one_of_two(kills=max(1, kills // 4), within=seconds)
