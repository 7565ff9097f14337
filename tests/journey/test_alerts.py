"""Whoever is killed, somebody is left who says so, within 90 s and once: told by mail, as an operator gets it."""

import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
from aiosmtpd.controller import Controller
from django.db import connection
from psycopg import sql

from executions import dispatch
from executions.enums import AlertRule
from executions.models import Alert, BeatLease, JobExecution
from jobs.enums import ExecutionStatus
from jobs.models import SYSTEM_USER_ID, ScheduledJob
from scheduler_project.local import commands
from scheduler_project.local.ports import LOCALHOST, free_port
from scheduler_project.local.process import Process
from tests.journey.conftest import System, until

pytestmark = pytest.mark.journey

TOLD_WITHIN_SECONDS = 90
HERE, THERE = "here@okla.com.do", "there@okla.com.do"
BROKER_OF_THE_OTHER = 15  # no worker of pytest-xdist gets this one


@dataclass
class Postbox:
    """An SMTP server's handler: who got which subject."""

    mails: list[tuple[str, str]] = field(default_factory=list)

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        subject = str(message_from_bytes(envelope.content, policy=policy.default)["Subject"])
        self.mails += [(recipient, subject) for recipient in envelope.rcpt_tos]
        return "250 OK"

    def to(self, recipient: str, words: str) -> int:
        """How many mails with these words in their subject."""
        return len([subject for whom, subject in self.mails if whom == recipient and words in subject])


@pytest.fixture
def postbox() -> Iterator[tuple[Postbox, str]]:
    """With the address of its server."""
    box, port = Postbox(), free_port()
    server = Controller(box, hostname=LOCALHOST, port=port)
    server.start()
    yield box, f"smtp://{LOCALHOST}:{port}"
    server.stop()


@dataclass
class Other:
    """A second system beside the test's own, on a database and a broker of its own: both stages wait side by side."""

    system: System
    database: psycopg.Connection[Any]

    def value(self, query: str) -> Any:
        row = self.database.execute(query).fetchone()
        return row and row[0]


@pytest.fixture
def other(system: System, tmp_path: Path) -> Iterator[Other]:
    own, name = connection.settings_dict, "the_other_of_test_alerts"
    server = {"host": own["HOST"], "port": own["PORT"], "user": own["USER"], "password": own["PASSWORD"]}
    connection.close()  # nobody may be in a database that is copied
    with psycopg.connect(**server, dbname="postgres", autocommit=True) as here:
        here.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        copy = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        here.execute(copy.format(sql.Identifier(name), sql.Identifier(own["NAME"])))
        broker = re.sub(r"/\d*$", f"/{BROKER_OF_THE_OTHER}", os.environ["CELERY_BROKER_URL"])
        redis.Redis.from_url(broker).flushdb()
        url = system.environment["DATABASE_URL"].rpartition("/")[0]
        beside = System(tmp_path / "other", {"DATABASE_URL": f"{url}/{name}", "CELERY_BROKER_URL": broker})
        beside.folder.mkdir()
        with psycopg.connect(**server, dbname=name, autocommit=True) as there:
            yield Other(beside, there)
            beside.stop()
        here.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


WATCHED_FOR_LONG = (
    "INSERT INTO executions_watch (id, since, last_turn_at) VALUES (1, now() - interval '1 hour', now())"
    " ON CONFLICT (id) DO UPDATE SET since = excluded.since, last_turn_at = excluded.last_turn_at"
)


def a_failed_run(job: ScheduledJob, *processes: Process) -> None:
    run = dispatch.run_now(job, dispatch.RunRequest(by=SYSTEM_USER_ID))
    until(lambda: JobExecution.objects.get(id=run.id).status == ExecutionStatus.FAILED, *processes)


def open_alerts(rule: AlertRule) -> int:
    return Alert.objects.filter(rule=rule, closed_at=None).count()


def kill(*processes: Process) -> float:
    for process in processes:
        process.kill()
    return time.monotonic()


def told(since: float, is_told: Callable[[], bool], *processes: Process) -> None:
    until(is_told, *processes, seconds=since + TOLD_WITHIN_SECONDS - time.monotonic())


def test_whoever_is_killed_somebody_is_left_who_tells_it_once(
    system: System, other: Other, postbox: tuple[Postbox, str]
) -> None:
    box, address = postbox
    for each, people in ((system, HERE), (other.system, THERE)):
        each.environment |= {"SCHEDULER_SMTP_URL": address, "SCHEDULER_ALERT_EMAILS": people}
    job = ScheduledJob.define(
        by=SYSTEM_USER_ID, name="Prices", job_type="FailingJob", cron_expression="0 0 1 1 *", max_retries=0,
        notify_on_failure=True, notification_emails=[HERE],
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(WATCHED_FOR_LONG)
    other.database.execute(WATCHED_FOR_LONG)

    beat_there = other.system.start_beat()
    workers_there = [other.system.start("worker", (*commands.worker(1), "-n", f"{name}@%h")) for name in ("one", "two")]
    worker, beat = system.start_worker(), system.start_beat()
    until(BeatLease.objects.exists, beat)
    living = "SELECT count(*) FROM executions_worker WHERE last_seen_at > now() - interval '15 seconds'"
    until(lambda: other.value("SELECT count(*) FROM executions_beatlease") == 1, beat_there)
    until(lambda: other.value(living) == 2, *workers_there)
    beat_killed = kill(beat_there)

    a_failed_run(job, worker, beat), a_failed_run(job, worker, beat)
    until(lambda: box.to(HERE, "Prices has failed") == 2, worker, beat)
    a_failed_run(job, worker, beat)
    until(lambda: box.to(HERE, "Prices: 3 runs in a row have failed") == 1, worker, beat)
    assert open_alerts(AlertRule.CONSECUTIVE_FAILURES) == 1

    a_failed_run(job, worker, beat)
    worker_killed = kill(worker)
    waiting = dispatch.run_now(job, dispatch.RunRequest(by=SYSTEM_USER_ID))
    told(worker_killed, lambda: box.to(HERE, "No worker serves the queue default") == 1, beat)
    told(worker_killed, lambda: box.to(HERE, "is lost") == 1, beat)
    told(beat_killed, lambda: box.to(THERE, "No beat runs") == 1, *workers_there)

    again = system.start_worker()
    other.system.start_beat()
    until(lambda: JobExecution.objects.get(id=waiting.id).status == ExecutionStatus.FAILED, again, beat)
    until(lambda: box.to(HERE, "Recovered: No worker serves the queue default") == 1, again, beat)
    until(lambda: box.to(THERE, "Recovered: No beat runs") == 1, *other.system.processes)
    assert (box.to(HERE, "Prices: "), box.to(HERE, "Prices has failed")) == (1, 2), "the alert tells of the others"
    assert box.to(THERE, "") == 2, "two workers have noticed, and one has told it"
