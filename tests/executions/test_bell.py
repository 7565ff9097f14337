"""The messages: published once, published again only when lost, counted in a real Valkey."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import Celery, current_app

from executions import bell, dispatch
from executions.models import JobExecution
from jobs.clock import database_now
from jobs.enums import ExecutionStatus, OverlapPolicy
from jobs.models import ScheduledJob
from tests.factories import FAILED, a_job, a_run, claimed, ended, rows_of

pytestmark = pytest.mark.django_db


def messages(broker: redis.Redis, queue: str = "default") -> list[dict[str, Any]]:
    """Every message of the queue, whatever its priority."""
    keys = [key for key in broker.keys(f"{queue}*") if broker.type(key) == b"list"]
    return [json.loads(raw) for key in keys for raw in broker.lrange(key, 0, -1)]


def ids_in(broker: redis.Redis, queue: str = "default") -> list[str]:
    return sorted(message["headers"]["id"] for message in messages(broker, queue))


def queued(count: int, **definition: Any) -> list[JobExecution]:
    """Rows that were made and rung; the newest state of each."""
    job = a_job(overlap_policy=OverlapPolicy.ALLOW, **definition)
    for _ in range(count):
        a_run(job)
    return rows_of(job)


def rung(rows: list[JobExecution], seconds_ago: float, rings: int = 1) -> None:
    JobExecution.objects.filter(id__in=[row.id for row in rows]).update(
        rung_at=database_now() - timedelta(seconds=seconds_ago), rings=rings
    )


def unrung(rows: list[JobExecution], seconds_ago: float) -> None:
    made = database_now() - timedelta(seconds=seconds_ago)
    JobExecution.objects.filter(id__in=[row.id for row in rows]).update(
        rung_at=None, rings=0, queued_at=made, available_at=made
    )


# --- Ringing ---------------------------------------------------------------------------------------------------------
def test_a_ring_publishes_one_message_of_the_types_name_under_the_executions_id(broker: redis.Redis) -> None:
    [row] = queued(1, queue="slow", priority=9, timeout_seconds=60)
    [message] = messages(broker, "slow")
    assert message["headers"]["id"] == str(row.id)
    assert message["headers"]["task"] == "NoOpJob"
    assert message["headers"]["timelimit"] == [60 + bell.HARD_KILL_GRACE_SECONDS, 60]
    assert message["properties"]["priority"] == 0
    assert (row.rings, row.rung_at is not None) == (1, True)


@pytest.mark.parametrize(("priority", "at_the_broker"), [(9, 0), (5, 4), (0, 9)])
def test_nine_is_the_first_priority_and_the_first_at_the_broker(
    broker: redis.Redis, priority: int, at_the_broker: int
) -> None:
    queued(1, priority=priority)
    assert messages(broker)[0]["properties"]["priority"] == at_the_broker


def test_a_message_of_higher_priority_is_taken_first(broker: redis.Redis) -> None:
    [low], [high] = queued(1, name="low", priority=1), queued(1, name="high", priority=8)
    with current_app.connection_for_read() as connection:
        taken = [connection.default_channel.basic_get("default").headers["id"] for _ in range(2)]
    assert taken == [str(high.id), str(low.id)]


def test_a_batch_is_published_whole(broker: redis.Redis) -> None:
    rows = queued(250)
    broker.flushdb()
    assert bell.ring(rows) == 250
    assert ids_in(broker) == sorted(str(row.id) for row in rows)


def test_ringing_nothing_asks_nobody(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert bell.ring([]) == 0


def test_a_type_that_vanished_from_the_registry_does_not_keep_the_others_from_being_rung(broker: redis.Redis) -> None:
    rows = queued(3)
    broker.flushdb()
    JobExecution.objects.filter(pk=rows[0].pk).update(job_type="VanishedJob")
    unrung(rows, 60)
    assert bell.relay() == 3
    assert sorted(message["headers"]["task"] for message in messages(broker)) == ["NoOpJob", "NoOpJob", "VanishedJob"]


def test_an_alias_is_rung_by_the_name_of_its_type(broker: redis.Redis, settings: Any, forget_registry: None) -> None:
    settings.SCHEDULER_JOB_TYPES = ["tests.jobs.test_registry.AliasedJob"]
    a_run(a_job(job_type="OtherName"))
    assert messages(broker)[0]["headers"]["task"] == "AliasedJob"


# --- Never published -------------------------------------------------------------------------------------------------
def test_what_was_never_published_is_published_once_its_maker_must_be_dead(broker: redis.Redis) -> None:
    rows = queued(3)
    broker.flushdb()
    unrung(rows, 1)
    assert bell.relay() == 0
    unrung(rows, 6)
    assert bell.relay() == 3
    assert bell.relay() == 0
    assert len(messages(broker)) == 3


def test_only_rows_that_are_free_to_start_are_published(broker: redis.Redis) -> None:
    waiting, held, running, done = queued(4)
    broker.flushdb()
    unrung([waiting, held, running, done], 60)
    later = database_now() + timedelta(minutes=1)
    JobExecution.objects.filter(pk=waiting.pk).update(available_at=later)
    JobExecution.objects.filter(pk=held.pk).update(available_at=None)
    claimed(running)
    ended(claimed(done))
    assert bell.relay() == 0
    JobExecution.objects.filter(pk=waiting.pk).update(available_at=database_now())
    assert bell.relay() == 1


def test_a_retry_is_published_when_its_delay_is_over(broker: redis.Redis) -> None:
    job = a_job(retry_delay_minutes=5)
    ended(claimed(a_run(job)), FAILED)
    broker.flushdb()
    assert dispatch.admit_retries() == 0
    past = database_now() - timedelta(seconds=10)
    JobExecution.objects.filter(job=job, status=ExecutionStatus.QUEUED).update(available_at=past, queued_at=past)
    assert bell.relay() == 0
    assert dispatch.admit_retries() == 1
    assert len(messages(broker)) == 1


# --- Lost ------------------------------------------------------------------------------------------------------------
def test_a_lost_message_is_published_again_when_its_ring_is_old(broker: redis.Redis) -> None:
    rows = queued(2)
    broker.flushdb()
    rung(rows, 29)
    assert bell.relay_lost() == 0
    rung(rows, 31)
    assert bell.relay_lost() == 2
    assert ids_in(broker) == sorted(str(row.id) for row in rows)
    assert {row.rings for row in rows_of(rows[0].job)} == {2}


def test_a_queue_that_is_merely_long_is_left_alone(broker: redis.Redis) -> None:
    rows = queued(20)
    rung(rows, 100_000)
    assert bell.relay_lost() == 0
    assert len(messages(broker)) == 20


def test_no_more_is_published_again_than_is_missing(broker: redis.Redis) -> None:
    rows = queued(5)
    rung(rows, 60)
    for _ in range(2):
        with current_app.connection_for_read() as connection:
            connection.default_channel.basic_get("default", no_ack=True)
    assert bell.relay_lost() == 2
    assert len(messages(broker)) == 5


def test_a_young_ring_counts_as_a_message_that_may_still_be_on_its_way(broker: redis.Redis) -> None:
    rows = queued(4)
    broker.flushdb()
    rung(rows[:3], 5)
    rung(rows[3:], 60)
    assert bell.relay_lost() == 1


def test_each_queue_is_counted_by_itself(broker: redis.Redis) -> None:
    lost, held = queued(2, name="lost", queue="one"), queued(2, name="held", queue="two")
    rung(lost + held, 60)
    broker.delete(*broker.keys("one*"))
    assert bell.relay_lost() == 2
    assert (len(messages(broker, "one")), len(messages(broker, "two"))) == (2, 2)


@pytest.mark.parametrize(
    ("rings", "patience"),
    [(1, 30), (2, 60), (3, 120), (4, 240), (5, 480), (6, 960), (7, 1_920), (8, 3_600), (99, 3_600)],
)
def test_the_patience_doubles_with_each_ring_up_to_an_hour(broker: redis.Redis, rings: int, patience: int) -> None:
    rows = queued(1)
    broker.flushdb()
    rung(rows, patience - 2, rings)
    assert bell.relay_lost() == 0
    rung(rows, patience + 2, rings)
    assert bell.relay_lost() == 1


def test_messages_of_every_priority_count_as_held(broker: redis.Redis) -> None:
    for priority in (0, 3, 5, 9):
        queued(1, name=f"p{priority}", priority=priority)
    assert bell.held_by_broker("default") == 4
    assert bell.held_by_broker("no-such-queue") == 0


# --- The broker is away ----------------------------------------------------------------------------------------------
@pytest.fixture
def own_broker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A Valkey of the test's own, that it may kill."""
    from scheduler_project.local.valkey import Valkey

    folder = Path(tempfile.mkdtemp(prefix="schedulerservice-bell-"))
    folder.chmod(0o711)
    valkey = Valkey(folder, is_durable=False)
    valkey.start()
    before = current_app._get_current_object()
    monkeypatch.setenv("CELERY_BROKER_URL", valkey.url())  # Celery asks it before its own settings
    app = Celery("on-its-own-broker", set_as_current=True)
    app.config_from_object("django.conf:settings", namespace="CELERY")
    app.conf.broker_url = valkey.url()
    yield valkey
    before.set_current()
    app.close()
    valkey.kill()
    shutil.rmtree(folder, ignore_errors=True)


