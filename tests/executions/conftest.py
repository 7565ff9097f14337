"""What tests of the doing share."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from jobs import registry


@pytest.fixture
def broker() -> Iterator[redis.Redis]:
    """The run's real Valkey, empty."""
    client = redis.Redis.from_url(os.environ["CELERY_BROKER_URL"])
    client.flushdb()
    yield client
    client.flushdb()
    client.close()


@pytest.fixture
def odd_jobs(settings: Any) -> Iterator[None]:
    """`OddJob` is a registered job type, as if a team had added it."""
    from celery import current_app

    from executions.tasks import JobTask

    settings.SCHEDULER_JOB_TYPES = [*settings.SCHEDULER_JOB_TYPES, "tests.executions.odd_job.OddJob"]
    registry._by_name.cache_clear()
    current_app.register_task(type("OddJob", (JobTask,), {"name": "OddJob"})())
    yield
    current_app.tasks.unregister("OddJob")
    registry._by_name.cache_clear()


@pytest.fixture
def forget_registry() -> Iterator[None]:
    """The job types are read anew before and after: the test changes the setting."""
    registry._by_name.cache_clear()
    yield
    registry._by_name.cache_clear()


def take_message(task_id: object, name: str, **request: Any) -> tuple[Any, Any]:
    """What a worker's process does with a message, from `task_prerun` to `task_postrun`; its result and its state."""
    from celery import current_app
    from celery.app.trace import build_tracer

    # Celery traces a task once per process; the tracer is what the pool calls.
    task = current_app.tasks[name]
    trace = build_tracer(name, task, app=current_app, hostname="test@here")
    about = {"id": task_id, "task": name, "hostname": "test@here", "timelimit": (31, 1), "ignore_result": True}
    result, info, *_rest = trace(task_id, (), {}, {**about, **request})
    return result, info.state if info else "SUCCESS"
