"""Runs that take too long, and due times whose run did not start in its window."""

from datetime import datetime, timedelta

import pytest
from django.db.models.functions import Now

from executions import dispatch
from executions.enums import AlertRule
from executions.models import Alert, JobExecution
from jobs import holds
from jobs.clock import database_now
from jobs.enums import ExecutionStatus, Reason
from jobs.models import ScheduledJob
from tests.executions.alerts.rounds import SUCCESS, ask, earlier, open_alerts, the_alert
from tests.factories import (
    SOMEBODY,
    a_job,
    a_run,
    claimed,
    ended,
    fell_due,
    minutes_ago,
    rows_of,
    settle,
    started,
)

pytestmark = pytest.mark.django_db
TOO_LONG, NOT_STARTED = AlertRule.RUNNING_TOO_LONG, AlertRule.NOT_STARTED
EVERY_MINUTE = "* * * * *"


# --- Running too long ------------------------------------------------------------------------------------------------
def test_a_run_beyond_its_jobs_maximum_is_told_of_while_it_runs_and_until_it_ends() -> None:
    quick = started(a_job("quick", max_duration_seconds=60))
    usual = started(a_job("usual"))
    for run in (quick, usual):
        earlier(run, 1_000, "started_at")
    ask()
    alert = the_alert(TOO_LONG)
    assert (alert.job_id, alert.subject, alert.severity) == (quick.job_id, str(quick.id), "Warning")
    assert (alert.facts["limitSeconds"], alert.facts["worker"]) == (60, "test@here")
    ended(quick, SUCCESS)
    earlier(usual, 900, "started_at")
    ask()
    alert = the_alert(TOO_LONG)
    assert (alert.subject, alert.facts["limitSeconds"]) == (str(usual.id), 1_800)


def test_each_run_of_a_job_has_one_of_its_own() -> None:
    job = a_job(overlap_policy="Allow", max_duration_seconds=1)
    for run in (started(job), started(job)):
        earlier(run, 2, "started_at")
    ask()
    assert len(open_alerts(TOO_LONG)) == 2


# --- Not started: its row waits --------------------------------------------------------------------------------------
def waiting_since(job: ScheduledJob, at: datetime) -> list[JobExecution]:
    """The rows of the due times since then, as written when they came."""
    fell_due(job, at)
    rows = settle(job, database_now())
    JobExecution.objects.filter(job=job).update(queued_at=at)
    return rows


def test_a_due_run_that_nobody_has_taken_in_its_window_is_told_of_until_it_starts() -> None:
    job = a_job(cron_expression="0 3 * * *", grace_seconds=300, misfire_grace_seconds=86_400, queue="slow")
    (row,) = waiting_since(job, minutes_ago(1_440))
    ask()
    alert = the_alert(NOT_STARTED)
    assert (alert.job, alert.subject) == (job, "")
    assert alert.facts == {
        "why": "queued", "executionId": str(row.id), "status": "Queued", "reason": None, "queue": "slow",
        "since": f"{row.scheduled_for:%Y-%m-%dT%H:%M:%SZ}",
    }  # fmt: skip
    claimed(row)
    ask()
    assert open_alerts(NOT_STARTED) == []


def test_within_its_window_a_run_may_wait() -> None:
    job = a_job(cron_expression=EVERY_MINUTE, grace_seconds=300)
    waiting_since(job, minutes_ago(1))
    ask()
    assert open_alerts(NOT_STARTED) == []


def test_what_was_queued_this_moment_is_given_a_moment_to_start() -> None:
    job = a_job(cron_expression="0 3 * * *", grace_seconds=0)
    fell_due(job, minutes_ago(1_440))
    settle(job, database_now())
    ask()
    assert open_alerts(NOT_STARTED) == []


def test_a_run_that_is_held_behind_another_one_has_not_started_either() -> None:
    job = a_job(cron_expression="0 3 * * *", overlap_policy="Queue", misfire_grace_seconds=86_400)
    started(job)
    waiting_since(job, minutes_ago(1_440))
    ask()
    assert the_alert(NOT_STARTED).facts["why"] == "held"


def test_runs_by_hand_and_retries_have_no_window() -> None:
    job = a_job(max_retries=1)
    by_hand = a_run(job)
    earlier(by_hand, 100_000, "queued_at", "available_at")
    ask()
    assert open_alerts(NOT_STARTED) == []


# --- Not started: nothing has fired it -------------------------------------------------------------------------------
def test_a_due_time_that_no_beat_has_fired_is_told_of_until_its_run_starts() -> None:
    job = a_job(cron_expression="0 3 * * *", grace_seconds=60)
    fell_due(job, minutes_ago(1_440))
    ask()
    alert = the_alert(NOT_STARTED)
    assert (alert.facts["why"], alert.facts["status"]) == ("notFired", None)
    dispatch.fire_due()
    ask()
    assert the_alert(NOT_STARTED).id == alert.id, "to be queued is not yet to start"
    claimed(rows_of(job)[-1])
    ask()
    assert open_alerts(NOT_STARTED) == []


