"""The cursors: one row a stream, which whoever tells of it takes for a while and puts back moved.

While somebody tells, no transaction is open and no lock is held: that a cursor is taken stands in its `next_try_at`.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta

from django.db.models.functions import Now

from executions.audit_feed.streams import Position, Stream
from executions.models import AuditCursor
from jobs.clock import database_now

TAKEN_FOR = timedelta(seconds=60)
COUNTED = ("failures", "last_error", "told", "refused", "skipped", "gave_up_at")


def take_due(streams: Mapping[str, Stream]) -> Iterator[AuditCursor]:
    """Those that are due and now ours. One that is not there yet begins now: its past is not told."""
    there = {cursor.stream: cursor for cursor in AuditCursor.objects.annotate(seen_at=Now())}
    for name, stream in streams.items():
        if name not in there:
            _begin(name, stream)
        elif there[name].next_try_at <= there[name].seen_at and _take(there[name]):
            yield there[name]


def put_back(cursor: AuditCursor, position: Position, *, pause: timedelta) -> None:
    """Unless somebody else has taken it meanwhile, since this process had stood still for too long."""
    row = AuditCursor.objects.filter(stream=cursor.stream, next_try_at=cursor.next_try_at)
    row.update(
        told_until=position.at, last_key=position.key, next_try_at=Now() + pause,
        **{name: getattr(cursor, name) for name in COUNTED},
    )  # fmt: skip


def _begin(name: str, stream: Stream) -> None:
    now = database_now()
    position = stream.beginning(now)
    cursor = AuditCursor(stream=name, told_until=position.at, last_key=position.key, next_try_at=now)
    AuditCursor.objects.bulk_create([cursor], ignore_conflicts=True)


def _take(cursor: AuditCursor) -> bool:
    """Of many who would, only the first finds the row as all of them have seen it."""
    row = AuditCursor.objects.filter(stream=cursor.stream, next_try_at=cursor.next_try_at)
    cursor.next_try_at = database_now() + TAKEN_FOR
    return bool(row.update(next_try_at=cursor.next_try_at))
