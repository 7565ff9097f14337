"""A service that has been at work for long: jobs with their revisions and figures, and a full ledger, made in bulk.

`grow(jobs=5_000, executions=1_000_000)` in a process that has Django set up and a database of its own (`stage.opened`,
or a test); `put_to_work()` adds what is under way at this moment, `tidy()` does what autovacuum would have done.
"""

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from math import ceil
from typing import Any

from django.db import connection, transaction

from executions import dispatch, ids, partitions
from executions.models import Alert, BeatLease, JobExecution, LedgerCheck, Worker
from executions.rollups import rebuilding
from jobs.clock import database_now
from jobs.enums import ExecutionStatus, Trigger
from jobs.models import DEFINITION_FIELDS, SYSTEM_USER_ID, ScheduledJob, ScheduleRevision

# Of each hundred jobs: so many, with so many minutes between their due times; the rest once a day. Five thousand jobs
# have a million due times in thirty days.
MIX = ((1, 5, "{minute}-59/5 * * * *"), (9, 60, "{minute} * * * *"), (15, 240, "{minute} {hour}-23/4 * * *"))
DAILY = (1_440, "{minute} {hour} * * *")
TYPES = ("HealthCheckMonitoringJob", "CleanupExpiredTokensJob", "SyncVehiclePricesJob", "GenerateDailyReportsJob")
WORKERS, RUNNING, WAITING, ALERTS = 4, 10, 20, 3
DAY = timedelta(days=1)
# A worker that is made up writes no sign of life: it is given them beforehand.
ALIVE_FOR = timedelta(days=1)


@dataclass(frozen=True)
class History:
    """From when to when it is, in whole days, and what it holds: at least as many executions as were asked for."""

    begin: datetime
    end: datetime
    jobs: int
    executions: int


@dataclass(frozen=True)
class Rhythm:
    """How often a job comes, and at which of those minutes, on the clock of the business."""

    minutes: int
    place: int
    expression: str


def grow(*, jobs: int, executions: int) -> History:
    """Fill an empty service. The history ends a minute ago and reaches back as far as so many executions take."""
    rhythms = [_rhythm(number) for number in range(jobs)]
    days = ceil(executions / sum(DAY / timedelta(minutes=rhythm.minutes) for rhythm in rhythms))
    now = database_now()
    begin, end = now - timedelta(minutes=1) - days * DAY, now - timedelta(minutes=1)
    made = [_job(number, rhythm, now) for number, rhythm in enumerate(rhythms)]
    _define(made)
    partitions.ensure({partitions.month_of(begin + day * DAY) for day in range(days + 1)})
    count = sum(_add_day(made, rhythms, begin + day * DAY) for day in range(days))
    with connection.cursor() as cursor:
        cursor.execute(_FIGURES)
    rebuilding.rebuild(lag=timedelta())
    return History(begin, end, jobs, count)


def put_to_work() -> None:
    """What is under way: living workers, a beat that leads, runs that go on and that wait, alerts, a check."""
    now = database_now()
    BeatLease.objects.create(
        holder=uuid.uuid4(), term=1, machine_name="machine-0", process_id=1, since=now - DAY, expires_at=now + ALIVE_FOR
    )
    for number in range(WORKERS):
        Worker.objects.create(
            id=uuid.uuid4(), name=f"celery@machine-{number}", machine_name=f"machine-{number}", process_id=1,
            queues=["default"], processes=8, started_at=now - DAY, last_seen_at=now + ALIVE_FOR,
        )  # fmt: skip
    jobs = list(ScheduledJob.objects.live()[: RUNNING + WAITING])
    dispatch.insert([_under_way(job, now, runs=place < RUNNING) for place, job in enumerate(jobs)])
    for job in jobs[:ALERTS]:
        Alert.objects.create(rule="consecutive_failures", job=job, subject=job.name, opened_at=now)
    LedgerCheck.objects.create(
        checked_from=now - DAY, checked_until=now, finished_at=now, jobs=len(jobs), planned=1, unaccounted=0,
        unplanned=0,
    )  # fmt: skip


