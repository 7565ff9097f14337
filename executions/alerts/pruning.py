"""What is forgotten of alerts and of workers, long after they are over."""

from datetime import timedelta

from django.db.models.functions import Now

from executions.models import Alert, Worker
from executions.rollups.folding import HOURS_KEPT

# For as long as the figures of the hours that an alert explains.
ALERTS_KEPT = HOURS_KEPT
# A worker that is lost is missed for a day (`executions.alerts.staffing`).
WORKERS_KEPT = timedelta(days=7)
MOST_AT_ONCE = 10_000


def prune() -> int:
    """Forget the alerts that are over, with what was told of them, and the workers that nobody misses any more.

    Return how many of both; what is left of very many is forgotten by the next calls.
    """
    limit = Now() - ALERTS_KEPT
    over = Alert.objects.filter(opened_at__lt=limit, closed_at__lt=limit).order_by("opened_at").values("id")
    gone = Worker.objects.filter(last_seen_at__lt=Now() - WORKERS_KEPT)
    forgotten = Alert.objects.filter(id__in=over[:MOST_AT_ONCE]).delete()[1].get(Alert._meta.label, 0)
    return forgotten + gone.delete()[0]
