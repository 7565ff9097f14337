"""A whole run by the command's options: play, audit, report."""

import argparse
import json
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

from executions import comparison
from tests.faults import delays, play, report, schedule
from tests.faults.audit import Facts, Finding, audit, said
from tests.faults.delays import Course
from tests.faults.engines import Engines
from tests.faults.facts import fetch, write_down
from tests.faults.faults import FAULTS, Fault
from tests.faults.load import Load
from tests.faults.stage import Stage, opened

MOST_SHOWN = 30
LOOK_BACK = timedelta(days=1)  # longer than any run
SHORT_SECONDS = 27.0


def whole(folder: Path, engines: Engines, chosen: argparse.Namespace) -> bool:
    """Whether every bound was kept."""
    seed, length = str(chosen.seed), SHORT_SECONDS if chosen.short else chosen.minutes * 60
    events = schedule.short(seed) if chosen.short else schedule.drawn(seed, length, table(chosen))
    with opened(folder, seed, engines) as stage:
        load = Load(seed, stage.witness_file)
        rest = play.play(stage, load, events, length)
        figures = judged(stage, load, rest)
    print(report.table(figures))
    if chosen.figures:
        chosen.figures.write_text(json.dumps(figures.as_json()))
    broken = figures.broken(chosen.patience)
    print("\n".join(["Broken bounds:", *broken]) if broken else "All bounds were kept.")
    return not broken


def judged(stage: Stage, load: Load, rest: float | None) -> report.Figures:
    facts, course = fetch(stage.witness_file, load.accepted), play.course(stage)
    findings = audit(facts)
    write_down(facts, course, stage.folder / "log")
    for line in [*_told(findings), *_late(facts, course), *_exits(stage), *stage.orphans, *load.surprises]:
        print(line)
    account = comparison.compare(facts.at - LOOK_BACK, facts.at)
    unaccounted = account.unaccounted + account.unplanned + account.pending
    return report.figures(stage, load, facts, findings, course, unaccounted=unaccounted, rest=rest)


def _told(findings: Sequence[Finding]) -> list[str]:
    return [f"{finding.kind.value}: {finding.text}" for finding in findings[:MOST_SHOWN]]


def _late(facts: Facts, course: Course) -> Iterator[str]:
    for row, seconds in delays.rescues(course, facts.rows):
        if seconds is None or seconds > report.RESCUE_SECONDS:
            yield f"rescue: {said(row)} was closed at {row.completed_at:%H:%M:%S}, {seconds or '?'} s after its loss"
    for what, taken in delays.after_leaders(course):
        if taken is None or taken > report.AFTER_LEADER_SECONDS:
            yield f"leader: {what}; something fired again {taken or '?'} s later"


def _exits(stage: Stage) -> Iterator[str]:
    for life in stage.lives:
        if life.is_unexpected:
            yield f"exit: {life.member}, process {life.pid}, ended by itself, {life.exit_code}:\n{life.last_words}"


def table(chosen: argparse.Namespace) -> list[Fault]:
    only, without = set(filter(None, chosen.only.split(","))), set(chosen.without.split(","))
    return [fault for fault in FAULTS if fault.name not in without and (fault.name in only if only else fault.is_met)]
