"""The beat scheduler: django-celery-beat's DatabaseScheduler, whose linked rows fire from the ledger's point of view.

Use: `celery -A scheduler_project beat`. Mirrored rows are never loaded as entries: what is due is read from the jobs,
in batches, by the database's clock. Other PeriodicTasks are treated as the stock scheduler does. Any number of beats
may run: one leads, the others wait for its lease to end.
"""

import logging
import time
from functools import cached_property
from math import inf
from typing import Any

from celery.beat import SchedulingError
from django.db import Error, connection
from django_celery_beat.schedulers import DatabaseScheduler
from kombu.exceptions import OperationalError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from executions import bell, turn
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
# The broker is away; any other fault is the one task's own, and the tasks behind it do not wait for it.
AWAY = (OperationalError, ConnectionError, TimeoutError, RedisConnectionError, RedisTimeoutError)
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
        super().close()  # what is still to be written is written while this beat leads
        try:
            self.lease.release()
        except Error as fault:
            logger.warning("The lease could not be given back and ends by itself: %s", fault)
        overseer.stop()

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """One turn; returns the seconds until the next, which are fewer when a due time comes sooner."""
        try:
            if not self.lease.hold():
                signs.give("beat", "stands by: another beat leads", holds_for=TURN_SECONDS)
                self._forget()
                return STANDBY_SECONDS
            turn.take(self.lease)
            self.lease.give_sign()
            others: float = super().tick(*args, **kwargs)
            return min(others, self._seconds_to_next())
        except Deposed:
            logger.warning("Another beat leads by now; what this one was about to fire is left to it.")
            self._forget()
        except Error as fault:
            self._note_absence(fault)
        except BROKER_ERRORS as fault:
            signs.give("beat", f"leads; the broker is away: {fault}", holds_for=TURN_SECONDS)
            logger.warning("The broker is away; beat tries again in %s s: %s", self.max_interval, fault)
            self._forget()
        except Exception:
            # One bad row must not end the beat, and with it every other job's schedule.
            logger.exception("This turn of the schedule failed; beat tries again in %s s.", self.max_interval)
        return float(self.max_interval)

    # --- Somebody else's periodic tasks ------------------------------------------------------------------------------
    # Celery writes when one was last run within three minutes, also where sending it failed: whoever leads next would
    # run it once more, and a deposed beat write over what is newer. Here it is written once it is sent.
    _last_sync = inf

    @cached_property
    def producer(self) -> Any:
        """Celery's waits for the broker for ever, and with it all jobs would."""
        return self.Producer(bell.connection(), auto_declare=False)

    def apply_entry(self, entry: Any, producer: Any = None) -> None:
        """Send a task that is due, if this beat still leads. Raises Deposed, and the broker's errors: it stays due."""
        self._dirty.discard(entry.name)  # whatever ends this process now: it counts as run once it is sent
        if not self.lease.hold():
            raise Deposed
        entry.options = {**entry.options, "retry": False}
        try:
            self.apply_async(entry, producer=producer, advance=False)
        except SchedulingError as fault:
            if isinstance(fault.__context__, AWAY):
                raise fault.__context__ from None
            logger.exception("The periodic task %s cannot be sent, it is tried again at its next time.", entry.name)
        self._dirty.add(entry.name)
        self.sync()

    def _forget(self) -> None:
        """What is known of them may be old by the time this beat leads, or reaches the broker, again."""
        self._dirty.clear()
        self._heap, self._initial_read = None, True
        self.__dict__.pop("producer", None)

    def enabled_models_qs(self) -> Any:
        # Without the stock filter on hours, which hides a crontab row for most of the day and shows it with a stale
        # last run: it then fires two hours early (django-celery-beat 2.9).
        return self.Model.objects.enabled().exclude(task=periodic.BELL_TASK)

    def _note_absence(self, fault: Error) -> None:
        signs.give("beat", f"waits for the database: {fault}", holds_for=TURN_SECONDS)
        logger.warning("The database is away; beat tries again in %s s: %s", self.max_interval, fault)
        connection.close()
        self._forget()  # the stock part would take what it could not read for read

    def _seconds_to_next(self) -> float:
        seconds = ScheduledJob.seconds_to_next()
        if seconds is None:
            return float(self.max_interval)
        if seconds < -LEFT_OVER_SECONDS:
            return LEFT_OVER_SECONDS
        return min(float(self.max_interval), max(SHORTEST_SLEEP_SECONDS, seconds))