def tidy() -> None:
    """Outside of a transaction."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")


def _rhythm(number: int) -> Rhythm:
    bounds = accumulate(percent for percent, _minutes, _expression in MIX)
    chosen = (each[1:] for bound, each in zip(bounds, MIX, strict=True) if number % 100 < bound)
    minutes, expression = next(chosen, DAILY)
    place = number * 7 % minutes
    return Rhythm(minutes, place, expression.format(minute=place % 60, hour=place // 60))


def _job(number: int, rhythm: Rhythm, now: datetime) -> ScheduledJob:
    job = ScheduledJob(
        key=f"job-{number:05}", name=f"Job {number:05}", description=f"Made for measuring: every {rhythm.minutes} min.",
        job_type=TYPES[number % len(TYPES)], cron_expression=rhythm.expression, max_retries=1,
        created_by_user_id=SYSTEM_USER_ID, created_at=now - 400 * DAY,
    )  # fmt: skip
    job.next_execution_at = job.schedule.next_after(now)
    return job


def _define(jobs: Sequence[ScheduledJob]) -> None:
    """Without their mirrors: `manage.py rebuild_periodic_tasks` makes those."""
    with transaction.atomic():
        ScheduledJob.objects.bulk_create(jobs, batch_size=1_000)
        ScheduleRevision.objects.bulk_create([_revision(job) for job in jobs], batch_size=1_000)


def _revision(job: ScheduledJob) -> ScheduleRevision:
    definition: dict[str, Any] = {name: getattr(job, name) for name in DEFINITION_FIELDS}
    return ScheduleRevision(
        job=job, version=1, effective_from=job.created_at, status=job.status, changed_by_user_id=SYSTEM_USER_ID,
        definition=json.loads(json.dumps(definition)),
    )  # fmt: skip


def _add_day(jobs: Sequence[ScheduledJob], rhythms: Sequence[Rhythm], begin: datetime) -> int:
    """The rows of all due times after `begin` and within a day; in the order of time, as they come in life."""
    asked: dict[str, Any] = {
        "begin": begin, "end": begin + DAY, "workers": WORKERS, "jobs": [job.id for job in jobs],
        "minutes": [rhythm.minutes for rhythm in rhythms], "places": [rhythm.place for rhythm in rhythms],
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_DUE_TIMES, asked)
        first_attempts: int = cursor.rowcount
        cursor.execute(_RETRIES, asked)
        retries: int = cursor.rowcount
    return first_attempts + retries


def _under_way(job: ScheduledJob, now: datetime, *, runs: bool) -> JobExecution:
    row = JobExecution(
        id=ids.of_request(now), job=job, job_name=job.name, job_type=job.job_type, parameters=job.parameters,
        queue=job.queue, priority=job.priority, trigger=Trigger.MANUAL, status=ExecutionStatus.QUEUED,
        queued_at=now, available_at=now, rung_at=now, rings=1,
    )  # fmt: skip
    if runs:
        row.status, row.started_at, row.claim_token = ExecutionStatus.RUNNING, now, uuid.uuid4()
        row.worker_name, row.progress = "celery@machine-0", 40
    return row


# Ids as `executions.ids` makes them, of a time in milliseconds and a hash; the hash is chance enough for all the rest.
_KEY = """
(lpad(to_hex(milliseconds), 12, '0') || '7' || substr(hash, 14, 3)
    || translate(substr(hash, 17, 1), '0123456789abcdef', '89ab89ab89ab89ab') || substr(hash, 18, 15))::uuid
