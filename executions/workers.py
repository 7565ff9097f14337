"""The heartbeat of a worker's main process: every few seconds it says that it lives and which runs it holds."""

import logging
import os
import socket
import threading
import uuid
from typing import Any

from celery.signals import worker_init, worker_process_init, worker_ready, worker_shutdown
from django.core.exceptions import ImproperlyConfigured
from django.db import Error, connection
from django.db.models.functions import Now

from executions import children, orphans
from executions.minding import Minder
from executions.models import Worker
from executions.vitals import signs
from executions.vitals.main_loop import MainLoop
from jobs import gateways

logger = logging.getLogger(__name__)

BEAT_SECONDS = 10.0
GOODBYE_SECONDS = 3.0
SILENT_AFTER_SECONDS = 45
STARTING_SECONDS = 60

_id: uuid.UUID | None = None
_main_pid: int | None = None
_thread: threading.Thread | None = None
_stopping = threading.Event()


def current_id() -> uuid.UUID | None:
    """The id of this start of the worker; its child processes inherit it. None outside a worker."""
    return _id


def is_main_process() -> bool:
    return os.getpid() == _main_pid


@worker_ready.connect
def _start(sender: Any, **_kwargs: Any) -> None:
    global _thread  # noqa: PLW0603 - one per process
    _thread = threading.Thread(target=_beat, args=(sender,), name="heartbeat", daemon=True)
    _thread.start()


@worker_shutdown.connect
def _stop(**_kwargs: Any) -> None:
    """After the last run of a warm shutdown: until then the worker lives, and says so."""
    _stopping.set()
    orphans.wanted.set()
    if _thread:
        _thread.join(GOODBYE_SECONDS)


@worker_init.connect
def _announce(**_kwargs: Any) -> None:
    """Give this worker its id before the child processes are forked, so that they know it too.

    Raises SystemExit when its settings describe no outside world: each of its runs would fail.
    """
    global _id, _main_pid
    try:
        gateways.current()
    except ImproperlyConfigured as fault:
        raise SystemExit(str(fault)) from fault
    _id, _main_pid = uuid.uuid4(), os.getpid()
    children.share()
    signs.give("worker", "starts", holds_for=STARTING_SECONDS)


@worker_process_init.connect
def _open_own_gateways(**_kwargs: Any) -> None:
    """What the main process had open, or locked, when this child was forked is the main process's."""
    gateways.current.cache_clear()


def _beat(consumer: Any) -> None:
    worker_id = _id or uuid.uuid4()
    queues = sorted(consumer.app.amqp.queues.consume_from)
    about = {
        "name": consumer.hostname,
        "machine_name": socket.gethostname(),
        "process_id": os.getpid(),
        "queues": queues,
        "processes": consumer.pool.num_processes if consumer.pool else 0,
    }
    held_before: set[uuid.UUID] = set()
    loop, minder = MainLoop(consumer), Minder(worker_id)
    while True:
        try:
            held = minder.look()  # before anything that waits for the database
            # With those of the last beat: what is named no more has not been for two (`executions.rescue`).
            named = sorted(held | held_before)
            Worker.objects.update_or_create(
                id=worker_id,
                defaults={"execution_ids": named, "last_seen_at": Now()},
                create_defaults={**about, "execution_ids": named, "started_at": Now(), "last_seen_at": Now()},
            )
            held_before = held
            orphans.write_down()
            if doing := loop.doing():
                signs.give("worker", f"writes its heartbeat and {doing}", holds_for=SILENT_AFTER_SECONDS)
        except Exception as fault:  # whatever it is: a worker that falls silent is taken for dead
            logger.warning("The heartbeat of this worker could not be written: %s", fault)
            if isinstance(fault, Error):
                signs.give("worker", f"cannot write its heartbeat: {fault}", holds_for=SILENT_AFTER_SECONDS)
            connection.close()
        if _stopping.is_set():
            break
        if orphans.wanted.wait(BEAT_SECONDS):
            orphans.wanted.clear()
    try:
        Worker.objects.filter(id=worker_id).update(stopped_at=Now())
    except Error as fault:
        logger.warning("The end of this worker could not be written: %s", fault)
    connection.close()
