"""Folding: the rows of the ledger that have ended since the last time are added to the roll-ups, each exactly once.

The roll-ups and the cursor that says how far they go change in one transaction. Nothing can come before the cursor any
more: it stays behind every transaction that is still open.
"""

from datetime import UTC, datetime, timedelta

from django.db import connection, transaction

from executions.audit_feed.streams import LAG, horizon
from executions.models import Rollup, RollupCursor, Span
from executions.rollups import counts
from jobs import sessions
from jobs.clock import database_now
from jobs.failpoints import failpoint

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ROWS_PER_BATCH = 20_000
MINUTES_KEPT, HOURS_KEPT = timedelta(hours=48), timedelta(days=731)
TICK = timedelta(microseconds=1)


def fold(*, lag: timedelta = LAG, most: int = ROWS_PER_BATCH) -> datetime | None:
    """Add all that has ended, about `most` rows at a time; return up to when. None: another process is at it."""
    while True:
        with transaction.atomic():
            sessions.end_if_frozen()
            after = take_cursor()
            if after is None:
                return None
            ripe = horizon(lag) - TICK
            until = add(after, ripe, most=most) if ripe > after else after
            if until.date() > after.date():
                _forget_what_is_old()
            failpoint("rollups.before_commit")
        if until >= ripe:
            return until


def add(after: datetime, ripe: datetime, *, most: int = ROWS_PER_BATCH) -> datetime:
    """Add the next batch of what ended after `after` and not after `ripe`, and move the cursor; return where to.

    In the transaction that holds the cursor.
    """
    until = _end_of_batch(after, ripe, most)
    with connection.cursor() as cursor:
        cursor.execute(_ADD, {"after": after, "until": until, "epoch": EPOCH})
    RollupCursor.objects.update(folded_until=until)
    return until


def take_cursor(*, wait: bool = False) -> datetime | None:
    """How far the roll-ups go, locked until the transaction ends. None: somebody else has it."""
    RollupCursor.objects.bulk_create([RollupCursor(folded_until=EPOCH)], ignore_conflicts=True)
    found = RollupCursor.objects.select_for_update(skip_locked=not wait).values_list("folded_until", flat=True)
    return found.first()


def _end_of_batch(after: datetime, ripe: datetime, most: int) -> datetime:
    """Where so many rows have ended; what ended at one instant stays together."""
    with connection.cursor() as cursor:
        cursor.execute(_END_OF_BATCH, {"after": after, "ripe": ripe, "place": most - 1})
        row = cursor.fetchone()
    return row[0] if row else ripe


def _forget_what_is_old() -> None:
    now = database_now()
    Rollup.objects.filter(span=Span.MINUTE, begins_at__lt=now - MINUTES_KEPT).delete()
    Rollup.objects.filter(span=Span.HOUR, begins_at__lt=now - HOURS_KEPT).delete()


_END_OF_BATCH = """
SELECT completed_at FROM executions_jobexecution WHERE completed_at > %(after)s AND completed_at <= %(ripe)s
ORDER BY completed_at OFFSET %(place)s LIMIT 1
"""
_ADD = f"""
INSERT INTO executions_rollup AS rollup (span, begins_at, job_id, {counts.NAMES})
SELECT
    CASE WHEN minute IS NOT NULL THEN 'Minute' WHEN hour IS NOT NULL THEN 'Hour' ELSE 'Ever' END,
    coalesce(minute, hour, %(epoch)s), job_id, {counts.counted_unless("hour IS NOT NULL AND job_id IS NOT NULL")}
FROM (
    SELECT *, date_trunc('minute', completed_at, 'UTC') AS minute, date_trunc('hour', completed_at, 'UTC') AS hour
    FROM ({counts.ENDED}) AS ended
) AS ended
GROUP BY GROUPING SETS ((minute), (hour), (hour, job_id), (job_id), ())
HAVING count(*) > 0
ON CONFLICT (span, job_id, begins_at) DO UPDATE SET {counts.added_to("rollup")}
"""  # noqa: S608 - nothing in it comes from outside
