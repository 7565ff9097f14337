"""What did not go well lately, and due times that nobody fired since their job was taken off the schedule.

One line for each job and reason: a job that fails all night shall not hide one that failed once.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from dashboard.history import HOUR, Ended
from executions.attempts import LATER
from executions.models import NOT_WELL
from jobs import cron
from jobs.admin.display import zone_of
from jobs.enums import ExecutionStatus, JobStatus

DELETED = "Deleted"
# How long ago a job may have been taken off the schedule to be named still: after that everybody knows.
NEWS = timedelta(days=7)
MOST_TAKEN_OFF = 50
MOST_NAMED = 3
MOST_ATTEMPTS = 10  # of the same job and reason: whether one of them was the last of its run


@dataclass(frozen=True)
class Trouble:
    """`status` is an execution's end, or Disabled or Deleted: then it is the job that is so.

    `at`: the newest due time, or when it was asked for. `count`: how many due times, runs or attempts it stands for.
    """

    status: str
    reason: str
    count: int
    jobs: int
    names: Sequence[str]
    job_id: UUID | None  # None: of several jobs
    execution_id: UUID | None
    at: datetime
    time_zone: str
    error: str

    @property
    def is_failure(self) -> bool:
        return self.status in (ExecutionStatus.FAILED, ExecutionStatus.MISSED)

    @property
    def is_of_job(self) -> bool:
        return self.execution_id is None

    @property
    def more_jobs(self) -> int:
        return self.jobs - len(self.names)

    @property
    def asked_at(self) -> str:
        """As the job's page is asked why."""
        return f"{self.at.astimezone(zone_of(self.time_zone)):%Y-%m-%dT%H:%M}"


@dataclass(frozen=True)
class Troubles:
    """`shown`: failures first, then the newest; `is_cut`: there are more.

    `counts`: of all, by status; of Failed and of those that are the job's own, how many jobs there are, which for
    Failed ends at `limit`: `has_more_failed`.
    """

    shown: Sequence[Trouble]
    is_cut: bool
    counts: Mapping[str, int]
    has_more_failed: bool = False


def troubles(found: Iterable[Ended], now: datetime, *, within: timedelta, limit: int) -> Troubles:
    """By one query. `found`: what ended within that time; only where something went wrong the ledger is looked at."""
    wrong = [each.begins_at for each in found if each.begins_at > now - within - HOUR and _is_wrong(each)]
    began, over = (max(min(wrong), now - within), min(max(wrong) + HOUR, now)) if wrong else (now, now)
    asked: dict[str, Any] = {"began": began, "over": over, "most": limit + 1, "news": now - NEWS}
    with connection.cursor() as cursor:
        cursor.execute(_TROUBLES, asked)
        rows: Sequence[Any] = cursor.fetchall()
    ended = [_of_ledger(row) for row in rows if not row[0]]
    off = [each for row in rows if row[0] and (each := _of_job(row, now, within))]
    failed = [each for each in ended if each.status == ExecutionStatus.FAILED]
    others = {row[1]: int(row[12]) for row in rows if not row[0] and row[12]}
    loud, quiet = ([each for each in ended if each.is_failure is loudly] for loudly in (True, False))
    lines = [*loud, *off, *quiet]
    return Troubles(
        lines[:limit],
        len(lines) > limit,
        Counter(others) + _jobs(failed[:limit]) + _jobs(off),
        has_more_failed=len(failed) > limit,
    )


def _jobs(lines: Iterable[Trouble]) -> Counter[str]:
    """How many jobs, by status."""
    return Counter(status for status, _job in {(each.status, each.job_id) for each in lines})


def _is_wrong(ended: Ended) -> bool:
    return any(ended.counts[status] for status in NOT_WELL)


def _of_ledger(row: Sequence[Any]) -> Trouble:
    _is_job, status, reason, count, jobs, names, job_id, execution_id, at, zone, error, *_others = row
    return Trouble(status, reason, count, jobs, names, job_id, execution_id, at, zone, error or "")


def _of_job(row: Sequence[Any], now: datetime, within: timedelta) -> Trouble | None:
    """None: no due time of it has passed since then."""
    _is_job, status, _reason, _count, _jobs, names, job_id, _execution, since, zone, _error, expression, *_others = row
    try:
        schedule, after = cron.parse(expression, zone), max(since, now - within)
    except cron.CronError:  # nobody can say when it would have been due
        return None
    due = schedule.latest(1, until=now, after=after)
    if not due:
        return None
    return Trouble(status, "", schedule.count_between(after, now), 1, names, job_id, None, due[0], zone, "")


