"""Who does the work: the workers, the queues that they serve and what waits there, the beat that leads."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from executions.alerts.waiting import FREE
from executions.workers import SILENT_AFTER_SECONDS
from jobs.enums import ExecutionStatus


@dataclass(frozen=True)
class Worker:
    """A worker's main process, and how many runs it can have at once."""

    name: str
    processes: int
    last_seen_at: datetime
    queues: Sequence[str]
    started_at: datetime

    def replaces(self, other: "Worker") -> bool:
        """Of that name, or started after its last sign and for all of its queues, as in a new container."""
        return self.name == other.name or (
            self.started_at > other.last_seen_at and set(other.queues) <= set(self.queues)
        )


@dataclass(frozen=True)
class Queue:
    name: str
    waiting: int
    oldest: datetime | None  # since when its oldest free run has waited
    workers: int

    @property
    def is_stuck(self) -> bool:
        return self.waiting > 0 and self.workers == 0


@dataclass(frozen=True)
class Leader:
    """The beat that leads, and since when."""

    machine_name: str
    term: int
    since: datetime


@dataclass(frozen=True)
class Plant:
    """`queued`: also those that are not free to start yet."""

    workers: Sequence[Worker]  # that live
    silent: Sequence[Worker]  # that neither live nor said goodbye, of the last day, and nothing has taken their place
    queues: Sequence[Queue]
    leader: Leader | None  # None: no beat leads
    queued: int
    running: int


def plant(now: datetime) -> Plant:
    """By one query."""
    found = _found(now)
    known = [Worker(*row) for kind, *row in found if kind == "worker"]
    living_since = now - timedelta(seconds=SILENT_AFTER_SECONDS)
    alive = [worker for worker in known if worker.last_seen_at > living_since]
    lost = [worker for worker in known if worker.last_seen_at <= living_since]
    counts = {kind: count for kind, _name, count, *_others in found if kind in ExecutionStatus.values}
    return Plant(
        alive,
        [worker for worker in lost if not any(each.replaces(worker) for each in alive)],
        _queues(alive, {name: (count, at) for kind, name, count, at, *_others in found if kind == "waiting"}),
        next((Leader(name, term, since) for kind, name, term, since, *_others in found if kind == "beat"), None),
        counts.get(ExecutionStatus.QUEUED, 0),
        counts.get(ExecutionStatus.RUNNING, 0),
    )


def _found(now: datetime) -> Sequence[Any]:
    """Rows of kind, name, count, instant, queues and a worker's start."""
    with connection.cursor() as cursor:
        cursor.execute(_PLANT, {"now": now, "day_ago": now - timedelta(days=1)})
        rows: Sequence[Any] = cursor.fetchall()
    return rows


def _queues(alive: Sequence[Worker], waiting: dict[str, tuple[int, datetime | None]]) -> list[Queue]:
    served = {queue for worker in alive for queue in worker.queues}
    return [
        Queue(name, *waiting.get(name, (0, None)), workers=sum(name in worker.queues for worker in alive))
        for name in sorted(served | set(waiting))
    ]


# What is open has indexes of its own, small however long the history is.
_PLANT = f"""
SELECT 'worker', name, processes, last_seen_at, queues, started_at FROM executions_worker
WHERE stopped_at IS NULL AND last_seen_at > %(day_ago)s
UNION ALL
SELECT 'beat', machine_name, term, since, NULL, NULL FROM executions_beatlease WHERE expires_at > %(now)s
UNION ALL
SELECT status, NULL, count(*), NULL, NULL, NULL FROM executions_jobexecution
WHERE status IN ('Queued', 'Running') GROUP BY 1
UNION ALL
SELECT 'waiting', queue, count(*), min(since), NULL, NULL FROM ({FREE}) AS free
GROUP BY queue
ORDER BY 2
"""  # noqa: S608 - of constants alone
