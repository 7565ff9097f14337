"""Rebuilding: the ledger is counted anew, in one transaction; readers see the old roll-ups until it is over."""

from datetime import timedelta

from django.db import transaction

from executions import comparison
from executions.audit_feed.streams import LAG, horizon
from executions.models import Rollup, Span
from executions.rollups import folding


def rebuild(*, lag: timedelta = LAG) -> None:
    """Count everything that the ledger still holds; hours from before its first month stay as they are.

    What ever ended is then what the ledger holds. Whoever folds meanwhile leaves it to this.
    """
    with transaction.atomic():
        folding.take_cursor(wait=True)
        Rollup.objects.exclude(span=Span.HOUR, begins_at__lt=comparison.ledger_begins()).delete()
        at, ripe = folding.EPOCH, horizon(lag) - folding.TICK
        while at < ripe:
            at = folding.add(at, ripe)
