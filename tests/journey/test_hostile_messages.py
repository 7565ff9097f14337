"""Whatever comes out of the broker, and whatever is asked of all workers at once: the worker stays, and runs go on."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from celery import current_app

from executions import dispatch, parked
from executions.models import JobExecution, ParkedMessage
from jobs.clock import database_now
from jobs.enums import ExecutionStatus
from jobs.models import SYSTEM_USER_ID, ScheduledJob
from scheduler_project.local.process import Process
from tests.hostile_messages import HARMLESS, UNREADABLE
from tests.journey.conftest import System, until

pytestmark = pytest.mark.journey

# Celery's own commands that would end, stop or hobble a worker.
HARMFUL = {
    "shutdown": {}, "pool_restart": {"reload": True}, "pool_shrink": {"n": 9}, "pool_grow": {"n": 1},
    "autoscale": {"max": 0, "min": 0}, "cancel_consumer": {"queue": "default"}, "add_consumer": {"queue": "other"},
    "rate_limit": {"task_name": "NoOpJob", "rate_limit": "1/h"}, "time_limit": {"task_name": "NoOpJob", "soft": 1},
    "disable_events": {}, "memsample": {}, "nonsense": {},
}  # fmt: skip


@pytest.fixture
def broker() -> Iterator[redis.Redis]:
    with redis.Redis.from_url(os.environ["CELERY_BROKER_URL"]) as client:
        yield client


def runs_to_its_end(worker: Process) -> bool:
    job = ScheduledJob.objects.filter(name="quick").first() or ScheduledJob.define(
        by=SYSTEM_USER_ID, name="quick", job_type="NoOpJob", cron_expression="0 0 1 1 *"
    )
    run = dispatch.run_now(job, dispatch.RunRequest(by=SYSTEM_USER_ID))
    until(lambda: JobExecution.objects.get(id=run.id).status == ExecutionStatus.COMPLETED, worker)
    return worker.is_running


def test_no_message_ends_the_worker_or_keeps_it_from_the_next_run(system: System, broker: redis.Redis) -> None:
    worker, began = system.start_worker(), database_now()
    assert runs_to_its_end(worker)
    for key in ("default", "default\x06\x163", "default\x06\x169"):
        broker.lpush(key, *UNREADABLE.values(), *HARMLESS.values())
    assert runs_to_its_end(worker)
    # An empty list ends the waiting for messages: all were taken.
    until(lambda: not broker.exists("default", "default\x06\x163", "default\x06\x169", "unacked"), worker)
    until(lambda: parked.count_since(began) == 3 * len(UNREADABLE), worker)
    assert ParkedMessage.objects.filter(worker_name__startswith="celery@").exists()
    assert runs_to_its_end(worker)


def test_no_broadcast_ends_the_workers_or_changes_what_they_do(system: System, broker: redis.Redis) -> None:
    worker = system.start_worker()
    for command, arguments in HARMFUL.items():
        [answer] = asked(command, arguments)
        assert "refused" in str(answer), command
    database = os.environ["CELERY_BROKER_URL"].rpartition("/")[2]
    for garbage in UNREADABLE.values():
        assert broker.publish(f"/{database}.celery.pidbox", garbage) == 1
    assert runs_to_its_end(worker)


def test_what_people_flower_and_the_service_ask_is_answered_without_a_secret(system: System) -> None:
    system.start_worker()
    [(_name, answer)] = asked("ping", {})[0].items()
    assert answer == {"ok": "pong"}
    [(_name, names)] = asked("registered", {})[0].items()
    assert {"BackupDatabaseJob", "NoOpJob"} <= set(names)
    password = os.environ["CELERY_BROKER_URL"].split("@")[0].rsplit(":", 1)[1]
    for command in ("stats", "conf", "active", "active_queues", "reserved", "scheduled", "revoked"):
        [answer] = asked(command, {})
        assert "refused" not in str(answer) and password not in str(answer), command


def asked(command: str, arguments: dict[str, Any]) -> list[dict[str, Any]]:
    """What the one worker answers."""
    return current_app.control.broadcast(command, arguments=arguments, reply=True, limit=1, timeout=30) or []
