"""Hours without a beat, minutes without a worker, runs longer than the broker waits: nothing is lost or doubled."""

import os
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import transaction
from django.db.models import F, Min, Sum
from redis import Redis

from executions import dispatch
from executions.models import BeatLease, JobExecution, Watch
from jobs.clock import database_now
from jobs.enums import ExecutionStatus, MisfirePolicy, OverlapPolicy, Trigger
from jobs.models import SYSTEM_USER_ID, ScheduledJob
from scheduler_project.local import commands
from scheduler_project.local.process import Process
from tests.faults.impatient_broker import VISIBILITY_TIMEOUT_SECONDS
from tests.faults.load import EVERY_MINUTE, ONCE_A_YEAR, date_back
from tests.journey.conftest import System, empty_broker, until  # noqa: F401 - a fixture for all of these

pytestmark = pytest.mark.journey

A_DAY = timedelta(days=1)
# WAITING_DUE_TIMES=1000 makes them the ten thousand rows that were asked for; it takes a minute longer.
WAITING_JOBS, WAITING_DUE_TIMES = 10, int(os.environ.get("WAITING_DUE_TIMES", "200"))
LOST_MESSAGES = 100


@pytest.fixture
def broker() -> Iterator[Redis]:
    with Redis.from_url(os.environ["CELERY_BROKER_URL"]) as client:
        yield client


def define(
    name: str, job_type: str = "NoOpJob", *, since: timedelta = timedelta(), **definition: object
) -> ScheduledJob:
    """A job whose due times have not been looked at since."""
    definition = {"cron_expression": EVERY_MINUTE, "overlap_policy": OverlapPolicy.ALLOW, **definition}
    with transaction.atomic():
        job = ScheduledJob.define(by=SYSTEM_USER_ID, name=name, job_type=job_type, **definition)
        if since:
            date_back(job, since)
    return job


def waiting_messages(broker: Redis) -> int:
    """In the queue `default`, of all priorities."""
    return sum(int(broker.llen(key)) for key in broker.scan_iter("default*") if broker.type(key) == b"list")


def until_looked_for_lost(beat: Process) -> None:
    """Return once the beat has looked for lost messages and lost runs anew."""
    looks = Watch.objects.values_list("last_turn_at", flat=True)
    for _look in range(2):  # the first may have begun before
        before = looks.first()
        until(lambda before=before: looks.first() != before, beat)


def is_settled() -> bool:
    return not ScheduledJob.objects.filter(next_execution_at__lte=database_now()).exists()


# --- No beat ---------------------------------------------------------------------------------------------------------
def test_after_a_day_without_a_beat_each_due_time_has_one_row_by_the_misfire_policy(system: System) -> None:
    policies = (MisfirePolicy.RUN_ONCE, MisfirePolicy.RUN_ALL, MisfirePolicy.SKIP)
    jobs = {policy: define(policy.value, since=A_DAY, misfire_policy=policy) for policy in policies}
    beat = system.start_beat()
    until(lambda: BeatLease.objects.exists() and is_settled(), beat)
    took = (database_now() - BeatLease.objects.get().since).total_seconds()
    print(f"three jobs' due times of a day were written within {took:.2f} s")
    system.stop()
    for policy, job in jobs.items():
        rows = JobExecution.objects.filter(job=job)
        # What was due when beat came; due times that came while this test looked on are beside the point.
        first = rows.filter(queued_at=rows.aggregate(first=Min("queued_at"))["first"])
        due_times = list(first.values_list("scheduled_for", flat=True).order_by("scheduled_for"))
        revision = job.revisions.get()
        assert due_times == list(job.schedule.between(revision.effective_from, due_times[-1]))
        assert 1_439 <= len(due_times) <= 1_442
        runs = first.filter(status=ExecutionStatus.QUEUED)
        made_up = 100 if policy == MisfirePolicy.RUN_ALL else 0
        assert runs.filter(trigger=Trigger.CATCH_UP).count() == made_up
        # The latest is within the grace of 60 s: it fires as usual, and RunOnce has no other to make up.
        assert 1 <= runs.count() - made_up <= 2
        assert max(due_times) == runs.order_by("-scheduled_for")[0].scheduled_for
        assert Counter(first.values_list("status", "reason")) == {
            ("Queued", ""): runs.count(), ("Missed", "misfire"): len(due_times) - runs.count(),
        }  # fmt: skip


def test_run_once_makes_up_the_latest_of_a_day_when_none_fires_as_usual(system: System) -> None:
    expression = f"{(database_now() - timedelta(minutes=10)).minute} * * * *"
    job = define("hourly", since=A_DAY, cron_expression=expression)
    beat = system.start_beat()
    until(lambda: is_settled() and JobExecution.objects.exists(), beat)
    system.stop()
    rows = list(JobExecution.objects.order_by("scheduled_for"))
    assert [row.scheduled_for for row in rows] == list(job.schedule.between(database_now() - A_DAY, database_now()))
    assert {row.status for row in rows[:-1]} == {ExecutionStatus.MISSED}
    assert (rows[-1].status, rows[-1].trigger) == (ExecutionStatus.QUEUED, Trigger.CATCH_UP)


