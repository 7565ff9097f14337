"""The numbers of the dashboard, each against rows that it must count and rows that it must not."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.db.models import F

from dashboard import metrics
from executions import dispatch, ids, ledger
from executions.models import Alert, JobExecution, LedgerCheck, Worker
from jobs.clock import database_now
from jobs.models import ScheduledJob
from tests.factories import COMPLETED, FAILED, a_job, a_run

ORIGINAL = ["totalJobs", "enabledJobs", "runningJobs", "nextExecution", "recentFailures", "avgExecutionTime"]
NOW = datetime(2026, 1, 8, 12, tzinfo=UTC)

pytestmark = pytest.mark.django_db


def ended(
    job: ScheduledJob,
    status: str,
    *,
    hours_ago: float,
    seconds: float = 10.0,
    retry_of: JobExecution | None = None,
    attempt: int = 0,
) -> JobExecution:
    """A finished execution of a run that took so many seconds."""
    at = NOW - timedelta(hours=hours_ago)
    ran = status not in ("Skipped", "Missed")
    row = JobExecution(
        id=ids.of_retry(retry_of.id, attempt) if retry_of else ids.of_request(at),
        job=job, job_name=job.name, job_type=job.job_type, queue="default", priority=5, trigger="Schedule",
        status=status, queued_at=at, available_at=at, completed_at=at,
        started_at=at - timedelta(seconds=seconds) if ran else None,
        duration=timedelta(seconds=seconds) if ran else None,
        retry_of=retry_of.id if retry_of else None, retry_attempt=attempt,
    )  # fmt: skip
    dispatch.insert([row])
    return row


def claimed(execution: JobExecution) -> JobExecution:
    running = ledger.claim(execution.id, token=uuid.uuid4(), worker_name="w", worker_id=None)
    assert running
    return running


def test_jobs_are_counted_by_status_without_the_deleted_ones():
    a_job("a")
    a_job("b", status="Paused")
    a_job("c", status="Disabled")
    a_job("d").retire(by=a_job("e").created_by_user_id)
    assert metrics.jobs_by_status() == {"Enabled": 2, "Paused": 1, "Disabled": 1}


def test_finished_executions_are_those_of_the_last_24_hours():
    job = a_job()
    for status in ("Completed", "Failed", "Skipped", "Missed"):
        ended(job, status, hours_ago=1)
        ended(job, status, hours_ago=23.9)
        ended(job, status, hours_ago=24.1)
    found = metrics.finished_executions_by_status(NOW)
    assert {name: found[name] for name in ("Completed", "Failed", "Skipped", "Missed", "Cancelled")} == {
        "Completed": 2, "Failed": 2, "Skipped": 2, "Missed": 2, "Cancelled": 0,
    }  # fmt: skip


def test_a_recent_failure_is_a_run_that_finally_failed():
    job = a_job()
    ended(job, "Failed", hours_ago=1)
    ended(job, "Failed", hours_ago=30)
    ended(job, "Completed", hours_ago=1)
    saved = ended(job, "Failed", hours_ago=3)
    ended(job, "Completed", hours_ago=2, retry_of=saved, attempt=1)
    lost = ended(job, "Failed", hours_ago=5)
    ended(job, "Failed", hours_ago=4, retry_of=lost, attempt=1)
    ended(job, "Failed", hours_ago=3, retry_of=lost, attempt=2)
    assert metrics.recent_failures(NOW) == 2


def test_a_failure_that_waits_for_its_retry_is_not_final():
    running = claimed(a_run(a_job()))
    ledger.close(running, FAILED, output="")
    assert JobExecution.objects.filter(status="Queued", retry_attempt=1).exists()
    assert metrics.recent_failures(database_now()) == 0


def test_the_average_is_over_runs_of_the_last_24_hours_in_whole_seconds():
    job = a_job()
    assert metrics.average_execution_time(NOW) == timedelta()
    ended(job, "Completed", hours_ago=1, seconds=100)
    ended(job, "Failed", hours_ago=2, seconds=170.4)
    ended(job, "Skipped", hours_ago=2)
    ended(job, "Completed", hours_ago=48, seconds=9999)
    assert metrics.average_execution_time(NOW) == timedelta(seconds=135)


def test_the_next_execution_is_of_a_job_that_will_run():
    assert metrics.next_execution() is None
    a_job("disabled", status="Disabled")
    a_job("paused", status="Paused", cron_expression="* * * * *")
    later = a_job("later")
    sooner = a_job("sooner", cron_expression="0 * * * *")
    found = metrics.next_execution()
    assert found
    assert (found.job_name, found.scheduled_at) == ("sooner", sooner.next_execution_at)
    sooner.disable(by=sooner.created_by_user_id)
    found = metrics.next_execution()
    assert found and found.scheduled_at == later.next_execution_at


def test_a_pause_that_ends_before_the_due_time_does_not_hide_it():
    job = a_job("paused", status="Paused", paused_until=datetime.now(UTC) + timedelta(seconds=1))
    found = metrics.next_execution()
    assert found and found.scheduled_at == job.next_execution_at


def test_a_worker_counts_while_it_is_heard_of():
    common = {"machine_name": "m", "process_id": 1, "queues": ["default"], "processes": 2, "started_at": NOW}
    Worker.objects.create(id=ids.of_request(NOW), name="alive", last_seen_at=NOW - timedelta(seconds=20), **common)
    Worker.objects.create(id=ids.of_request(NOW), name="silent", last_seen_at=NOW - timedelta(seconds=90), **common)
    Worker.objects.create(id=ids.of_request(NOW), name="gone", last_seen_at=NOW, stopped_at=NOW, **common)
    assert metrics.workers_alive(NOW) == 1


def test_alerts_count_while_they_are_open():
    Alert.objects.create(rule="job", subject="open", opened_at=NOW)
    Alert.objects.create(rule="job", subject="closed", opened_at=NOW, closed_at=NOW)
    assert metrics.open_alerts() == 1


# --- The route -------------------------------------------------------------------------------------------------------
def test_an_empty_system_has_the_originals_six_numbers_and_zeros(api):
    dashboard = api.get("/dashboard").json()
    assert list(dashboard)[:6] == ORIGINAL
    assert dashboard.pop("nextExecution") is None
    assert dashboard.pop("ledger") is None
    assert dashboard.pop("avgExecutionTime") == "00:00:00"
    assert set(dashboard.values()) == {0}


def test_the_dashboard_of_a_system_at_work(api):
    job = a_job("Backup Database", cron_expression="0 2 * * *")
    running = claimed(a_run(job))
    JobExecution.objects.filter(pk=running.pk).update(started_at=F("started_at") - timedelta(minutes=2, seconds=15))
    assert api.get("/dashboard").json()["runningJobs"] == 1
    ledger.close(running, COMPLETED, output="")
    a_run(a_job("queued"))
    dashboard = api.get("/dashboard").json()
    assert dashboard["nextExecution"]["jobName"] == "Backup Database"
    assert dashboard["nextExecution"]["scheduledAt"] == f"{job.next_execution_at:%Y-%m-%dT%H:%M:%SZ}"
    assert dashboard["avgExecutionTime"] == "00:02:15"
    assert (dashboard["totalJobs"], dashboard["enabledJobs"], dashboard["runningJobs"]) == (2, 2, 0)
    assert (dashboard["queuedJobs"], dashboard["succeededLast24h"]) == (1, 1)
    assert ScheduledJob.objects.count() == 2


def test_the_last_check_of_the_ledger_is_shown(api):
    for unaccounted in (0, 3):
        LedgerCheck.objects.create(
            checked_from=NOW - timedelta(hours=2), checked_until=NOW, finished_at=NOW + timedelta(minutes=1),
            jobs=8, planned=500, unaccounted=unaccounted, unplanned=1,
        )  # fmt: skip
    assert api.get("/dashboard").json()["ledger"] == {
        "unaccounted": 3, "unplanned": 1, "checkedUntil": "2026-01-08T12:00:00Z", "checkedAt": "2026-01-08T12:01:00Z",
    }  # fmt: skip


def test_the_dashboard_costs_few_queries(api, django_assert_max_num_queries):
    with django_assert_max_num_queries(11):
        assert api.get("/dashboard").status_code == 200
