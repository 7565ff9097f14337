"""From due time to rows, run-now, and what a change of the job does to what waits."""

import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, transaction

from executions import dispatch, ids
from executions.models import IdempotencyKey, JobExecution
from jobs.clock import database_now
from jobs.enums import ExecutionStatus, JobStatus, MisfirePolicy, OverlapPolicy, Reason, Trigger
from jobs.models import ScheduledJob
from tests.factories import (
    FAILED,
    SOMEBODY,
    a_job,
    a_run,
    claimed,
    ended,
    fell_due,
    fresh,
    minutes_ago,
    of_status,
    rows_of,
    settle,
    started,
)

pytestmark = pytest.mark.django_db

QUEUED, CANCELLED, SKIPPED = ExecutionStatus.QUEUED, ExecutionStatus.CANCELLED, ExecutionStatus.SKIPPED


# --- Firing ----------------------------------------------------------------------------------------------------------
def test_a_due_time_becomes_one_queued_row_under_its_own_id() -> None:
    job = a_job(cron_expression="* * * * *", misfire_grace_seconds=600, parameters=None, priority=7, queue="slow")
    due = fell_due(job, database_now().replace(second=0, microsecond=0))
    dispatch.fire_due()
    row = rows_of(job)[0]
    assert row.id == ids.of_due_time(job.id, due)
    assert (row.scheduled_for, row.status, row.trigger, row.reason) == (due, QUEUED, Trigger.SCHEDULE, "")
    assert (row.job_name, row.job_type, row.queue, row.priority) == ("job", "NoOpJob", "slow", 7)
    assert row.available_at is not None and row.completed_at is None


def test_firing_moves_the_next_due_time_past_now_and_changes_neither_version_nor_revisions() -> None:
    job = a_job(cron_expression="* * * * *")
    fell_due(job, minutes_ago(5))
    dispatch.fire_due()
    after = fresh(job)
    assert after.next_execution_at > database_now() - timedelta(seconds=1)
    assert after.next_execution_at == after.schedule.next_after(rows_of(job)[-1].scheduled_for)
    assert (after.version, after.last_modified_at) == (1, None)
    assert after.revisions.count() == 1


def test_firing_twice_writes_nothing_the_second_time() -> None:
    job = a_job(cron_expression="0 3 * * *")
    fell_due(job, minutes_ago(3 * 1440))
    assert dispatch.fire_due() == 3
    assert dispatch.fire_due() == 0
    assert len(rows_of(job)) == 3


def test_a_due_time_that_is_in_the_ledger_already_stays_as_it_is() -> None:
    job = a_job(cron_expression="0 3 * * *", misfire_grace_seconds=86_400)
    fell_due(job, minutes_ago(1440))
    dispatch.fire_due()
    ended(claimed(rows_of(job)[0]))
    fell_due(job, minutes_ago(1440))  # as a beat with a stale picture would have it
    dispatch.fire_due()
    assert [row.status for row in rows_of(job)] == [ExecutionStatus.COMPLETED]


def test_every_due_time_of_a_long_outage_has_its_row() -> None:
    job = a_job(cron_expression="* * * * *")
    first = fell_due(job, minutes_ago(3 * 1440))
    dispatch.fire_due()
    rows = rows_of(job)
    assert [row.scheduled_for for row in rows] == list(
        job.schedule.between(first - timedelta(microseconds=1), rows[-1].scheduled_for)
    )
    assert len(rows) >= 3 * 1440
    assert len(of_status(rows, QUEUED)) == 1


def test_a_backlog_larger_than_a_batch_is_planned_as_one() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    now = start + timedelta(minutes=dispatch.DUE_TIMES_PER_BATCH + 50, seconds=30)
    job = a_job(cron_expression="* * * * *", misfire_policy=MisfirePolicy.RUN_ALL, misfire_grace_seconds=0)
    fell_due(job, start)
    rows = settle(job, now)
    assert len(rows) == dispatch.DUE_TIMES_PER_BATCH + 51
    assert len(of_status(rows, QUEUED)) == 100
    assert {row.trigger for row in rows[-100:]} == {Trigger.CATCH_UP}