def test_a_broker_that_dies_loses_no_row_and_fails_no_request(own_broker: Any) -> None:
    rows = queued(1)
    assert rows[0].rings == 1
    own_broker.kill()
    job = ScheduledJob.objects.get()
    cut_off, refused = a_run(job), a_run(job)  # on the open connection, then on a new one
    for run in (cut_off, refused):
        run.refresh_from_db()
        assert (run.status, run.rung_at) == (ExecutionStatus.QUEUED, None)
    unrung([cut_off, refused], 60)
    assert bell.relay() == 0
    with pytest.raises(bell.BROKER_ERRORS):
        bell.held_by_broker("default")
    own_broker.start()
    assert bell.relay() == 2
    assert dispatch.fire_due() == 0


def test_a_retry_that_was_admitted_while_the_broker_was_away_is_rung_when_it_is_back(own_broker: Any) -> None:
    """It was marked as rung and never looked at again, and its job never ran again beside it."""
    job = a_job(retry_delay_minutes=0)
    ended(claimed(a_run(job)), FAILED)
    own_broker.kill()
    assert dispatch.admit_retries() == 1
    [retry] = JobExecution.objects.filter(status=ExecutionStatus.QUEUED)
    assert (retry.rings, retry.rung_at is not None) == (0, True)
    own_broker.start()
    redis.Redis.from_url(own_broker.url()).flushdb()  # the first attempt's message, which nobody took
    assert bell.relay_lost() == 0
    rung([retry], 31, 0)
    assert bell.relay_lost() == 1