_NOT_WELL = ", ".join(f"'{status}'" for status in NOT_WELL)
# A hold concerns all jobs alike, and is one line. A failure counts when it is final: all attempts of a run have ids
# that begin with the same 48 bits. That is asked of the newest ones of a line, and of no more lines than are shown, for
# it costs far more than to find them.
_TROUBLES = f"""
WITH wrong AS MATERIALIZED (
    SELECT id, CASE WHEN reason <> 'held' THEN job_id END AS one_job, job_id, job_name, status, reason, completed_at
    FROM executions_jobexecution
    WHERE completed_at >= %(began)s AND completed_at <= %(over)s AND status IN ({_NOT_WELL})
), lines AS MATERIALIZED (
    SELECT one_job, status, reason, count(*) AS count, max(completed_at) AS newest_at,
        (array_agg(id ORDER BY completed_at DESC, id DESC))[1:{MOST_ATTEMPTS}] AS newest,
        row_number() OVER (PARTITION BY status ORDER BY max(completed_at) DESC) AS place,
        sum(count(*)) OVER (PARTITION BY status) AS of_status
    FROM wrong GROUP BY 1, 2, 3
), failed AS (
    SELECT lines.*, final.id
    FROM (SELECT * FROM lines WHERE status = 'Failed' ORDER BY newest_at DESC OFFSET 0) AS lines
    CROSS JOIN LATERAL (
        SELECT run.id FROM unnest(newest) WITH ORDINALITY AS attempt (id, place)
        JOIN executions_jobexecution AS run ON run.id = attempt.id
        WHERE NOT EXISTS ({LATER} OFFSET 0)
        ORDER BY attempt.place LIMIT 1
    ) AS final
    LIMIT %(most)s
), chosen AS (
    SELECT one_job, status, reason, count, newest_at, id, NULL AS of_status FROM failed
    UNION ALL
    SELECT one_job, status, reason, count, newest_at, newest[1], of_status FROM lines
    WHERE status <> 'Failed' AND place <= %(most)s
)
SELECT false AS is_of_job, chosen.status, chosen.reason, count, coalesce(held.jobs, 1),
    coalesce(held.names, ARRAY[run.job_name]), one_job, run.id, coalesce(run.scheduled_for, run.queued_at) AS at,
    job.time_zone, left(run.error_message, 300), NULL AS expression, of_status, newest_at
FROM chosen
JOIN executions_jobexecution AS run ON run.id = chosen.id
JOIN jobs_scheduledjob AS job ON job.id = run.job_id
LEFT JOIN LATERAL (
    SELECT count(DISTINCT job_id) AS jobs, (array_agg(DISTINCT job_name ORDER BY job_name))[1:{MOST_NAMED}] AS names
    FROM wrong WHERE one_job IS NULL AND status = chosen.status AND chosen.one_job IS NULL
    HAVING chosen.one_job IS NULL
) AS held ON true
UNION ALL
SELECT true, CASE WHEN job.deleted_at IS NULL THEN 'Disabled' ELSE '{DELETED}' END, '', 1, 1, ARRAY[name], job.id, NULL,
    off.since, time_zone, NULL, cron_expression, NULL, off.since
FROM (
    SELECT * FROM jobs_scheduledjob
    WHERE next_execution_at IS NULL AND coalesce(deleted_at, last_modified_at) > %(news)s
        AND (deleted_at IS NOT NULL OR status = '{JobStatus.DISABLED}')
    ORDER BY coalesce(deleted_at, last_modified_at) DESC LIMIT {MOST_TAKEN_OFF}
) AS job
CROSS JOIN LATERAL (
    SELECT min(effective_from) AS since FROM jobs_schedulerevision WHERE job_id = job.id AND version > (
        SELECT max(version) FROM jobs_schedulerevision
        WHERE job_id = job.id AND status NOT IN ('{JobStatus.DISABLED}', '{DELETED}'))
) AS off
WHERE off.since > %(news)s AND NOT EXISTS (
    SELECT FROM jobs_scheduledjob AS live
    WHERE live.key = job.key AND live.deleted_at IS NULL AND live.id <> job.id)
ORDER BY 1, newest_at DESC
"""  # noqa: S608 - nothing in it comes from outside