def test_a_backlog_of_many_jobs_is_settled_by_batches_that_each_last_only_seconds() -> None:
    """One batch took all of a thousand jobs' days, until whoever watches over beat killed it, and it began again."""
    jobs = [a_job(f"job {number}", cron_expression="* * * * *", misfire_policy="Skip") for number in range(3)]
    firsts = [fell_due(job, minutes_ago(2_600)) for job in jobs]
    written: list[int] = []
    dispatch.fire_due(lambda: written.append(JobExecution.objects.count()))
    assert len(written) == 2 and 5_200 <= written[1] < 5_210, "a batch of two jobs, and one of the third"
    for job, first in zip(jobs, firsts, strict=True):
        minutes = (fresh(job).next_execution_at - first) // timedelta(minutes=1)
        assert JobExecution.objects.filter(job=job).count() == minutes >= 2_600


def test_jobs_that_are_disabled_or_deleted_do_not_fire() -> None:
    disabled, deleted = a_job("one", cron_expression="* * * * *"), a_job("two", cron_expression="* * * * *")
    disabled.disable(by=SOMEBODY)
    deleted.retire(by=SOMEBODY)
    assert dispatch.fire_due() == 0


def test_a_skipped_or_missed_row_is_finished_and_never_ran() -> None:
    job = a_job(cron_expression="0 3 * * *", misfire_policy=MisfirePolicy.SKIP)
    fell_due(job, minutes_ago(3 * 1440))
    dispatch.fire_due()
    for row in rows_of(job):
        assert row.is_finished and row.completed_at and row.started_at is None and row.rung_at is None
    assert fresh(job).total_executions == 0


@pytest.mark.django_db(transaction=True)
def test_two_beats_at_once_write_each_due_time_once() -> None:
    jobs = [a_job(f"job {n}", cron_expression="*/5 * * * *") for n in range(20)]
    for job in jobs:
        fell_due(job, minutes_ago(60))
    _at_once(dispatch.fire_due, beats=4)
    for job in jobs:
        due = [row.scheduled_for for row in rows_of(job)]
        assert due == list(job.schedule.between(due[0] - timedelta(microseconds=1), due[-1]))
        assert len(of_status(rows_of(job), QUEUED)) == 1


@pytest.mark.django_db(transaction=True)
def test_a_beat_and_an_edit_at_once_account_for_each_due_time_once() -> None:
    jobs = [a_job(f"job {n}", cron_expression="*/5 * * * *") for n in range(10)]
    firsts = [fell_due(job, minutes_ago(120)) for job in jobs]

    def edit() -> None:
        for job in jobs:
            job.redefine(by=SOMEBODY, cron_expression="30 4 * * *")

    _at_once(dispatch.fire_due, edit, beats=2)
    for job, first in zip(jobs, firsts, strict=True):
        due = [row.scheduled_for for row in rows_of(job)]
        assert due == list(job.schedule.between(first - timedelta(microseconds=1), due[-1]))
        assert fresh(job).next_execution_at == fresh(job).schedule.next_after(database_now())


def _at_once(*actions: Callable[[], Any], beats: int) -> None:
    faults: list[BaseException] = []
    work = [actions[0]] * beats + list(actions[1:])
    start = threading.Barrier(len(work))

    def run(action: Callable[[], Any]) -> None:
        try:
            start.wait(10)
            action()
        except BaseException as fault:
            faults.append(fault)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(action,)) for action in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert faults == []


