"""The beat scheduler: django-celery-beat's DatabaseScheduler, whose linked rows fire from the ledger's point of view.

Use: `celery -A scheduler_project beat`. Mirrored rows are never loaded as entries: what is due is read from the jobs,
in batches, by the database's clock. Other PeriodicTasks are treated as the stock scheduler does. Any number of beats
may run: one leads, the others wait for its lease to end.
"""

import logging
import time
from typing import Any

from django.db import Error, connection
from django_celery_beat.schedulers import DatabaseScheduler

from executions import turn
from executions.alerts import overseer
from executions.bell import BROKER_ERRORS
from executions.lease import Deposed, Lease
from executions.vitals import signs
from jobs import periodic
from jobs.models import ScheduledJob

logger = logging.getLogger(__name__)

SHORTEST_SLEEP_SECONDS = 0.01
STANDBY_SECONDS = 1.0
# What this turn could not fire, because somebody holds the job or its schedule is broken, is not asked for at once.
LEFT_OVER_SECONDS = 0.5
# For so long a beat may be in one batch or one turn, or start, before its container counts as stuck (`vitals`).
TURN_SECONDS, STARTING_SECONDS = 120.0, 60.0


class LeadersLease(Lease):
    """Each batch that is about to be written says that this beat lives: to catch up after a day may take minutes."""

    def renew(self) -> None:
        super().renew()
        self.give_sign()

    def give_sign(self) -> None:
        signs.give("beat", f"leads, term {self.term}", holds_for=TURN_SECONDS)


class LedgerScheduler(DatabaseScheduler):  # type: ignore[misc]
    """Beat neither dies nor fires twice: while the database or the broker is away it says so and tries again."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.lease = LeadersLease()
        signs.give("beat", "starts", holds_for=STARTING_SECONDS)
        super().__init__(*args, **kwargs)

    def setup_schedule(self) -> None:
        """Wait for the database, if beat starts while it is away."""
        while True:
            try:
                super().setup_schedule()
                return
            except Error as fault:
                self._note_absence(fault)
                time.sleep(self.max_interval)

    def close(self) -> None:
        try:
            self.lease.release()
        except Error as fault:
            logger.warning("The lease could not be given back and ends by itself: %s", fault)
        overseer.stop()
        super().close()

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """One turn; returns the seconds until the next, which are fewer when a due time comes sooner."""
        try:
            if not self.lease.hold():
                signs.give("beat", "stands by: another beat leads", holds_for=TURN_SECONDS)
                return STANDBY_SECONDS
            turn.take(self.lease)
            self.lease.give_sign()
            others: float = super().tick(*args, **kwargs)
            return min(others, self._seconds_to_next())
        except Deposed:
            logger.warning("Another beat leads by now; what this one was about to fire is left to it.")
        except Error as fault:
            self._note_absence(fault)
        except BROKER_ERRORS as fault:
            signs.give("beat", f"leads; the broker is away: {fault}", holds_for=TURN_SECONDS)
            logger.warning("The broker is away; beat tries again in %s s: %s", self.max_interval, fault)
        except Exception:
            # One bad row must not end the beat, and with it every other job's schedule.
            logger.exception("This turn of the schedule failed; beat tries again in %s s.", self.max_interval)
        return float(self.max_interval)

    def enabled_models_qs(self) -> Any:
        # Without the stock filter on hours, which hides a crontab row for most of the day and shows it with a stale
        # last run: it then fires two hours early (django-celery-beat 2.9).
        return self.Model.objects.enabled().exclude(task=periodic.BELL_TASK)

    def _note_absence(self, fault: Error) -> None:
        signs.give("beat", f"waits for the database: {fault}", holds_for=TURN_SECONDS)
        logger.warning("The database is away; beat tries again in %s s: %s", self.max_interval, fault)
        connection.close()
        self._initial_read = True  # the stock part would take what it could not read for read

    def _seconds_to_next(self) -> float:
        seconds = ScheduledJob.seconds_to_next()
        if seconds is None:
            return float(self.max_interval)
        if seconds < -LEFT_OVER_SECONDS:
            return LEFT_OVER_SECONDS
        return min(float(self.max_interval), max(SHORTEST_SLEEP_SECONDS, seconds))
