"""Messages that no worker could read: kept as rows for people to look at, a few a second, and counted.

Whoever reads the broker calls `park`, which neither raises nor waits; a thread of the worker writes. The broker is only
the bell: nothing is lost with them, whatever happens to the rows.
"""

import json
import logging
import os
import threading
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from celery.signals import worker_init, worker_shutdown
from django.db import Error, connection
from django.db.models import IntegerField, Sum
from django.db.models.functions import Cast

logger = logging.getLogger(__name__)

MOST_ROWS = 1_000
MOST_A_SECOND = 10
MOST_CHARACTERS = 4_096
LOGGED_CHARACTERS = 500
LARGEST_SIZE = 2**31 - 1
# A row of this reason stands for many; its content is their number, its size that of all of them.
MANY = "Further messages of that second, counted only"
GOODBYE_SECONDS = 3.0


def park(queue: str, reason: object, content: Any) -> None:
    """Put a message aside: its bytes, or what they were decoded to. Outside a worker it is only logged."""
    message = Parked.of(queue, reason, content)
    keeper = _keeper if _keeper and _keeper.process_id == os.getpid() else None
    if keeper is None or keeper.take(message):
        beginning = message.content[:LOGGED_CHARACTERS]
        logger.warning("Unreadable message in %r put aside: %s: %r", message.queue, message.reason, beginning)


def count_since(instant: datetime) -> int:
    """How many messages were parked from then on; at least so many, where a flood has pushed older rows out."""
    from executions.models import ParkedMessage

    rows = ParkedMessage.objects.filter(parked_at__gte=instant)
    many = rows.filter(reason=MANY).aggregate(total=Sum(Cast("content", IntegerField())))["total"] or 0
    return rows.exclude(reason=MANY).count() + int(many)


@dataclass(frozen=True)
class Parked:
    queue: str
    reason: str
    size: int  # bytes
    content: str

    @classmethod
    def of(cls, queue: str, reason: object, content: Any) -> "Parked":
        said = str(reason) or type(reason).__name__
        printable = "".join(letter if letter.isprintable() else " " for letter in said[:500])
        raw = content if isinstance(content, bytes) else _as_json(content)
        text = raw[:MOST_CHARACTERS].decode(errors="backslashreplace")
        return cls(_storable(queue, 100), printable, len(raw), _storable(text, MOST_CHARACTERS))


class Keeper:
    """Of one worker: takes messages at any speed, and writes once a second what it took."""

    def __init__(self, worker_name: str) -> None:
        self.worker_name = worker_name
        self.process_id = os.getpid()
        self._lock = threading.Lock()
        self._taken: list[Parked] = []
        self._further = self._further_size = 0
        self._wake, self._stopping = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    def take(self, message: Parked) -> bool:
        """Whether it is kept by itself; of many within one second most are only counted."""
        with self._lock:
            is_kept = len(self._taken) < MOST_A_SECOND
            if is_kept:
                self._taken.append(message)
            else:
                self._further += 1
                self._further_size += message.size
            if self._thread is None:  # not before there is something to do: the worker forks at its start
                self._thread = threading.Thread(target=self._run, name="parked messages", daemon=True)
                self._thread.start()
        self._wake.set()
        return is_kept

    def close(self) -> None:
        self._stopping.set()
        self._wake.set()
        if self._thread:
            self._thread.join(GOODBYE_SECONDS)

    def write(self) -> None:
        """Never raises: what cannot be written was logged, and is dropped."""
        from executions.models import ParkedMessage  # the broker may be read before the models are there

        rows = [
            ParkedMessage(
                queue=message.queue, reason=message.reason, size=min(message.size, LARGEST_SIZE),
                content=message.content, worker_name=self.worker_name,
            )
            for message in self._give()
        ]  # fmt: skip
        try:
            ParkedMessage.objects.bulk_create(rows)
            for oldest in ParkedMessage.objects.order_by("-id").values_list("id", flat=True)[MOST_ROWS - 1 : MOST_ROWS]:
                ParkedMessage.objects.filter(id__lt=oldest).delete()
        except Error as fault:
            logger.warning("%d parked messages could not be kept: %s", len(rows), fault)
        finally:
            connection.close()

    def _give(self) -> list[Parked]:
        with self._lock:
            taken, self._taken = self._taken, []
            further, size, self._further, self._further_size = self._further, self._further_size, 0, 0
        if further:
            logger.warning("%d further unreadable messages were counted, not kept", further)
            taken.append(Parked("", MANY, size, str(further)))
        return taken

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.wait()
            self._wake.clear()
            self.write()
            self._stopping.wait(1.0)
        self.write()


_keeper: Keeper | None = None


@worker_init.connect
def _begin(sender: Any, **_kwargs: Any) -> None:
    global _keeper  # noqa: PLW0603 - one per process
    _keeper = Keeper(sender.hostname)


@worker_shutdown.connect
def _end(**_kwargs: Any) -> None:
    if _keeper:
        _keeper.close()


def _as_json(content: Any) -> bytes:
    try:
        return json.dumps(content, default=repr).encode()
    except (RecursionError, ValueError) as fault:
        return f"{type(content).__name__}: {fault}".encode()


def _storable(text: str, most: int) -> str:
    """Without what PostgreSQL's text cannot hold: NUL and halves of surrogate pairs."""
    return text.encode(errors="backslashreplace").decode().replace("\0", r"\x00")[:most]