# --- Held runs -------------------------------------------------------------------------------------------------------
def test_made_up_runs_are_released_one_after_another_oldest_first() -> None:
    job = a_job(cron_expression="0 * * * *", misfire_policy=MisfirePolicy.RUN_ALL, misfire_grace_seconds=0)
    fell_due(job, datetime(2026, 1, 1, tzinfo=UTC))
    rows = settle(job, datetime(2026, 1, 1, 3, 30, tzinfo=UTC))
    assert [row.available_at for row in rows] == [None] * 4
    ran = []
    for _ in rows:
        assert dispatch.release_held() == 1
        assert dispatch.release_held() == 0  # the released one is active until it ends
        [free] = JobExecution.objects.waiting()
        run = claimed(free)
        assert dispatch.release_held() == 0
        ran.append(ended(run).scheduled_for)
    assert ran == [row.scheduled_for for row in rows]
    assert dispatch.release_held() == 0


def test_a_held_run_waits_for_the_active_one_and_then_starts() -> None:
    job = a_job(overlap_policy=OverlapPolicy.QUEUE)
    active, held = started(job), a_run(job)
    assert held.available_at is None
    assert dispatch.release_held() == 0
    ended(active)
    assert dispatch.release_held() == 1
    held.refresh_from_db()
    assert held.available_at is not None and held.status == QUEUED


def test_held_runs_of_different_jobs_do_not_wait_for_each_other() -> None:
    one, two = a_job("one", overlap_policy=OverlapPolicy.QUEUE), a_job("two", overlap_policy=OverlapPolicy.QUEUE)
    active = started(one)
    started(two)
    a_run(one), a_run(two)
    ended(active)
    assert dispatch.release_held() == 1


def test_a_failed_run_that_will_be_tried_again_lets_the_held_one_go_first() -> None:
    job = a_job(overlap_policy=OverlapPolicy.QUEUE, retry_delay_minutes=60)
    active, held = started(job), a_run(job)
    ended(active, FAILED)
    assert dispatch.release_held() == 1
    held.refresh_from_db()
    assert held.available_at is not None


def test_made_up_runs_that_wait_for_their_turn_leave_room_for_the_due_time_that_comes_meanwhile() -> None:
    job = a_job(cron_expression="0 * * * *", misfire_policy=MisfirePolicy.RUN_ALL, overlap_policy=OverlapPolicy.QUEUE)
    fell_due(job, datetime(2026, 1, 1, tzinfo=UTC))
    settle(job, datetime(2026, 1, 1, 3, 30, tzinfo=UTC))
    [on_time] = settle(job, datetime(2026, 1, 1, 4, 0, 1, tzinfo=UTC))
    assert (on_time.status, on_time.available_at is None) == (QUEUED, False)


def test_a_single_made_up_run_held_behind_an_active_one_is_the_one_further_run() -> None:
    job = a_job(cron_expression="0 * * * *", overlap_policy=OverlapPolicy.QUEUE)
    started(job)
    fell_due(job, datetime(2026, 1, 1, tzinfo=UTC))
    [made_up] = settle(job, datetime(2026, 1, 1, 0, 30, tzinfo=UTC))
    assert (made_up.trigger, made_up.available_at) == (Trigger.CATCH_UP, None)
    [next_one] = settle(job, datetime(2026, 1, 1, 1, 0, 1, tzinfo=UTC))
    assert (next_one.status, next_one.reason) == (SKIPPED, Reason.OVERLAP)


def test_cancel_running_asks_the_active_run_to_stop_and_holds_the_new_one() -> None:
    job = a_job(overlap_policy=OverlapPolicy.CANCEL_RUNNING)
    active = started(job)
    new = a_run(job)
    active.refresh_from_db()
    assert active.cancel_requested_at is not None
    assert (new.status, new.available_at) == (QUEUED, None)