# --- No worker -------------------------------------------------------------------------------------------------------
def test_thousands_of_waiting_runs_leave_the_broker_bounded_and_run_once_each(
    system: System, broker: Redis, tmp_path: Path
) -> None:
    diaries = [tmp_path / f"diary {number}" for number in range(WAITING_JOBS)]
    jobs = [
        define(
            diary.name, "DiaryJob", since=timedelta(minutes=WAITING_DUE_TIMES), misfire_grace_seconds=86_400,
            parameters={"path": str(diary)},
        )
        for diary in diaries
    ]  # fmt: skip
    beat = system.start_beat()
    until(is_settled, beat)
    for job in jobs:
        job.redefine(by=SYSTEM_USER_ID, cron_expression=ONCE_A_YEAR)
    rows = JobExecution.objects.filter(status=ExecutionStatus.QUEUED)
    total = rows.count()
    assert total >= WAITING_JOBS * WAITING_DUE_TIMES
    until(lambda: not rows.filter(rings=0).exists(), beat)
    assert waiting_messages(broker) == total

    # Each time as if ten minutes had passed; what the broker has lost is published again, and nothing else.
    for lost in (LOST_MESSAGES, 0):
        for key in broker.scan_iter("default*"):
            if lost and broker.type(key) == b"list":
                broker.ltrim(key, lost, -1)
        rows.update(rung_at=F("rung_at") - timedelta(minutes=10))
        published = rows.aggregate(rings=Sum("rings"))["rings"] + lost
        until_looked_for_lost(beat)
        assert waiting_messages(broker) == total
        assert rows.aggregate(rings=Sum("rings"))["rings"] == published

    workers = [system.start(name, (*commands.worker(2), "-n", f"{name}@%h")) for name in ("w1", "w2")]
    until(lambda: not rows.exists(), beat, *workers, seconds=600)
    done = JobExecution.objects.filter(status=ExecutionStatus.COMPLETED)
    until(lambda: done.count() == total, beat, *workers)
    system.stop()
    for job, diary in zip(jobs, diaries, strict=True):
        due_times = Counter(line.split()[0] for line in diary.read_text().splitlines())
        assert max(due_times.values()) == 1
        assert len(due_times) == done.filter(job=job).count()


# --- Longer than the broker waits ------------------------------------------------------------------------------------
def test_a_run_longer_than_the_brokers_visibility_timeout_is_not_run_twice(
    system: System, broker: Redis, tmp_path: Path
) -> None:
    diary = tmp_path / "diary"
    seconds = 4 * VISIBILITY_TIMEOUT_SECONDS
    job = define("long", "DiaryJob", cron_expression=ONCE_A_YEAR, parameters={"path": str(diary), "seconds": seconds})
    command = ("celery", "-A", "tests.faults.impatient_broker", *commands.worker(2)[3:])
    workers = [system.start(name, (*command, "-n", f"{name}@%h")) for name in ("w1", "w2")]
    beat = system.start_beat()
    run = dispatch.run_now(job, dispatch.RunRequest(by=SYSTEM_USER_ID))
    until(diary.exists, *workers)
    # No message is left that the broker could give to somebody else.
    assert (waiting_messages(broker), broker.hlen("unacked")) == (0, 0)
    rows = JobExecution.objects.filter(job=job)
    until(lambda: rows.get().is_finished, beat, *workers)
    assert rows.get().status == ExecutionStatus.COMPLETED
    assert rows.get().duration > timedelta(seconds=seconds)
    assert len(diary.read_text().splitlines()) == 1
    assert (rows.get().id, rows.get().rings) == (run.id, 1)


def test_a_retry_that_waits_three_hours_needs_no_message_and_is_rung_when_its_time_has_come(
    system: System, broker: Redis
) -> None:
    job = define("fails", "FailingJob", cron_expression=ONCE_A_YEAR, max_retries=1, retry_delay_minutes=180)
    worker, beat = system.start_worker(), system.start_beat()
    dispatch.run_now(job, dispatch.RunRequest(by=SYSTEM_USER_ID))
    retries = JobExecution.objects.filter(job=job, retry_attempt=1)
    until(retries.exists, worker)
    wait = retries.get().available_at - database_now()
    assert timedelta(hours=2, minutes=58) < wait <= timedelta(hours=3)
    until_looked_for_lost(beat)
    assert (retries.get().status, retries.get().rings) == (ExecutionStatus.QUEUED, 0)
    assert (waiting_messages(broker), broker.hlen("unacked")) == (0, 0)
    retries.update(available_at=database_now())
    until(lambda: retries.get().is_finished, worker, beat)
    assert (retries.get().status, retries.get().rings) == (ExecutionStatus.FAILED, 1)
