"""Keys of executions: uuids in the layout of version 7 that say when, and for scheduled runs also which (SPEC §2).

The time part of a scheduled run is its due time and the other bits are a hash of (job, due time): the primary key alone
makes a due time unique, however many beats insert it. Ids sort by due time, and the ledger is partitioned by them.
"""

import hashlib
import secrets
import uuid
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def of_due_time(job_id: uuid.UUID, scheduled_for: datetime) -> uuid.UUID:
    """The one id of this due time's first attempt."""
    ordinal = (scheduled_for - _EPOCH) // timedelta(microseconds=1)
    return _version_7(_milliseconds(scheduled_for), _digest(job_id.bytes, ordinal.to_bytes(8, "big", signed=True)))


def of_request(asked_at: datetime) -> uuid.UUID:
    """A fresh id for a run that somebody asked for."""
    return _version_7(_milliseconds(asked_at), secrets.token_bytes(16))


def of_retry(first_attempt: uuid.UUID, attempt: int) -> uuid.UUID:
    """The one id of attempt number `attempt` (1 = first retry): it sorts beside its first attempt."""
    return _version_7(first_attempt.int >> 80, _digest(first_attempt.bytes, attempt.to_bytes(2, "big")))


def floor(instant: datetime) -> uuid.UUID:
    """The smallest id whose time part is `instant`: a bound for partitions and for searches by time."""
    return uuid.UUID(int=_milliseconds(instant) << 80)


def instant(execution_id: uuid.UUID) -> datetime:
    """The time part of an id, in whole milliseconds, UTC."""
    return _EPOCH + (execution_id.int >> 80) * _MILLISECOND


def _milliseconds(at: datetime) -> int:
    return (at - _EPOCH) // _MILLISECOND


def _digest(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()[:16]


def _version_7(milliseconds: int, other: bytes) -> uuid.UUID:
    bits = int.from_bytes(other, "big")
    value = milliseconds << 80 | 7 << 76 | (bits >> 64 & 0xFFF) << 64 | 0b10 << 62 | (bits & (1 << 62) - 1)
    return uuid.UUID(int=value)