def test_cancel_running_ends_nothing_for_what_run_all_makes_up() -> None:
    job = a_job(
        cron_expression="0 * * * *", time_zone="UTC", overlap_policy=OverlapPolicy.CANCEL_RUNNING,
        misfire_policy=MisfirePolicy.RUN_ALL,
    )  # fmt: skip
    fell_due(job, datetime(2026, 1, 1, tzinfo=UTC))
    *made_up, on_time = settle(job, datetime(2026, 1, 1, 3, 0, 10, tzinfo=UTC))
    assert {(row.trigger, row.available_at) for row in made_up} == {(Trigger.CATCH_UP, None)}
    on_time.refresh_from_db()
    assert (on_time.trigger, on_time.status) == (Trigger.SCHEDULE, QUEUED)


def test_cancel_running_cancels_a_run_that_no_worker_has_taken() -> None:
    job = a_job(overlap_policy=OverlapPolicy.CANCEL_RUNNING)
    waiting = a_run(job)
    new = a_run(job)
    waiting.refresh_from_db()
    assert (waiting.status, waiting.reason) == (CANCELLED, Reason.OVERLAP)
    assert dispatch.release_held() == 1
    assert JobExecution.objects.waiting().get().id == new.id


# --- Run-now ---------------------------------------------------------------------------------------------------------
def test_run_now_queues_a_run_beside_the_schedule() -> None:
    job = a_job()
    run = a_run(job)
    assert (run.status, run.trigger, run.scheduled_for, run.triggered_by) == (QUEUED, Trigger.MANUAL, None, SOMEBODY)
    assert fresh(job).next_execution_at == job.next_execution_at
    assert abs(ids.instant(run.id) - run.queued_at) < timedelta(milliseconds=1)


def test_run_now_of_a_disabled_job_is_refused_and_of_a_paused_one_is_not() -> None:
    job = a_job()
    job.pause(by=SOMEBODY)
    assert a_run(job).status == QUEUED
    job.disable(by=SOMEBODY)
    with pytest.raises(dispatch.JobNotEnabled):
        a_run(job)


def test_run_now_of_a_deleted_job_says_that_it_does_not_exist() -> None:
    job = a_job()
    job.retire(by=SOMEBODY)
    with pytest.raises(ScheduledJob.DoesNotExist):
        a_run(job)


@pytest.mark.parametrize(
    ("policy", "second", "third"),
    [
        (OverlapPolicy.SKIP, "refused", "refused"),
        (OverlapPolicy.QUEUE, "held", "refused"),
        (OverlapPolicy.ALLOW, "free", "free"),
        (OverlapPolicy.CANCEL_RUNNING, "held", "refused"),
    ],
)
def test_run_now_obeys_the_overlap_policy(policy: OverlapPolicy, second: str, third: str) -> None:
    job = a_job(overlap_policy=policy)
    started(job)
    assert [_asked(job), _asked(job)] == [second, third]


def _asked(job: ScheduledJob) -> str:
    try:
        return "held" if a_run(job).available_at is None else "free"
    except dispatch.AlreadyRunning:
        return "refused"


def test_a_retry_that_waits_for_its_delay_is_not_active() -> None:
    job = a_job(retry_delay_minutes=10)
    ended(started(job), FAILED)
    assert _asked(job) == "free"


def test_run_now_takes_other_parameters_and_the_job_keeps_its_own() -> None:
    job = a_job(job_type="FailingJob", parameters={"message": "stored"}, overlap_policy=OverlapPolicy.ALLOW)
    assert a_run(job).parameters == {"message": "stored"}
    assert a_run(job, parameters={"message": "other"}).parameters == {"message": "other"}
    assert fresh(job).parameters == {"message": "stored"}


def test_run_now_refuses_parameters_that_do_not_suit_and_queues_nothing() -> None:
    job = a_job(job_type="FailingJob")
    with pytest.raises(ValidationError) as refused:
        a_run(job, parameters={"mesage": "typo"})
    assert "mesage" in str(refused.value.message_dict["parameters"])
    assert rows_of(job) == []


