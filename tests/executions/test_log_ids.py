"""Lines of the log that are written outside of a run name the run that they are about."""

import io
import json
import logging
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from executions import bell, dispatch, ids, rescue
from executions.models import JobExecution
from jobs import log_context
from jobs.clock import database_now
from jobs.enums import ExecutionStatus, Trigger
from scheduler_project import logs
from tests.factories import a_job, started

pytestmark = pytest.mark.django_db


@pytest.fixture
def said() -> Iterator[io.StringIO]:
    """What `executions` says as JSON."""
    log_context.begin()
    log_context.end_run()
    stream, logger = io.StringIO(), logging.getLogger("executions")
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.json_form())
    logger.addHandler(handler)
    yield stream
    logger.removeHandler(handler)


def lines(said: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in said.getvalue().splitlines()]


def named(run: JobExecution) -> dict[str, str]:
    return {"execution_id": str(run.id), "job_id": str(run.job_id), "trace_id": run.first_attempt.hex}


def test_a_lost_run_is_named_with_its_job_and_its_trace(said: io.StringIO) -> None:
    run = started(a_job())
    JobExecution.objects.update(worker_id=uuid.uuid4(), started_at=Now() - timedelta(minutes=5))
    assert rescue.close_lost() == 1
    [line] = [line for line in lines(said) if "is lost" in line["message"]]
    assert named(run).items() <= line.items()


def test_of_many_messages_each_run_is_named(broker: Any, said: io.StringIO) -> None:
    """Of more than twenty only their number was said."""
    job, now = a_job(), database_now()
    rows = [
        dispatch._new_row(
            job, ids.of_request(now), now=now, trigger=Trigger.MANUAL, status=ExecutionStatus.QUEUED, available_at=now
        )
        for _number in range(120)
    ]  # fmt: skip
    dispatch.insert(rows)
    assert bell.ring(rows) == 120
    published = [line for line in lines(said) if line["message"].endswith("runs are published.")]
    assert [len(line["runs"]) for line in published] == [100, 20]
    assert [run for line in published for run in line["runs"]] == [named(row) for row in rows]
