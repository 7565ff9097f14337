"""Machines that stop in the middle of a transaction: what they have locked stays locked.

A table lock makes the transaction wait; whoever waits is stopped, and then the lock is let go.
"""

import time
from contextlib import suppress
from random import Random

import psutil
import psycopg

from tests.faults.harm import Steps
from tests.faults.harm.freezing import freeze
from tests.faults.members import Member
from tests.faults.stage import Stage

# So much longer than a worker may be silent (45 s) that whoever then waits for its locks is seen to wait.
SECONDS = (70.0, 80.0)
MOST_SECONDS_OF_THE_LOCK = 6.0
WAITING = (
    "SELECT client_port FROM pg_stat_activity JOIN pg_locks USING (pid)"
    " WHERE NOT granted AND relation = %s::regclass AND query LIKE %s"
)


def freeze_worker_in_a_transaction(stage: Stage, random: Random) -> Steps:
    """While it writes down how a run ended: the run and its job are locked."""
    yield from _freeze(stage, random, stage.workers, "executions_outputchunk", "DELETE%")


def freeze_leader_in_a_transaction(stage: Stage, random: Random) -> Steps:
    """While it fires, or lets a run start: the jobs are locked."""
    yield from _freeze(stage, random, stage.beats, "executions_jobexecution", "%")


def _freeze(stage: Stage, random: Random, members: list[Member], table: str, query: str) -> Steps:
    member = None
    with suppress(psycopg.Error), psycopg.connect(stage.engines.postgres.url()) as lock:
        lock.execute("SET lock_timeout = '2s'")
        lock.execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE")
        until = time.monotonic() + MOST_SECONDS_OF_THE_LOCK
        while member is None and time.monotonic() < until:
            lock.execute("SELECT pg_stat_clear_snapshot()")  # a transaction looks at the activity once, but for this
            ports = {port for (port,) in lock.execute(WAITING, [table, query])}
            member = next((one for one in members if ports & _ports(one)), None)
            if member is None:
                yield 0.05
        if member is not None:
            stage.tell(f"{member.name} is in the middle of a transaction")
            steps = freeze(stage, member, random.uniform(*SECONDS), member.pids())
            pause = next(steps, 0)
        lock.rollback()
    if member is not None:
        yield pause
        yield from steps


def _ports(member: Member) -> set[int]:
    """Of its connections, as the server sees them."""
    found: set[int] = set()
    for pid in member.pids() if member.is_alive else []:
        with suppress(psutil.Error):
            found |= {one.laddr.port for one in psutil.Process(pid).net_connections("tcp") if one.laddr}
    return found