def test_run_now_of_a_past_due_time_stands_for_it() -> None:
    job = a_job(cron_expression="0 3 * * *", time_zone="UTC")
    past = datetime(2026, 1, 5, 3, 0, tzinfo=UTC)
    run = a_run(job, scheduled_for=past)
    assert (run.reference_time, run.trigger) == (past, Trigger.MANUAL)
    assert run.id != ids.of_due_time(job.id, past)


@pytest.mark.parametrize(
    "instant", [datetime(2026, 1, 5, 3, 1, tzinfo=UTC), datetime(9000, 1, 1, 3, tzinfo=UTC)], ids=["not due", "future"]
)
def test_run_now_refuses_an_instant_that_is_no_past_due_time(instant: datetime) -> None:
    with pytest.raises(dispatch.NotADueTime):
        a_run(a_job(cron_expression="0 3 * * *", time_zone="UTC"), scheduled_for=instant)


def test_the_same_idempotency_key_gives_the_same_run_even_when_the_job_cannot_run_any_more() -> None:
    job = a_job()
    run = a_run(job, idempotency_key="k")
    assert a_run(job, idempotency_key="k").id == run.id
    job.disable(by=SOMEBODY)
    assert a_run(job, idempotency_key="k").id == run.id
    assert len(rows_of(job)) == 1


def test_an_idempotency_key_with_another_body_is_refused() -> None:
    job = a_job(job_type="FailingJob")
    a_run(job, idempotency_key="k")
    with pytest.raises(dispatch.KeyReused):
        a_run(job, idempotency_key="k", parameters={"message": "other"})


def test_an_idempotency_key_is_the_callers_own_and_the_jobs_own() -> None:
    one, two = a_job("one", overlap_policy=OverlapPolicy.ALLOW), a_job("two")
    runs = [
        a_run(one, idempotency_key="k"),
        a_run(two, idempotency_key="k"),
        dispatch.run_now(one, dispatch.RunRequest(by=uuid.uuid4(), idempotency_key="k")),
    ]
    assert len({run.id for run in runs}) == 3


def test_an_idempotency_key_is_forgotten_after_a_day() -> None:
    job = a_job(overlap_policy=OverlapPolicy.ALLOW)
    first = a_run(job, idempotency_key="k")
    IdempotencyKey.objects.update(created_at=database_now() - timedelta(hours=24, seconds=1))
    assert a_run(job, idempotency_key="k").id != first.id


def test_a_refused_run_now_does_not_use_up_its_idempotency_key() -> None:
    job = a_job()
    run = started(job)
    with pytest.raises(dispatch.AlreadyRunning):
        a_run(job, idempotency_key="k")
    ended(run)
    assert a_run(job, idempotency_key="k").status == QUEUED


@pytest.mark.django_db(transaction=True)
def test_two_equal_requests_at_the_same_moment_make_one_run() -> None:
    job = a_job(overlap_policy=OverlapPolicy.ALLOW)
    _at_once(lambda: a_run(job, idempotency_key="k"), beats=4)
    assert len(rows_of(job)) == 1


@pytest.mark.django_db(transaction=True)
def test_of_requests_at_the_same_moment_skip_admits_one() -> None:
    job = a_job(overlap_policy=OverlapPolicy.SKIP)
    answers: list[str] = []
    _at_once(lambda: answers.append(_asked(job)), beats=4)
    assert sorted(answers) == ["free", "refused", "refused", "refused"]


# --- The job changes -------------------------------------------------------------------------------------------------
def test_a_change_first_settles_what_was_due_under_the_old_definition() -> None:
    job = a_job(cron_expression="0 3 * * *", time_zone="UTC")
    first = fell_due(job, minutes_ago(2 * 1440))
    job.redefine(by=SOMEBODY, cron_expression="17 5 * * *")
    assert [row.scheduled_for for row in rows_of(job)] == [first, first + timedelta(days=1)]
    assert dispatch.fire_due() == 0


