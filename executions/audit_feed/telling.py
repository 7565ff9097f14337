"""One turn of telling: whoever takes a stream's cursor tells of what comes next, and moves the cursor behind it.

The cursor moves after the telling: a crash in between tells twice, never not at all.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from executions.audit_feed import changes, runs
from executions.audit_feed.cursors import put_back, take_due
from executions.audit_feed.sending import POISON_AFTER_FAILURES, send, settled
from executions.audit_feed.streams import LAG, Position, Record, Stream, horizon
from executions.models import AuditCursor
from jobs import gateways
from jobs.clock import database_now
from jobs.failpoints import failpoint
from jobs.gateways.audit import AuditService, Reception, Verdict

logger = logging.getLogger(__name__)

STREAMS: Mapping[str, Stream] = {"changes": changes, "runs": runs}
BATCH = 100
AT_MOST_SECONDS = 10.0  # and the end of the requests that are under way by then
PACE = timedelta(seconds=5)
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=5), timedelta(minutes=5)
WAITS_AT_MOST = timedelta(days=1)


def tell(audit: AuditService | None = None, *, lag: timedelta = LAG) -> int:
    """Tell of what has ended and changed, for AT_MOST_SECONDS; return how many records are done with.

    Without an address of AuditService nothing is done, not even a query. Trouble with it is a line in the log and a
    later try; it never raises. The database's errors it does raise.
    """
    audit = audit or gateways.current().audit
    if not audit.is_configured:
        return 0
    until = time.monotonic() + AT_MOST_SECONDS
    total = 0
    while True:
        done = [_tell(cursor, audit, until=until, lag=lag) for cursor in take_due(STREAMS)]
        total += sum(done)
        if BATCH not in done or time.monotonic() > until:
            return total


def _tell(cursor: AuditCursor, audit: AuditService, *, until: float, lag: timedelta) -> int:
    stream, most = STREAMS[cursor.stream], _how_many(cursor.failures)
    ripe_until = horizon(lag)
    _give_up_the_oldest(cursor, stream, now=database_now())
    position = Position(cursor.told_until, cursor.last_key)
    records = stream.after(position, until=ripe_until, most=most)
    receptions = send(audit, records, until=until)
    failpoint("audit.after_telling")
    done = settled(receptions, failures=cursor.failures)
    if done:
        position = records[len(done) - 1].position
    has_more = len(done) < len(records) or len(records) == most
    if not has_more:
        position = stream.caught_up(position, ripe_until)
    _count(cursor, records, done)
    pause = _pause(cursor, done, receptions[len(done) :]) or (timedelta() if has_more else PACE)
    put_back(cursor, position, pause=pause)
    return len(done)


def _how_many(failures: int) -> int:
    """A sick service is asked with one record; with two, once it may be the record that is sick."""
    if not failures:
        return BATCH
    return 1 if failures < POISON_AFTER_FAILURES else 2


def _give_up_the_oldest(cursor: AuditCursor, stream: Stream, *, now: datetime) -> None:
    oldest = now - WAITS_AT_MOST
    if cursor.told_until >= oldest:
        return
    skipped, position = stream.give_up(Position(cursor.told_until, cursor.last_key), oldest)
    cursor.told_until, cursor.last_key = position.at, position.key
    cursor.skipped += skipped
    if skipped and (cursor.gave_up_at is None or cursor.gave_up_at < oldest):
        cursor.gave_up_at = now
        text = "AuditService was not told of %d %s: they had waited for a day. Further ones are only counted."
        logger.error(text, skipped, cursor.stream)


def _count(cursor: AuditCursor, records: Sequence[Record], done: Sequence[Reception]) -> None:
    refused = [pair for pair in zip(records, done, strict=False) if pair[1].verdict is Verdict.REFUSED]
    cursor.told += len(done) - len(refused)
    cursor.refused += len(refused)
    if refused:
        record, reception = refused[0]
        text = "AuditService refused %d of %d records (%s), the first: %s: %s"
        logger.warning(text, len(refused), len(done), cursor.stream, record.position.key, reception.reason)


def _pause(cursor: AuditCursor, done: Sequence[Reception], left: Sequence[Reception]) -> timedelta | None:
    """How long the service is left in peace if it did not take what is `left`, longer each time; else None."""
    failures = 0 if done else cursor.failures
    cursor.failures = failures + 1 if left else failures
    if not left:
        cursor.last_error = "" if done else cursor.last_error
        return None
    cursor.last_error = left[0].reason
    return min(LONGEST_PAUSE, FIRST_PAUSE * (1 << min(failures, 10)))
