"""The figures of a run, whether they keep their bounds, and the table that people read."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from jobs.enums import Reason
from tests.faults import delays
from tests.faults.audit import Facts, Finding, count
from tests.faults.load import Load
from tests.faults.stage import Stage
from tests.faults.witness import Bodies

RESCUE_SECONDS = 60.0
AFTER_LEADER_SECONDS = 15.0
AFTER_DATABASE_SECONDS = 5.0
STANDSTILL_SECONDS = 15.0


@dataclass(frozen=True)
class Figures:
    seed: str
    faults: Mapping[str, int]
    due_times: int
    runs: int
    attempts: int
    bodies: int
    findings: Mapping[str, int]
    unaccounted: int  # by the service's own check, and what it calls unplanned or still pending
    worker_lost: int
    lost_without_cause: int
    ran_on: int  # bodies that came to their end although their attempt was given up: what no ledger can prevent
    rescue: float | None
    after_leader: float | None
    after_database: float | None
    standstill: float | None  # the longest without a fire for which there was no such reason
    never_fired: int  # after how many of these nothing fired any more
    unexpected_exits: int
    orphans: int  # processes that were still there when all had been asked to end
    surprises: int
    rest: float | None

    def broken(self, patience: float = 1.0) -> list[str]:
        """The bounds that were not kept; those in seconds are given `patience` times as long."""
        counts = {
            **self.findings,
            "unaccounted": self.unaccounted,
            "never fired": self.never_fired,
            "lost without a cause": self.lost_without_cause,
            "unexpected exits": self.unexpected_exits,
            "orphans": self.orphans,
            "surprises": self.surprises,
        }
        seconds = (
            ("rescue", self.rescue, RESCUE_SECONDS),
            ("after the loss of a leader", self.after_leader, AFTER_LEADER_SECONDS),
            ("after the database's return", self.after_database, AFTER_DATABASE_SECONDS),
            ("standstill", self.standstill, STANDSTILL_SECONDS),
        )
        broken = [f"{name}: {number}" for name, number in counts.items() if number]
        broken += [
            f"{name}: {taken:.1f} s, the bound is {bound:.0f} s"
            for name, taken, bound in seconds
            if taken is not None and taken > bound * patience
        ]
        return broken + ([] if self.rest is not None else ["the service did not come to rest"])

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def figures(
    stage: Stage, load: Load, facts: Facts, findings: Sequence[Finding], course: delays.Course, **more: Any
) -> Figures:
    rescues = [seconds for _row, seconds in delays.rescues(course, facts.rows)]
    after_leaders = [seconds for _what, seconds in delays.after_leaders(course)]
    after_outages = delays.after_outages(course)
    return Figures(
        seed=stage.seed,
        faults=stage.faults,
        due_times=sum(bool(row.scheduled_for) and not row.is_retry for row in facts.rows),
        runs=len(facts.attempts),
        attempts=len(facts.rows),
        bodies=sum(len(bodies.begins) for bodies in facts.bodies.values()),
        findings=count(findings),
        worker_lost=len(rescues),
        lost_without_cause=rescues.count(None),
        ran_on=sum(
            row.reason == Reason.WORKER_LOST and bool(facts.bodies.get(row.id, Bodies()).ends) for row in facts.rows
        ),
        rescue=_longest(rescues),
        after_leader=_longest(after_leaders),
        after_database=_longest(after_outages),
        standstill=_longest(delays.standstills(course)),
        never_fired=[*after_leaders, *after_outages].count(None),
        unexpected_exits=sum(life.is_unexpected for life in stage.lives),
        orphans=len(stage.orphans),
        surprises=len(load.surprises),
        **more,
    )


def _longest(seconds: Any) -> float | None:
    return max((one for one in seconds if one is not None), default=None)


def table(figures: Figures) -> str:
    lines = [f"  {name:40} {number}" for name, number in sorted(figures.faults.items())]
    rows: list[tuple[str, Any]] = [
        ("due times", figures.due_times), ("runs", figures.runs), ("attempts", figures.attempts),
        ("bodies", figures.bodies), ("lost to a dead worker, tried again", figures.worker_lost),
        ("of these, bodies that ran on all the same", figures.ran_on), *figures.findings.items(),
        ("unaccounted, by the service", figures.unaccounted),
        ("closed as lost without a loss", figures.lost_without_cause),
        ("longest rescue", _seconds(figures.rescue)),
        ("longest, leader's loss to next fire", _seconds(figures.after_leader)),
        ("longest, database's return to fire", _seconds(figures.after_database)),
        ("longest without a fire for no such reason", _seconds(figures.standstill)),
        ("nothing fired any more", figures.never_fired), ("until rest", _seconds(figures.rest)),
        ("unexpected exits", figures.unexpected_exits), ("orphans", figures.orphans), ("surprises", figures.surprises),
    ]  # fmt: skip
    return "\n".join([f"seed {figures.seed}: {sum(figures.faults.values())} faults", *lines,
                      *(f"{name:42} {value}" for name, value in rows)])  # fmt: skip


def _seconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.1f} s"