@pytest.mark.parametrize("kept", ["paused", "disabled", "deleted", "held", "in its window"])
def test_nobody_expects_a_due_time_that_is(kept: str) -> None:
    job = a_job(cron_expression="0 3 * * *", grace_seconds=86_400 if kept == "in its window" else 0)
    if kept == "held":
        holds.hold(by=SOMEBODY)
        holds.ScheduleHold.objects.update(began_at=Now() - timedelta(days=2))
    due = fell_due(job, minutes_ago(1_000))
    if kept in ("paused", "disabled", "deleted"):
        changed = job.pause(by=SOMEBODY) if kept == "paused" else None
        if kept == "disabled":
            job.disable(by=SOMEBODY)
        elif kept == "deleted":
            job.retire(by=SOMEBODY)
        if changed:
            ScheduledJob.objects.filter(pk=job.pk).update(next_execution_at=due)
    JobExecution.objects.all().delete()
    ask()
    assert open_alerts(NOT_STARTED) == []


def test_a_hold_that_ended_before_the_due_time_keeps_nothing() -> None:
    job = a_job(cron_expression="0 3 * * *", grace_seconds=0)
    holds.hold(by=SOMEBODY), holds.release(by=SOMEBODY)
    due = fell_due(job, minutes_ago(1_440))
    ended_at = due - timedelta(seconds=1)
    holds.ScheduleHold.objects.update(began_at=due - timedelta(days=1), ended_at=ended_at)
    ask()
    the_alert(NOT_STARTED)
    holds.ScheduleHold.objects.update(ended_at=due + timedelta(seconds=1))
    ask()
    assert open_alerts(NOT_STARTED) == []


# --- Not started: missed ---------------------------------------------------------------------------------------------
def missed(job: ScheduledJob, at: datetime, reason: Reason = Reason.MISFIRE) -> JobExecution:
    """The newest due time before `at` was missed just now."""
    fell_due(job, at)
    settle(job, database_now())
    newest = rows_of(job)[-1]
    JobExecution.objects.filter(job=job).update(status="Missed", reason=reason, completed_at=Now())
    return newest


def test_a_missed_run_is_told_of_until_the_next_one_starts() -> None:
    job = a_job(cron_expression="0 3 * * *")
    row = missed(job, minutes_ago(1_440), Reason.START_DEADLINE)
    ask(), ask()
    alert = the_alert(NOT_STARTED)
    assert (alert.facts["why"], alert.facts["reason"]) == ("missed", "start_deadline")
    assert alert.facts["executionId"] == str(row.id)
    JobExecution.objects.update(completed_at=Now() - timedelta(hours=1))
    ask()
    assert the_alert(NOT_STARTED).id == alert.id, "nothing has moved"
    by_hand = a_run(job)
    ask()
    assert the_alert(NOT_STARTED).id == alert.id, "to be asked for is not yet to start"
    ended(claimed(by_hand), SUCCESS)
    ask()
    assert open_alerts(NOT_STARTED) == []


def test_a_missed_run_is_let_be_when_a_newer_due_time_comes_within_its_window() -> None:
    job = a_job(cron_expression=EVERY_MINUTE, grace_seconds=300)
    missed(job, minutes_ago(1))
    ask()
    assert open_alerts(NOT_STARTED) == []


def test_a_missed_run_that_nothing_can_start_any_more_is_told_of_before_its_window_is_over() -> None:
    job = a_job(cron_expression="0 3 * * *", grace_seconds=86_000)
    missed(job, minutes_ago(1_440))
    ask()
    the_alert(NOT_STARTED)


def test_what_is_made_up_after_runs_that_were_missed_decides() -> None:
    job = a_job(cron_expression="0 * * * *", misfire_policy="RunOnce", misfire_grace_seconds=0)
    fell_due(job, minutes_ago(300))
    rows = settle(job, database_now())
    assert {row.status for row in rows} == {ExecutionStatus.MISSED, ExecutionStatus.QUEUED}
    ask()
    assert open_alerts(NOT_STARTED) == []
    claimed(rows[-1])
    ask()
    assert open_alerts(NOT_STARTED) == []


def test_what_was_skipped_for_months_is_no_start() -> None:
    job = a_job(cron_expression="0 3 * * *")
    missed(job, minutes_ago(3_000))
    ask()
    fell_due(job, minutes_ago(1_440))
    (row,) = settle(job, database_now())
    JobExecution.objects.filter(id=row.id).update(status="Skipped", reason="paused", completed_at=Now())
    ask()
    the_alert(NOT_STARTED)


def test_it_goes_on_from_waiting_to_missed_as_one_episode() -> None:
    job = a_job(cron_expression="0 3 * * *", misfire_grace_seconds=86_400)
    (row,) = waiting_since(job, minutes_ago(1_440))
    ask()
    JobExecution.objects.filter(id=row.id).update(status="Missed", reason="start_deadline", completed_at=Now())
    ask()
    alert = Alert.objects.get(rule=NOT_STARTED)
    assert (alert.closed_at, alert.facts["why"]) == (None, "missed")


def test_after_an_outage_nobody_is_taken_for_late_until_the_schedule_had_time_to_catch_up() -> None:
    job = a_job(cron_expression="0 3 * * *", grace_seconds=0)
    fell_due(job, minutes_ago(1_440))
    ask(watched_seconds=40)
    assert open_alerts(NOT_STARTED) == []
    ask(watched_seconds=80)
    the_alert(NOT_STARTED)
    ask(watched_seconds=1)
    the_alert(NOT_STARTED)
