"""What runs now, how far it is and when its end is expected; and how many ran in each step of the last minutes."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from dashboard.charts.bars import Bucket
from dashboard.history import FINE, FINE_STEP, Ended, minute_of
from jobs.enums import ExecutionStatus

# Half of all healthy runs take longer than their job's average: only far beyond it one is said to be long.
LONG_FACTOR, LONG_LEAST = 2, timedelta(seconds=10)


@dataclass(frozen=True)
class Run:
    """`expected_end`: from the job's average; None for its first run."""

    id: UUID
    job_name: str
    started_at: datetime
    progress: int | None
    progress_message: str
    expected_end: datetime | None
    is_long: bool  # it takes far longer than such a run usually does


@dataclass(frozen=True)
class Running:
    """`runs`: the longest first, not more than were asked for of `number`. `starts`: by the step they fall in."""

    runs: Sequence[Run]
    number: int
    starts: Counter[datetime]

    def over_time(self, ended: Iterable[Ended], steps: Sequence[Bucket]) -> list[Bucket]:
        """How many ran at the end of each step; the last one is at this moment. `ended`: of `history.pieces`."""
        ends, count, found = Counter[datetime](), self.number, []
        for each in ended:
            ends[each.begins_at] += each.ran
        for step in reversed(steps):
            found.append(Bucket(step.start, {ExecutionStatus.RUNNING.value: max(0, count)}))
            count += ends[step.start] - self.starts[step.start]
        return found[::-1]


def now_running(now: datetime, *, limit: int) -> Running:
    """By one query."""
    asked: dict[str, Any] = {"fine": minute_of(now - FINE), "step": FINE_STEP, "limit": limit}
    with connection.cursor() as cursor:
        cursor.execute(_RUNNING, asked)
        found: Sequence[Any] = cursor.fetchall()
    runs = [_run(row, now) for row in found if row[0] == "run"]
    number = next((row[4] for row in found if row[0] == "number"), 0)
    return Running(runs, number, Counter({row[3]: row[4] for row in found if row[0] == "starts"}))


def _run(row: Sequence[Any], now: datetime) -> Run:
    _kind, key, name, started_at, progress, message, usual = row
    is_long = usual is not None and now - started_at > max(LONG_FACTOR * usual, usual + LONG_LEAST)
    return Run(key, name, started_at, progress, message, started_at + usual if usual else None, is_long)


# Of what has started lately, that which has ended since is found by its end.
_RUNNING = """
WITH open AS MATERIALIZED (
    SELECT id, job_id, job_name, started_at, progress, progress_message FROM executions_jobexecution
    WHERE status = 'Running'
)
SELECT 'run', newest.id, job_name, started_at, progress::bigint, progress_message, figures.total / figures.count
FROM (SELECT * FROM open ORDER BY started_at LIMIT %(limit)s) AS newest
LEFT JOIN LATERAL (
    SELECT sum(duration_total) AS total, nullif(sum(total), 0)::float8 AS count
    FROM jobs_jobfigures WHERE job_id = newest.job_id
) AS figures ON true
UNION ALL
SELECT 'number', NULL, NULL, NULL, count(*), NULL, NULL FROM open
UNION ALL
SELECT 'starts', NULL, NULL, date_bin(%(step)s, started_at, %(fine)s), count(*), NULL, NULL
FROM (
    SELECT started_at FROM open WHERE started_at >= %(fine)s
    UNION ALL
    SELECT started_at FROM executions_jobexecution WHERE completed_at >= %(fine)s AND started_at >= %(fine)s
) AS started
GROUP BY 4
ORDER BY 1, 4
"""
