"""The main road, end to end: due time, row, message, run, record, with real processes."""

import os
import signal
from pathlib import Path

import pytest

from executions import control, dispatch
from executions.models import BeatLease, JobExecution
from jobs.enums import ExecutionStatus, OverlapPolicy, Trigger
from jobs.models import SYSTEM_USER_ID, ScheduledJob
from scheduler_project.local import commands
from tests.journey.conftest import System, make_due, until

pytestmark = pytest.mark.journey


def define(name: str, job_type: str, **definition: object) -> ScheduledJob:
    definition.setdefault("cron_expression", "* * * * *")
    definition.setdefault("misfire_grace_seconds", 3_600)  # a slow machine is no misfire
    return ScheduledJob.define(by=SYSTEM_USER_ID, name=name, job_type=job_type, **definition)


def of(job: ScheduledJob) -> list[JobExecution]:
    return list(JobExecution.objects.filter(job=job).order_by("retry_attempt", "id"))


def test_a_thousand_jobs_due_at_the_same_minute_run_once_each(system: System, tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    jobs = [define(f"job {n}", "DiaryJob", parameters={"path": str(diary)}) for n in range(1_000)]
    worker, beat = system.start_worker(), system.start_beat()
    make_due(*jobs)
    done = JobExecution.objects.filter(status=ExecutionStatus.COMPLETED)
    until(lambda: done.count() >= 1_000, worker, beat, seconds=240)
    system.stop()
    first_due = done.order_by("scheduled_for").values_list("scheduled_for", flat=True)[0]
    rows = JobExecution.objects.filter(scheduled_for=first_due)
    assert rows.count() == 1_000
    assert set(rows.values_list("status", "trigger")) == {("Completed", "Schedule")}
    bodies = diary.read_text().splitlines()
    assert len(bodies) == JobExecution.objects.filter(status=ExecutionStatus.COMPLETED).count()
    assert sum(job.total_executions for job in ScheduledJob.objects.with_figures()) == done.count()


def test_a_beat_killed_between_its_commit_and_its_publishing_loses_and_doubles_nothing(
    system: System, tmp_path: Path
) -> None:
    diary = tmp_path / "diary"
    job = define("job", "DiaryJob", parameters={"path": str(diary)}, overlap_policy=OverlapPolicy.ALLOW)
    worker = system.start_worker()
    doomed = system.start_beat(SCHEDULER_FAILPOINT="fire.after_commit")
    make_due(job)
    until(lambda: not doomed.is_running, doomed)
    assert doomed.exit_code == -9
    unrung = of(job)  # more than one when a minute has just ended
    assert {(row.status, row.rung_at) for row in unrung} == {(ExecutionStatus.QUEUED, None)}
    beat = system.start_beat()
    ran = JobExecution.objects.filter(job=job, status=ExecutionStatus.COMPLETED)
    until(lambda: ran.filter(id__in=[row.id for row in unrung]).count() == len(unrung), worker, beat)
    system.stop()
    due_times = [row.scheduled_for for row in of(job)]
    assert len(due_times) == len(set(due_times))
    assert len(diary.read_text().splitlines()) == ran.count()


def test_a_beat_killed_before_its_commit_leaves_nothing_behind_and_the_next_one_fires(system: System) -> None:
    job = define("job", "NoOpJob")
    worker = system.start_worker()
    doomed = system.start_beat(SCHEDULER_FAILPOINT="fire.before_commit")
    make_due(job)
    until(lambda: not doomed.is_running, doomed)
    assert of(job) == []
    beat = system.start_beat()
    until(lambda: bool(of(job)) and of(job)[0].status == ExecutionStatus.COMPLETED, worker, beat)


def test_a_failing_job_is_tried_again_after_its_delay_as_a_row_of_its_own(system: System) -> None:
    job = define("job", "FailingJob", cron_expression="0 0 1 1 *", max_retries=2, retry_delay_minutes=0)
    worker, beat = system.start_worker(), system.start_beat()
    first = dispatch.run_now(job, dispatch.RunRequest(by=SYSTEM_USER_ID))
    until(lambda: sum(row.status == ExecutionStatus.FAILED for row in of(job)) == 3, worker, beat)
    system.stop()
    rows = sorted(of(job), key=lambda row: row.retry_attempt)
    assert [row.retry_attempt for row in rows] == [0, 1, 2]
    assert [row.trigger for row in rows] == [Trigger.MANUAL, Trigger.RETRY, Trigger.RETRY]
    assert {row.retry_of for row in rows[1:]} == {first.id}
    assert all(row.error_message == "it broke" and "about to fail" in row.output for row in rows)
    job = ScheduledJob.objects.with_figures().get()
    assert (job.total_executions, job.failed_executions) == (3, 3)


def test_a_run_beyond_its_timeout_is_stopped_and_says_so(system: System, tmp_path: Path) -> None:
    job = define(
        "job", "DiaryJob", cron_expression="0 0 1 1 *", timeout_seconds=1, max_retries=0,
        parameters={"path": str(tmp_path / "diary"), "seconds": 600},
    )  # fmt: skip
    worker = system.start_worker()
    dispatch.run_now(job, dispatch.RunRequest(by=SYSTEM_USER_ID))
    until(lambda: of(job)[0].is_finished, worker)
    [row] = of(job)
    assert (row.status, row.reason) == (ExecutionStatus.FAILED, "timeout")
    assert "1 second" in row.error_message


def test_a_run_whose_process_is_killed_ends_as_lost_and_is_tried_again(system: System, tmp_path: Path) -> None:
    job = define(
        "job", "DiaryJob", cron_expression="0 0 1 1 *", max_retries=1, retry_delay_minutes=60,
        parameters={"path": str(tmp_path / "diary"), "seconds": 600},
    )  # fmt: skip
    worker = system.start_worker()
    dispatch.run_now(job, dispatch.RunRequest(by=SYSTEM_USER_ID))
    until(lambda: of(job)[0].status == ExecutionStatus.RUNNING, worker)
    os.kill(of(job)[0].process_id or 0, signal.SIGKILL)
    until(lambda: of(job)[0].is_finished, worker)
    lost, retry = sorted(of(job), key=lambda row: row.retry_attempt)
    assert (lost.status, lost.reason) == (ExecutionStatus.FAILED, "worker_lost")
    assert (retry.status, retry.trigger, retry.retry_of) == (ExecutionStatus.QUEUED, Trigger.RETRY, lost.id)
    assert retry.available_at and retry.available_at > lost.completed_at
    assert worker.is_running


def test_the_output_can_be_read_while_the_run_goes_on(system: System, tmp_path: Path) -> None:
    from executions.ledger import output_so_far

    job = define(
        "job", "DiaryJob", cron_expression="0 0 1 1 *", parameters={"path": str(tmp_path / "diary"), "seconds": 4}
    )
    worker = system.start_worker()
    run = dispatch.run_now(job, dispatch.RunRequest(by=SYSTEM_USER_ID))
    until(lambda: "dear diary" in output_so_far(run.id), worker)
    assert of(job)[0].status == ExecutionStatus.RUNNING
    until(lambda: of(job)[0].status == ExecutionStatus.COMPLETED, worker)
    assert of(job)[0].output.count("dear diary") == 1
    assert output_so_far(run.id) == ""


def test_the_stock_database_scheduler_leads_to_one_run_for_each_due_time(system: System, tmp_path: Path) -> None:
    from jobs import periodic

    diary = tmp_path / "diary"
    job = define("job", "DiaryJob", parameters={"path": str(diary)}, overlap_policy=OverlapPolicy.ALLOW)
    periodic.rebuild(ScheduledJob.objects.live())
    worker = system.start_worker()
    stock = system.start(
        "stock-beat",
        (*commands.beat(), "-S", "django_celery_beat.schedulers:DatabaseScheduler"),
    )  # fmt: skip
    make_due(job)
    until(
        lambda: len([row for row in of(job) if row.status == ExecutionStatus.COMPLETED]) >= 2,
        worker,
        stock,
        seconds=150,
    )
    system.stop()
    rows = of(job)
    assert len({row.scheduled_for for row in rows}) == len(rows)
    assert len(diary.read_text().splitlines()) == sum(row.status == ExecutionStatus.COMPLETED for row in rows)


def test_a_run_that_does_not_stop_when_asked_is_ended_and_the_worker_goes_on(system: System, tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    job = define(
        "job", "DeafJob", cron_expression="0 0 1 1 *", parameters={"path": str(diary), "seconds": 600},
    )  # fmt: skip
    worker, beat = system.start_worker(), system.start_beat()
    run = dispatch.run_now(job, dispatch.RunRequest(by=SYSTEM_USER_ID))
    until(diary.exists, worker)
    control.cancel(run)
    until(lambda: of(job)[0].is_finished, worker, beat)
    [row] = of(job)
    assert (row.status, row.reason) == (ExecutionStatus.CANCELLED, "cancelled")
    quick = dispatch.run_now(
        define("quick", "NoOpJob", cron_expression="0 0 1 1 *"), dispatch.RunRequest(by=SYSTEM_USER_ID)
    )
    until(lambda: JobExecution.objects.get(id=quick.id).is_finished, worker)


def test_a_run_that_looks_whether_it_should_stop_does_so_by_itself(system: System, tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    job = define(
        "job", "DiaryJob", cron_expression="0 0 1 1 *", parameters={"path": str(diary), "seconds": 600},
    )  # fmt: skip
    worker = system.start_worker()  # no beat: nobody would end its process
    run = dispatch.run_now(job, dispatch.RunRequest(by=SYSTEM_USER_ID))
    until(diary.exists, worker)
    control.cancel(run)
    until(lambda: of(job)[0].is_finished, worker)
    assert of(job)[0].status == ExecutionStatus.CANCELLED


def test_a_leader_that_is_killed_is_followed_by_the_beat_that_waits_and_every_due_time_has_its_row(
    system: System,
) -> None:
    job = define("job", "NoOpJob")
    worker, first = system.start_worker(), system.start_beat()
    until(BeatLease.objects.exists, first)
    second = system.start_beat()
    leader = BeatLease.objects.get().holder
    first.kill()
    until(lambda: BeatLease.objects.get().holder != leader, second)
    assert BeatLease.objects.get().term == 2
    make_due(job)
    until(lambda: bool(of(job)) and of(job)[0].status == ExecutionStatus.COMPLETED, worker, second)
