"""What may befall the database."""

from collections.abc import Callable
from contextlib import suppress
from random import Random

import psycopg

from tests.faults.harm import Steps
from tests.faults.stage import Stage


def restart_postgres(stage: Stage, random: Random) -> Steps:
    yield from _without(stage, 2, "stop", stage.engines.postgres.stop)


def long_postgres_outage(stage: Stage, random: Random) -> Steps:
    yield from _without(stage, 30, "stop", stage.engines.postgres.stop)


def kill_postgres(stage: Stage, random: Random) -> Steps:
    yield from _without(stage, random.uniform(0.5, 3), "kill -9", stage.engines.postgres.kill)


def end_sessions(stage: Stage, random: Random) -> Steps:
    stage.tell("all of PostgreSQL's sessions are ended")
    with suppress(psycopg.Error), psycopg.connect(stage.engines.postgres.url(), autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE usename = current_user AND pid <> pg_backend_pid()"
        )
    yield 0


def _without(stage: Stage, seconds: float, how: str, end: Callable[[], None]) -> Steps:
    stage.tell(f"{how} of PostgreSQL, for {seconds:.0f} s")
    end()
    yield seconds
    stage.engines.postgres.start()
    stage.tell("PostgreSQL is back")
