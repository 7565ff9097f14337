"""The audit finds what is wrong: each test spoils one thing in a ledger that is right."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from executions import ids
from executions.models import JobExecution
from jobs.enums import ExecutionStatus, JobStatus, OverlapPolicy, Reason, Trigger
from jobs.models import JobFigures, ScheduledJob, ScheduleRevision
from tests.faults.audit import Facts, Kind, audit
from tests.faults.witness import Bodies

BEGAN = datetime(2030, 1, 1, 12, 0, 30, tzinfo=UTC)
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
JOB = uuid.UUID(int=1)


def at(minute: int) -> datetime:
    return NOON + timedelta(minutes=minute)


def a_job(*, total: int, successful: int, failed: int) -> ScheduledJob:
    job = ScheduledJob(
        id=JOB,
        name="job",
        cron_expression="* * * * *",
        status=JobStatus.ENABLED,
        next_execution_at=at(4),
        max_retries=1,
    )
    figures = JobFigures(job=job, stripe=0, total=total, successful=successful, failed=failed)
    job._prefetched_objects_cache = {"figures": [figures]}  # as `with_figures` leaves it
    return job


def a_revision(version: int, since: datetime, status: str = JobStatus.ENABLED, **changes: Any) -> ScheduleRevision:
    definition = {"cron_expression": "* * * * *", "time_zone": "UTC", "max_retries": 1, **changes}
    return ScheduleRevision(job_id=JOB, version=version, effective_from=since, status=status, definition=definition)


def a_row(minute: int, attempt: int = 0, **fields: Any) -> JobExecution:
    due = at(minute)
    first = ids.of_due_time(JOB, due)
    fields = {
        "status": ExecutionStatus.COMPLETED, "trigger": Trigger.RETRY if attempt else Trigger.SCHEDULE,
        "started_at": due, "completed_at": due + timedelta(seconds=5), **fields,
    }  # fmt: skip
    return JobExecution(
        id=ids.of_retry(first, attempt) if attempt else first, job_id=JOB, job_name="job", scheduled_for=due,
        retry_attempt=attempt, retry_of=first if attempt else None, queued_at=due, **fields,
    )  # fmt: skip


def right() -> Facts:
    """Three due times: one ran, one failed and was tried again with success, one was skipped."""
    failed = a_row(2, status=ExecutionStatus.FAILED, reason=Reason.ERROR)
    rows = [
        a_row(1), failed, a_row(2, 1),
        a_row(3, status=ExecutionStatus.SKIPPED, reason=Reason.OVERLAP, started_at=None),
    ]  # fmt: skip
    bodies = {rows[0].id: Bodies([10], [15]), failed.id: Bodies([70], [75]), rows[2].id: Bodies([76], [81])}
    return Facts(
        at=at(3) + timedelta(seconds=20), jobs=[a_job(total=3, successful=2, failed=1)],
        revisions={JOB: [a_revision(1, BEGAN)]}, rows=rows, bodies=bodies, promised=[rows[0].id],
    )  # fmt: skip


def kinds(facts: Facts) -> set[Kind]:
    return {finding.kind for finding in audit(facts)}


def test_a_ledger_that_is_right_has_no_findings() -> None:
    assert audit(right()) == []


def test_a_due_time_without_a_row_is_lost() -> None:
    facts = right()
    assert kinds(replace(facts, rows=facts.rows[:3])) == {Kind.LOST}


def test_a_row_that_no_revision_planned_is_found() -> None:
    facts = right()
    [revision] = facts.revisions[JOB]
    disabled = a_revision(2, at(2) + timedelta(seconds=30), JobStatus.DISABLED)
    assert kinds(replace(facts, revisions={JOB: [revision, disabled]})) == {Kind.UNPLANNED}


def test_a_job_that_is_due_and_was_not_fired_is_stuck() -> None:
    facts = right()
    facts.jobs[0].next_execution_at = at(3)
    assert Kind.STUCK in kinds(facts)


def test_a_promised_run_without_a_row_is_lost() -> None:
    assert kinds(replace(right(), promised=[uuid.UUID(int=7)])) == {Kind.LOST}


def test_a_body_that_began_twice_is_found() -> None:
    facts = right()
    bodies = {**facts.bodies, facts.rows[0].id: Bodies([10, 12], [11, 16])}
    assert kinds(replace(facts, bodies=bodies)) == {Kind.TWICE}


@pytest.mark.parametrize("run_id", [right().rows[3].id, uuid.UUID(int=9)], ids=["skipped", "unknown"])
def test_a_body_that_the_ledger_does_not_know_of_is_found(run_id: uuid.UUID) -> None:
    facts = right()
    assert kinds(replace(facts, bodies={**facts.bodies, run_id: Bodies([130], [131])})) == {Kind.TWICE}


def test_a_completed_row_whose_body_never_began_is_found() -> None:
    facts = right()
    bodies = {key: value for key, value in facts.bodies.items() if key != facts.rows[0].id}
    assert kinds(replace(facts, bodies=bodies)) == {Kind.NOT_RUN}


def test_attempts_side_by_side_are_found_unless_the_first_was_lost() -> None:
    facts = right()
    facts.jobs[0].overlap_policy = OverlapPolicy.ALLOW  # of runs, not of the attempts of one
    bodies = {**facts.bodies, facts.rows[2].id: Bodies([72], [80])}
    assert kinds(replace(facts, bodies=bodies)) == {Kind.TWICE}
    facts.rows[1].reason = Reason.WORKER_LOST
    assert kinds(replace(facts, bodies=bodies)) == set()


def test_two_runs_of_a_job_at_once_are_found_unless_its_policy_allows_it() -> None:
    facts = right()
    bodies = {**facts.bodies, facts.rows[0].id: Bodies([10], [72])}
    assert kinds(replace(facts, bodies=bodies)) == {Kind.SIDE_BY_SIDE}
    facts.jobs[0].overlap_policy = OverlapPolicy.ALLOW
    assert kinds(replace(facts, bodies=bodies)) == set()


def test_an_attempt_after_a_success_is_found() -> None:
    facts = right()
    facts.rows[1].status = ExecutionStatus.COMPLETED
    facts.rows[1].reason = ""
    assert Kind.TWICE in kinds(facts)


@pytest.mark.parametrize("status", [ExecutionStatus.RUNNING, ExecutionStatus.QUEUED])
def test_an_open_row_is_stuck(status: ExecutionStatus) -> None:
    facts = right()
    facts.rows[3].status = status
    assert Kind.STUCK in kinds(facts)


def test_a_failed_run_without_its_next_attempt_is_stuck() -> None:
    facts = right()
    rows = [row for row in facts.rows if not row.is_retry]
    job = a_job(total=2, successful=1, failed=1)
    bodies = {row.id: facts.bodies[row.id] for row in rows if row.id in facts.bodies}
    spoiled = replace(facts, rows=rows, jobs=[job], bodies=bodies)
    assert kinds(spoiled) == {Kind.STUCK}
    rows[1].cancel_requested_at = at(2)  # somebody asked it to stop: then it is right
    assert kinds(spoiled) == set()


def test_an_attempt_that_a_shutdown_cut_off_costs_no_retry() -> None:
    facts = right()
    facts.rows[1].reason = Reason.SHUTDOWN
    facts.rows[2].status, facts.rows[2].reason = ExecutionStatus.FAILED, Reason.ERROR
    jobs = [a_job(total=3, successful=1, failed=2)]
    assert kinds(replace(facts, jobs=jobs)) == {Kind.STUCK}  # the one retry is still to come
    last = a_row(2, 2, status=ExecutionStatus.FAILED, reason=Reason.ERROR)
    jobs = [a_job(total=4, successful=1, failed=3)]
    assert kinds(replace(facts, jobs=jobs, rows=[*facts.rows, last])) == set()


def test_an_output_that_lacks_a_line_is_found() -> None:
    facts = right()
    facts.rows[0].result = {"lines": 2}
    assert kinds(replace(facts, lines={facts.rows[0].id: 2})) == set()
    assert kinds(replace(facts, lines={facts.rows[0].id: 1})) == {Kind.OUTPUT}


def test_figures_that_differ_from_the_ledger_are_found() -> None:
    assert kinds(replace(right(), jobs=[a_job(total=4, successful=2, failed=1)])) == {Kind.FIGURES}