def test_what_was_due_before_a_pause_is_not_skipped_by_it() -> None:
    job = a_job(cron_expression="* * * * *", misfire_grace_seconds=600)
    fell_due(job, minutes_ago(2))
    job.pause(by=SOMEBODY)
    assert Reason.PAUSED not in {row.reason for row in rows_of(job)}
    assert of_status(rows_of(job), QUEUED)


def test_what_was_due_during_a_pause_is_skipped_though_written_at_its_end() -> None:
    job = a_job(cron_expression="* * * * *")
    job.pause(by=SOMEBODY)
    fell_due(job, minutes_ago(5))
    job.resume(by=SOMEBODY)
    rows = rows_of(job)
    assert len(rows) >= 5
    assert {(row.status, row.reason) for row in rows} == {(SKIPPED, Reason.PAUSED)}


def test_a_rename_settles_too_so_that_rows_keep_the_name_of_their_time() -> None:
    job = a_job("old", cron_expression="0 3 * * *")
    fell_due(job, minutes_ago(1440))
    job.redefine(by=SOMEBODY, name="new")
    assert {row.job_name for row in rows_of(job)} == {"old"}


def test_a_queued_run_keeps_the_parameters_in_its_row() -> None:
    job = a_job(job_type="FailingJob", parameters={"message": "old"})
    run = a_run(job)
    job.redefine(by=SOMEBODY, parameters={"message": "new"})
    run.refresh_from_db()
    assert run.parameters == {"message": "old"}


def test_disabling_cancels_queued_held_and_waiting_runs_and_leaves_the_running_one() -> None:
    job = a_job(overlap_policy=OverlapPolicy.QUEUE, retry_delay_minutes=60)
    ended(started(job), FAILED)  # leaves a waiting retry
    running, held = started(job), a_run(job)
    job.disable(by=SOMEBODY)
    running.refresh_from_db(), held.refresh_from_db()
    assert running.status == ExecutionStatus.RUNNING
    assert (held.status, held.reason) == (CANCELLED, Reason.DISABLED)
    assert not JobExecution.objects.filter(job=job, status=QUEUED).exists()
    assert all(row.completed_at for row in of_status(rows_of(job), CANCELLED))


def test_what_was_due_when_a_job_is_disabled_is_recorded_and_cancelled() -> None:
    job = a_job(cron_expression="* * * * *", misfire_grace_seconds=600)
    fell_due(job, minutes_ago(1))
    job.disable(by=SOMEBODY)
    assert rows_of(job)
    assert {row.status for row in rows_of(job)} <= {CANCELLED, SKIPPED}
    assert fresh(job).next_execution_at is None


def test_deleting_cancels_with_its_own_reason() -> None:
    job = a_job()
    run = a_run(job)
    job.retire(by=SOMEBODY)
    run.refresh_from_db()
    assert (run.status, run.reason) == (CANCELLED, Reason.DELETED)


def test_pausing_leaves_queued_runs_alone() -> None:
    job = a_job()
    run = a_run(job)
    job.pause(by=SOMEBODY)
    run.refresh_from_db()
    assert run.status == QUEUED
    assert claimed(run).status == ExecutionStatus.RUNNING


def test_a_change_that_fails_settles_nothing() -> None:
    job = a_job(cron_expression="0 3 * * *")
    fell_due(job, minutes_ago(1440))
    with pytest.raises(ValidationError), transaction.atomic():
        job.redefine(by=SOMEBODY, cron_expression="nonsense")
    assert rows_of(job) == []
    assert fresh(job).cron_expression == "0 3 * * *"


def test_a_job_whose_stored_schedule_is_broken_does_not_keep_the_others_from_firing() -> None:
    broken, sound = a_job("broken", cron_expression="0 3 * * *"), a_job("sound", cron_expression="0 3 * * *")
    fell_due(broken, minutes_ago(3 * 1440))
    fell_due(sound, minutes_ago(1440))
    # As after an update of the zone data that no longer knows the zone.
    ScheduledJob.objects.filter(pk=broken.pk).update(time_zone="Atlantis/Capital")
    dispatch.fire_due()
    assert rows_of(sound)
    assert rows_of(broken) == []
    assert fresh(broken).status == JobStatus.ENABLED
    ScheduledJob.objects.filter(pk=broken.pk).update(time_zone=broken.time_zone)
    dispatch.fire_due()
    assert len(rows_of(broken)) == 3