"""
_CHANCE = "(('x' || substr(hash, {place}, 6))::bit(24)::int / 16777216.0)"
_COLUMNS = """
id, job_id, job_name, job_type, parameters, queue, priority, trigger, rings, reason, worker_name, machine_name,
process_id, progress_message, output, retry_attempt, scheduled_for, queued_at, available_at, rung_at, started_at,
completed_at, duration, status, result, error_message, stack_trace, retry_of
"""
_SAID = "repeat(to_char(started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') || ' INFO a line\n', 5)"
_DUE_TIMES = f"""
WITH due AS (
    SELECT job.*, due, (extract(epoch FROM due) * 1000)::bigint AS milliseconds,
        encode(sha256(uuid_send(job.id) || int8send((extract(epoch FROM due) * 1000000)::bigint)), 'hex') AS hash
    FROM unnest(%(jobs)s::uuid[], %(minutes)s::int[], %(places)s::int[]) AS wanted (job_id, minutes, place)
    JOIN jobs_scheduledjob AS job ON job.id = wanted.job_id
    CROSS JOIN LATERAL (SELECT make_interval(mins => minutes) AS step,
        timestamptz '1970-01-01 04:00Z' + make_interval(mins => place) AS origin) AS rhythm
    CROSS JOIN LATERAL generate_series(date_bin(step, %(begin)s, origin) + step, %(end)s, step) AS due
), chosen AS (
    SELECT *, {_CHANCE.format(place=33)} AS chance, due + {_CHANCE.format(place=39)} * interval '0.4 s' AS queued_at,
        {_CHANCE.format(place=45)} AS length, mod(milliseconds / 60000 + priority, %(workers)s) AS machine
    FROM due
), ended AS (
    SELECT *, CASE WHEN chance < 0.005 THEN 'Missed' WHEN chance < 0.02 THEN 'Skipped' WHEN chance < 0.025
        THEN 'Cancelled' WHEN chance < 0.06 THEN 'Failed' ELSE 'Completed' END AS ending
    FROM chosen
), ran AS (
    SELECT *, ending IN ('Completed', 'Failed') AS has_run,
        CASE WHEN ending IN ('Completed', 'Failed') THEN queued_at + interval '0.05 s' END AS started_at,
        CASE WHEN ending IN ('Completed', 'Failed')
            THEN interval '0.2 s' * power(200, get_byte(uuid_send(id), 3) / 255.0) * (0.5 + length) END AS duration
    FROM ended
)
INSERT INTO executions_jobexecution ({_COLUMNS})
SELECT {_KEY}, id, name, job_type, parameters, queue, priority, 'Schedule', has_run::int,
    CASE ending WHEN 'Missed' THEN 'misfire' WHEN 'Skipped' THEN 'overlap' WHEN 'Cancelled' THEN 'cancelled'
        WHEN 'Failed' THEN 'error' ELSE '' END,
    CASE WHEN has_run THEN 'celery@machine-' || machine ELSE '' END,
    CASE WHEN has_run THEN 'machine-' || machine ELSE '' END, CASE WHEN has_run THEN 1 END, '',
    CASE WHEN has_run THEN {_SAID} ELSE '' END, 0, due, queued_at,
    CASE WHEN ending NOT IN ('Missed', 'Skipped') THEN queued_at END, CASE WHEN has_run THEN queued_at END, started_at,
    CASE WHEN has_run THEN started_at + duration ELSE queued_at END, duration, ending,
    CASE ending WHEN 'Completed' THEN '{{"checked": 12}}'::jsonb END,
    CASE ending WHEN 'Failed' THEN 'The service did not answer within 10 s.' END,
    CASE ending WHEN 'Failed' THEN repeat('  File "job.py", line 1, in run' || chr(10), 20) END, NULL
FROM ran ORDER BY due, id
"""
# Each failed first attempt has one more, five minutes later; one in four fails again.
_RETRIES = f"""
WITH failed AS (
    SELECT *, (extract(epoch FROM scheduled_for) * 1000)::bigint AS milliseconds,
        encode(sha256(uuid_send(id) || '\\x0001'::bytea), 'hex') AS hash
    FROM executions_jobexecution
    WHERE completed_at > %(begin)s AND completed_at < %(end)s - interval '1 hour' AND status = 'Failed'
        AND scheduled_for > %(begin)s AND retry_attempt = 0
), again AS (
    SELECT failed.*, completed_at + interval '5 minutes' AS free_at, {_CHANCE.format(place=33)} < 0.25 AS fails
    FROM failed
)
INSERT INTO executions_jobexecution ({_COLUMNS})
SELECT {_KEY}, job_id, job_name, job_type, parameters, queue, priority, 'Retry', 1,
    CASE WHEN fails THEN 'error' ELSE '' END, worker_name, machine_name, process_id, '', output, 1, scheduled_for,
    completed_at, free_at, free_at, free_at, free_at + duration, duration,
    CASE WHEN fails THEN 'Failed' ELSE 'Completed' END, result, CASE WHEN fails THEN error_message END,
    CASE WHEN fails THEN stack_trace END, id
FROM again
"""
_FIGURES = """
INSERT INTO jobs_jobfigures
    (job_id, stripe, total, successful, failed, duration_total, last_started_at, last_status, last_error)
SELECT job_id, 0, count(*), count(*) FILTER (WHERE status = 'Completed'), count(*) FILTER (WHERE status = 'Failed'),
    sum(duration), max(started_at), (array_agg(status ORDER BY started_at DESC))[1],
    (array_agg(error_message ORDER BY started_at DESC))[1]
FROM executions_jobexecution WHERE duration IS NOT NULL GROUP BY job_id
"""
