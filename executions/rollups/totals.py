"""All that ever ended: the roll-ups and the rows that they do not hold yet, read as of one moment by one statement."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from executions.models import RollupCursor
from executions.rollups import counts
from executions.rollups.folding import EPOCH


@dataclass(frozen=True)
class Totals:
    """Of one job or of all. `finished`: by the API's word for the status. Seconds are floats, bounds as in `counts`."""

    finished: Mapping[str, int]
    retries: int
    ran: int
    duration_seconds: float
    took_at_most: tuple[int, ...]
    fired: int
    lateness_seconds: float
    late_at_most: tuple[int, ...]

    def __add__(self, other: "Totals") -> "Totals":
        return Totals(
            {status: count + other.finished[status] for status, count in self.finished.items()},
            self.retries + other.retries,
            self.ran + other.ran,
            self.duration_seconds + other.duration_seconds,
            tuple(map(sum, zip(self.took_at_most, other.took_at_most, strict=True))),
            self.fired + other.fired,
            self.lateness_seconds + other.lateness_seconds,
            tuple(map(sum, zip(self.late_at_most, other.late_at_most, strict=True))),
        )


NOTHING = Totals(
    dict.fromkeys([name.capitalize() for name in counts.FINISHED], 0), 0, 0, 0.0, (0,) * len(counts.DURATION_BOUNDS),
    0, 0.0, (0,) * len(counts.LATENESS_BOUNDS),
)  # fmt: skip


def totals(*, per_job: bool = True) -> dict[uuid.UUID | None, Totals]:
    """Under None those of all jobs, also of deleted ones; with `per_job` of each job of which anything ended."""
    found: dict[uuid.UUID | None, Totals] = {None: NOTHING}
    with connection.cursor() as cursor:
        cursor.execute(_EACH_JOB if per_job else _ALL_JOBS, {"after": folded_until() or EPOCH, "until": "infinity"})
        for job_id, *row in cursor.fetchall():
            read = _read(row)
            found[job_id] = found[job_id] + read if job_id in found else read
    return found


def folded_until() -> datetime | None:
    """What ended up to then stands in the roll-ups, and the ledger may forget it. None: nothing does yet."""
    return RollupCursor.objects.values_list("folded_until", flat=True).first()


def _read(row: list[Any]) -> Totals:
    ended: dict[str, Any] = dict(zip(counts.COUNTS, row, strict=True))
    return Totals(
        {name.capitalize(): ended[name] for name in counts.FINISHED},
        ended["retries"], ended["ran"], ended["duration_total"], tuple(ended["took_at_most"]),
        ended["fired"], ended["lateness_total"], tuple(ended["late_at_most"]),
    )  # fmt: skip


def _as_of_now(*, rollups: str, job_id: str, grouping: str) -> str:
    """The cursor is asked for twice: `after`, read before, is a plain value, by which the index is found; the other is
    of the same moment as the roll-ups."""
    columns = ", ".join(
        f"extract(epoch FROM {name})::float8" if name.endswith("_total") else name for name in counts.COUNTS
    )
    return f"""
    SELECT job_id, {columns} FROM (
        SELECT job_id, {counts.NAMES} FROM executions_rollup WHERE span = 'Ever' {rollups}
        UNION ALL
        SELECT {job_id}, {counts.COUNTED} FROM ({counts.ENDED}) AS ended
        WHERE completed_at > coalesce((SELECT max(folded_until) FROM executions_rollupcursor), '-infinity')
        {grouping}
    ) AS counted
    """  # noqa: S608 - nothing in it comes from outside


_EACH_JOB = _as_of_now(rollups="", job_id="job_id", grouping="GROUP BY GROUPING SETS ((job_id), ())")
_ALL_JOBS = _as_of_now(rollups="AND job_id IS NULL", job_id="NULL::uuid", grouping="")