def test_a_job_whose_stored_schedule_is_broken_can_be_mended() -> None:
    job = a_job(cron_expression="0 3 * * *")
    fell_due(job, minutes_ago(1440))
    ScheduledJob.objects.filter(pk=job.pk).update(time_zone="Atlantis/Capital")
    job.redefine(by=SOMEBODY, time_zone="UTC")
    dispatch.fire_due()
    assert fresh(job).next_execution_at == fresh(job).schedule.next_after(database_now())


def test_what_came_due_while_the_schedule_could_not_be_read_is_made_up_by_the_one_that_mends_it() -> None:
    job = a_job(cron_expression="* * * * *", misfire_policy=MisfirePolicy.RUN_ONCE)
    first = fell_due(job, minutes_ago(10))
    ScheduledJob.objects.filter(pk=job.pk).update(time_zone="Atlantis/Capital")
    dispatch.fire_due()
    assert rows_of(job) == []
    job.redefine(by=SOMEBODY, time_zone="UTC")
    dispatch.fire_due()
    rows = rows_of(job)
    assert rows[0].scheduled_for == first and len(rows) in (10, 11)
    assert [row.scheduled_for - rows[0].scheduled_for for row in rows] == [
        timedelta(minutes=n) for n in range(len(rows))
    ]
    assert fresh(job).next_execution_at > database_now() - timedelta(seconds=60)


def test_a_retry_starts_under_the_lock_of_its_job_and_only_when_it_stands_alone() -> None:
    job = a_job(retry_delay_minutes=0)
    ended(started(job), FAILED)
    [retry] = of_status(rows_of(job), QUEUED)
    other = a_run(fresh(job))
    assert dispatch.admit_retries() == 0
    ended(claimed(other))
    assert dispatch.admit_retries() == 1
    with pytest.raises(dispatch.AlreadyRunning):
        a_run(fresh(job))
    assert JobExecution.objects.get(pk=retry.pk).rung_at


def test_of_many_retries_of_one_job_one_starts_unless_runs_may_stand_side_by_side() -> None:
    alone = a_job("alone", retry_delay_minutes=0, overlap_policy=OverlapPolicy.ALLOW)
    for _ in range(3):
        ended(started(alone), FAILED)
    ScheduledJob.objects.filter(pk=alone.pk).update(overlap_policy=OverlapPolicy.SKIP)
    beside = a_job("beside", retry_delay_minutes=0, overlap_policy=OverlapPolicy.ALLOW)
    for _ in range(3):
        ended(started(beside), FAILED)
    assert dispatch.admit_retries() == 1 + 3


def test_the_retries_of_however_many_paused_and_busy_jobs_leave_room_for_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dispatch, "JOBS_PER_BATCH", 1)
    paused, busy, last = (a_job(name, retry_delay_minutes=0) for name in ("paused", "busy", "last"))
    for job in (paused, busy, last):
        ended(started(job), FAILED)
    fresh(paused).pause(by=SOMEBODY)
    a_run(fresh(busy))
    assert dispatch.admit_retries() == 1
    assert JobExecution.objects.get(trigger=Trigger.RETRY, rung_at__isnull=False).job_id == last.id


def test_a_retry_of_a_paused_job_waits() -> None:
    job = a_job(retry_delay_minutes=0)
    ended(started(job), FAILED)
    job = fresh(job).pause(by=SOMEBODY)
    assert dispatch.admit_retries() == 0
    job.resume(by=SOMEBODY)
    assert dispatch.admit_retries() == 1
