"""The ledger's account, asked every hour and by `manage.py check_ledger`: "0 unaccounted" (SPEC §5)."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.models import Max

from executions import comparison
from executions.comparison import Comparison
from executions.models import LedgerCheck
from jobs.clock import database_now

logger = logging.getLogger(__name__)

# What may still be on its way is left to the next check.
SETTLED_AFTER = comparison.PENDING_AFTER
# Each check looks at a whole day again, so that what is found stays in sight that long; or further back, to where the
# one before had come.
LOOK_BACK = timedelta(hours=25)
OVERLAP = timedelta(hours=1)
CHECKS_KEPT = timedelta(days=90)

_under_way = threading.Lock()


def check(after: datetime, until: datetime) -> LedgerCheck:
    """Compare all jobs in (after, until] and keep the answer."""
    found = comparison.compare(after, until)
    for key, fault in found.unreadable.items():
        logger.warning("The schedule of job %s cannot be read, its due times are left out: %s", key, fault)
    return keep(found)


def check_since_last() -> LedgerCheck | None:
    """Compare what has come since the newest check, and the day before. None: another process is at it."""
    with _alone() as is_alone:
        if not is_alone:
            return None
        until = database_now() - SETTLED_AFTER
        checked_until = LedgerCheck.objects.aggregate(Max("checked_until"))["checked_until__max"]
        after = until - LOOK_BACK
        made = check(min(after, checked_until - OVERLAP) if checked_until else after, until)
        LedgerCheck.objects.filter(finished_at__lt=made.finished_at - CHECKS_KEPT).delete()
        return made


def check_in_background() -> threading.Thread | None:
    """`check_since_last` in a thread of its own, for who cannot wait; it never raises.

    None: one is under way in this process.
    """
    if not _under_way.acquire(blocking=False):
        return None
    thread = threading.Thread(target=_check_and_tell, name="ledger-check", daemon=True)
    try:
        thread.start()
    except RuntimeError as fault:  # the machine has no thread left
        logger.error("The ledger cannot be checked now: %s", fault)
        _under_way.release()
        return None
    return thread


def keep(found: Comparison) -> LedgerCheck:
    return LedgerCheck.objects.create(
        checked_from=found.after,
        checked_until=found.until,
        finished_at=database_now(),
        jobs=len(found.jobs),
        planned=found.planned,
        unaccounted=found.unaccounted,
        unplanned=found.unplanned,
        examples=[each.told() for each in found.examples],
    )


def last() -> LedgerCheck | None:
    return LedgerCheck.objects.first()


def _check_and_tell() -> None:
    try:
        made = check_since_last()
        if made and (made.unaccounted or made.unplanned):
            logger.error(
                "The ledger is not complete: %d due times of %d have no row, %d rows were never planned: %s",
                made.unaccounted, made.planned, made.unplanned, made.examples,
            )  # fmt: skip
    except Exception:  # whatever it is: the next hour's check looks at the same time again
        logger.exception("The ledger could not be checked.")
    finally:
        connection.close()
        _under_way.release()


@contextmanager
def _alone() -> Iterator[bool]:
    """Whether no other process checks just now.

    The lock ends with its transaction, whatever becomes of this process or of the poolers between; it has a connection
    of its own, since in a transaction as long as this the check would keep the months of the ledger locked.
    """
    own = connections.create_connection(DEFAULT_DB_ALIAS)
    try:
        own.set_autocommit(False)
        with own.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext('ledger check'))")
            is_alone = bool(cursor.fetchone()[0])
        yield is_alone
    finally:
        own.close()
