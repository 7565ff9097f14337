"""The end of a worker: its runs may finish within a limit; beyond it they end as Failed (shutdown) (SPEC §5.6).

A child that is sent SIGTERM ends its run and no more (`executions.interruptions`): the next attempt costs none of the
job's retries. Celery itself sends none at a warm shutdown, it waits; the worker's main process sends it from here.
"""

import logging
import os
import signal
import threading
from contextlib import suppress
from typing import Any

from celery.signals import worker_shutdown, worker_shutting_down
from celery.worker import state
from django.conf import settings

from executions import children, claims, endings, orphans, workers

logger = logging.getLogger(__name__)

# A run that was asked to end has this long to clean up; then its process is killed.
COOPERATION_SECONDS = 10.0

_has_ended = threading.Event()


@worker_shutting_down.connect
def _limit_the_wait(how: str, **_kwargs: Any) -> None:
    if how == "Warm":
        threading.Thread(target=_end_runs_after_the_limit, name="shutdown", daemon=True).start()


@worker_shutdown.connect
def _note_the_end(**_kwargs: Any) -> None:
    _has_ended.set()


def _end_runs_after_the_limit() -> None:
    if _has_ended.wait(settings.SCHEDULER_SHUTDOWN_SECONDS):
        return
    logger.warning("Runs are still going on after %s s; they are ended.", settings.SCHEDULER_SHUTDOWN_SECONDS)
    _signal_all(signal.SIGTERM)
    if _has_ended.wait(COOPERATION_SECONDS):
        return
    known = {key for request in list(state.active_requests) if (key := claims.execution_id(request.id))}
    for key in known.union(holder.execution_id for holder in children.living()):
        orphans.hand_over(key, endings.of_shutdown(), worker_id=workers.current_id())
    _signal_all(signal.SIGKILL)


def _signal_all(number: signal.Signals) -> None:
    """Also the tasks of others, and runs that Celery has forgotten."""
    busy = {request.worker_pid for request in list(state.active_requests)}
    for process_id in busy.union(holder.process_id for holder in children.living()) - {None, os.getpid()}:
        with suppress(ProcessLookupError):
            os.kill(process_id, number)
