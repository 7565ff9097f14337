"""Rows that have ended, of every kind, and a recount of them in Python that knows nothing of roll-ups."""

import random
import uuid
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from executions import dispatch, ids
from executions.models import JobExecution
from executions.rollups import counts
from executions.rollups.totals import NOTHING, Totals
from jobs.models import ScheduledJob

STATUSES = ("Completed", "Failed", "Cancelled", "Skipped", "Missed")
TRIGGERS = ("Schedule", "CatchUp", "Manual", "Retry")
# On the bounds, beside them, between and beyond.
SPANS = (0.0, 0.1, 0.100001, 0.3, 1.0, 2.7, 15.0, 60.0, 899.999999, 3600.0, 3600.000001, 90_000.0)


def a_row(
    job: ScheduledJob,
    completed_at: datetime,
    status: str = "Completed",
    *,
    trigger: str = "Schedule",
    took: float | None = 1.0,
    late: float = 0.0,
    attempt: int = 0,
) -> JobExecution:
    """Not written yet. `took` None: no worker ever had it."""
    due = completed_at - timedelta(seconds=(took or 0) + late)
    return JobExecution(
        id=ids.of_request(completed_at),
        job=job, job_name=job.name, job_type=job.job_type, queue="default", priority=5, trigger=trigger, status=status,
        scheduled_for=None if trigger == "Manual" else due, queued_at=due + timedelta(seconds=late),
        available_at=due, completed_at=completed_at, retry_attempt=attempt,
        started_at=None if took is None else completed_at - timedelta(seconds=took),
        duration=None if took is None else timedelta(seconds=took),
    )  # fmt: skip


def written(*rows: JobExecution) -> Sequence[JobExecution]:
    dispatch.insert(rows)
    return rows


def random_rows(
    dice: random.Random, jobs: Sequence[ScheduledJob], after: datetime, until: datetime
) -> list[JobExecution]:
    """Of some jobs, ended in (after, until]; some at one and the same instant."""
    instants = [after + (until - after) * dice.uniform(0.001, 1) for _ in range(dice.randint(1, 8))]
    rows = []
    for _ in range(dice.randint(0, 40)):
        status, trigger = dice.choice(STATUSES), dice.choice(TRIGGERS)
        took = None if status in ("Skipped", "Missed") or dice.random() < 0.1 else dice.choice(SPANS)
        rows.append(
            a_row(
                dice.choice(jobs), dice.choice(instants), status, trigger=trigger, took=took, late=dice.choice(SPANS),
                attempt=1 if trigger == "Retry" else 0,
            )
        )  # fmt: skip
    return rows


def recount(rows: Iterable[JobExecution]) -> dict[uuid.UUID | None, Totals]:
    """As `totals` tells it."""
    found: dict[uuid.UUID | None, Totals] = {None: NOTHING}
    for row in rows:
        for key in (None, row.job_id):
            found[key] = found.get(key, NOTHING) + _one(row)
    return found


def _one(row: JobExecution) -> Totals:
    counted = replace(NOTHING, finished={**NOTHING.finished, row.status: 1})
    if row.duration is not None:
        seconds = row.duration.total_seconds()
        counted = replace(
            counted, ran=1, duration_seconds=seconds, took_at_most=_places(seconds, counts.DURATION_BOUNDS),
            retries=int(row.retry_attempt > 0),
        )  # fmt: skip
    if row.trigger in ("Schedule", "CatchUp"):
        seconds = (row.queued_at - row.scheduled_for).total_seconds()
        counted = replace(
            counted, fired=1, lateness_seconds=seconds, late_at_most=_places(seconds, counts.LATENESS_BOUNDS)
        )
    return counted


def _places(seconds: float, bounds: Sequence[float]) -> tuple[int, ...]:
    first = bisect_left(bounds, seconds)
    return tuple(int(place >= first) for place in range(len(bounds)))
