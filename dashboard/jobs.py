"""The jobs as a list shows them: how each has gone lately, by one query for the page's jobs together."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median, quantiles

from django.db import connection

from dashboard.charts.strip import Outcome, Strip, strip
from executions.models import JobExecution
from jobs.models import ScheduledJob

SHOWN = 30  # the last outcomes of each


@dataclass(frozen=True)
class Last:
    """The newest run. `since`: when it began, or was queued if it has not begun."""

    id: uuid.UUID
    status: str
    reason: str
    since: datetime


@dataclass(frozen=True)
class Line:
    """One job. The percentiles are of its last runs' durations; None before the first."""

    job: ScheduledJob
    last: Last | None
    strip: Strip
    median: timedelta | None
    p95: timedelta | None


def lines(jobs: Sequence[ScheduledJob]) -> list[Line]:
    """By the index on (job, id): a short look for each job, however long its history is."""
    with connection.cursor() as cursor:
        cursor.execute(_LATELY, {"jobs": [job.id for job in jobs], "shown": SHOWN})
        lately = {row[0]: (Last(*row[1:5]), _outcomes(*row[5:])) for row in cursor.fetchall()}
    return [_line(job, *lately.get(job.id, (None, []))) for job in jobs]


def line(job: ScheduledJob, runs: Sequence[JobExecution]) -> Line:
    """`runs`: the newest first."""
    last = runs[0] if runs else None
    return _line(
        job,
        Last(last.id, last.status, last.reason, last.started_at or last.queued_at) if last else None,
        [Outcome(run.status, run.scheduled_for or run.queued_at, run.duration) for run in runs],
    )


def _line(job: ScheduledJob, last: Last | None, runs: Sequence[Outcome]) -> Line:
    durations = sorted(run.duration.total_seconds() for run in runs if run.duration is not None)
    return Line(
        job, last, strip(runs, places=SHOWN), timedelta(seconds=median(durations)) if durations else None,
        timedelta(seconds=quantiles(durations, n=20, method="inclusive")[-1]) if len(durations) > 1 else None,
    )  # fmt: skip


def _outcomes(statuses: Sequence[str], due_at: Sequence[float], took: Sequence[float | None]) -> list[Outcome]:
    """Instants and durations come as seconds, which are read much faster than what they stand for."""
    return [
        Outcome(status, datetime.fromtimestamp(at, UTC), None if seconds is None else timedelta(seconds=seconds))
        for status, at, seconds in zip(statuses, due_at, took, strict=True)
    ]


_LATELY = """
SELECT wanted.id, lately.*
FROM unnest(%(jobs)s::uuid[]) AS wanted (id)
CROSS JOIN LATERAL (
    SELECT (array_agg(id))[1], (array_agg(status))[1], (array_agg(reason))[1],
        (array_agg(coalesce(started_at, queued_at)))[1], array_agg(status),
        array_agg(extract(epoch FROM coalesce(scheduled_for, queued_at))::float8),
        array_agg(extract(epoch FROM duration)::float8)
    FROM (
        SELECT id, status, reason, scheduled_for, queued_at, started_at, duration
        FROM executions_jobexecution WHERE job_id = wanted.id ORDER BY id DESC LIMIT %(shown)s
    ) AS newest
    HAVING count(*) > 0
) AS lately
"""
