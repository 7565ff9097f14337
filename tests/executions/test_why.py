"""Why a job ran or did not: every verdict with its sentence, its gates and the first no."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from executions import accounting, control, dispatch, ledger, why
from executions.ledger import Outcome
from executions.models import BeatLease, JobExecution, Worker
from executions.why import Verdict
from jobs import holds
from jobs.enums import ExecutionStatus, JobStatus, MisfirePolicy, OverlapPolicy, Reason
from jobs.models import SYSTEM_USER_ID, ScheduledJob, ScheduleRevision
from scheduler_project.identity.models import User
from tests.database_clock import DatabaseClock, database_time
from tests.factories import FAILED, a_job, a_run, ended, rows_of

TWO_AT_NIGHT = "0 2 * * *"
NOON = datetime(2026, 3, 2, 16, tzinfo=UTC)  # in Santo Domingo
DUE = datetime(2026, 3, 3, 6, tzinfo=UTC)
HERE = "2026-03-03 02:00 (America/Santo_Domingo)"

pytestmark = pytest.mark.django_db


@pytest.fixture
def clock(db: None) -> Iterator[DatabaseClock]:
    with database_time(NOON) as moved:
        yield moved


@pytest.fixture
def ana(db: None) -> uuid.UUID:
    return User.objects.create_user("ana").id


def backup(**definition: Any) -> ScheduledJob:
    return a_job("Backup", **{"cron_expression": TWO_AT_NIGHT, **definition})


def fired(clock: DatabaseClock, at: datetime = DUE + timedelta(milliseconds=200)) -> JobExecution:
    """The row of the last due time, once the beat has come to it."""
    clock.move_to(at)
    dispatch.fire_due()
    return JobExecution.objects.first()


def begun(run: JobExecution) -> JobExecution:
    row = ledger.claim(run.id, token=uuid.uuid4(), worker_name="celery@here", worker_id=None)
    assert row is not None
    return row


def said(job: ScheduledJob, at: datetime = DUE) -> tuple[str, str, str | None]:
    """Verdict, sentence, and the gate that said the first no."""
    explained = why.explain(ScheduledJob.objects.get(pk=job.pk), at)
    decisive = [gate.gate for gate in explained.gates if gate.is_decisive]
    assert len(decisive) <= 1
    assert all(str(gate.text) for gate in explained.gates)
    return explained.verdict, str(explained.answer), decisive[0] if decisive else None


def states(job: ScheduledJob, at: datetime = DUE) -> dict[str, str]:
    return {gate.gate: gate.state for gate in why.explain(ScheduledJob.objects.get(pk=job.pk), at).gates}


def gate(job: ScheduledJob, name: str, at: datetime = DUE) -> why.Gate:
    explained = why.explain(ScheduledJob.objects.get(pk=job.pk), at)
    return next(each for each in explained.gates if each.gate == name)


# --- It ran ----------------------------------------------------------------------------------------------------------
def test_a_run_on_time_came_through_all_gates(clock: DatabaseClock) -> None:
    job = backup()
    running = begun(fired(clock))
    clock.advance(seconds=90)
    ended(running)
    assert said(job) == (
        Verdict.RAN, f"Backup ran for {HERE}, from 2026-03-03 02:00:00 to 2026-03-03 02:01:30 on celery@here.", None,
    )  # fmt: skip
    assert set(states(job).values()) == {"passed"}
    assert gate(job, "result").facts["attempt"] == 1
    assert gate(job, "worker").facts["processId"]


def test_a_run_that_was_made_up_says_how_late_it_was(clock: DatabaseClock) -> None:
    job = backup()
    ended(begun(fired(clock, DUE + timedelta(hours=3))))
    verdict, sentence, decisive = said(job)
    assert (verdict, decisive) == (Verdict.RAN, None)
    assert "was made up" in sentence and "3 h 00 min late (misfire policy Run once)" in sentence
    assert "past the grace of 1 min 00 s" in str(gate(job, "misfire").text)


def test_a_run_at_a_second_attempt_says_why_the_first_one_failed(clock: DatabaseClock) -> None:
    job = backup()
    ended(begun(fired(clock)), FAILED)
    clock.advance(minutes=6)
    dispatch.admit_retries()
    ended(begun(JobExecution.objects.get(retry_attempt=1)))
    verdict, sentence, decisive = said(job)
    assert (verdict, decisive) == (Verdict.RAN, None)
    assert "at attempt 2" in sentence and sentence.endswith("the attempt before had failed: it broke")


def test_what_somebody_had_run_again_by_hand_is_told_behind_the_answer(clock: DatabaseClock, ana: uuid.UUID) -> None:
    job = backup(max_retries=0)
    ended(begun(fired(clock)), FAILED)
    clock.advance(hours=6)
    again = dispatch.run_now(job, dispatch.RunRequest(by=ana, scheduled_for=DUE))
    ended(begun(again))
    verdict, sentence, decisive = said(job)
    assert (verdict, decisive) == (Verdict.FAILED, "result")
    assert sentence.endswith("it broke (ana had it run again at 2026-03-03 08:00:00: Completed)")
    facts = why.explain(job, DUE).facts
    assert ([row.id for row in facts.attempts], [row.id for row in facts.by_hand]) == ([rows_of(job)[0].id], [again.id])


def test_one_more_attempt_by_hand_is_no_retry_of_the_schedules_own(clock: DatabaseClock, ana: uuid.UUID) -> None:
    job = backup(max_retries=0)
    control.retry(ended(begun(fired(clock)), FAILED), by=ana)
    assert said(job)[0] == Verdict.FAILED
    assert "ana had it run again" in said(job)[1]


# --- It runs, or waits -----------------------------------------------------------------------------------------------
def test_a_running_run_says_where_and_since_when(clock: DatabaseClock) -> None:
    job = backup()
    running = begun(fired(clock))
    assert said(job) == (
        Verdict.RUNNING,
        f"Backup of {HERE} is running since 2026-03-03 02:00:00 on celery@here, at attempt 1 of 4.",
        None,
    )
    assert states(job)["result"] == "notReached"
    control.cancel(running)
    assert "it was asked to stop at 2026-03-03 02:00:00" in said(job)[1]


def a_worker(clock: DatabaseClock, *queues: str) -> None:
    Worker.objects.create(
        id=uuid.uuid4(), name="celery@here", machine_name="here", process_id=1, queues=queues, processes=2,
        started_at=clock.now, last_seen_at=clock.now,
    )  # fmt: skip


def test_a_run_that_no_worker_takes_says_that_none_lives_on_its_queue(clock: DatabaseClock) -> None:
    job = backup(queue="slow")
    fired(clock)
    a_worker(clock, "default")
    clock.advance(minutes=1)
    assert said(job) == (
        Verdict.WAITING,
        f"Backup of {HERE} waits since 2026-03-03 02:00:00 for a worker: none that lives takes the queue “slow”.",
        "worker",
    )
    assert gate(job, "worker").facts["livingWorkers"] == 0
    assert states(job)["result"] == "notReached"


def test_a_run_that_waits_for_busy_workers_says_how_many_and_how_often_it_was_rung(clock: DatabaseClock) -> None:
    job = backup()
    row = fired(clock)
    a_worker(clock, "default", "slow")
    assert "for a worker of the queue “default” (1 living); its message last went out at" in said(job)[1]
    JobExecution.objects.filter(pk=row.pk).update(rung_at=None, rings=0)
    assert "its message has not gone out" in said(job)[1]


def test_a_silent_worker_does_not_count(clock: DatabaseClock) -> None:
    job = backup()
    a_worker(clock, "default")
    fired(clock)
    assert gate(job, "worker").facts["livingWorkers"] == 0


def test_a_failed_run_that_will_be_tried_again_says_when(clock: DatabaseClock) -> None:
    job = backup(retry_delay_minutes=30)
    ended(begun(fired(clock)), FAILED)
    assert said(job) == (
        Verdict.WAITING,
        f"Backup ran for {HERE} and failed (it broke); attempt 2 of 4 is free to start at 2026-03-03 02:30:00.",
        "result",
    )
    assert gate(job, "result").facts["nextAttemptAt"] == DUE + timedelta(minutes=30, milliseconds=200)
    clock.advance(minutes=31)
    assert "attempt 2 of 4 waits until the job is not paused" in said(job)[1]
    dispatch.admit_retries()
    assert "attempt 2 of 4 waits since" in said(job)[1]
    assert said(job)[2] == "worker"


def test_a_run_that_is_held_behind_another_one_names_it(clock: DatabaseClock) -> None:
    job = backup(overlap_policy=OverlapPolicy.QUEUE)
    clock.move_to(DUE - timedelta(minutes=10))
    active = begun(a_run(job))
    fired(clock)
    verdict, sentence, decisive = said(job)
    assert (verdict, decisive) == (Verdict.WAITING, "overlap")
    assert f"waits for the end of run {active.id} (Running, since 2026-03-03 01:50) (overlap policy Queue)" in sentence
    assert gate(job, "overlap").facts["otherExecutionId"] == active.id
    ended(active)
    assert "it is free to start in a moment" in said(job)[1]
    clock.advance(minutes=1)
    dispatch.release_held()
    ended(begun(rows_of(job)[0]))
    assert said(job)[0] == Verdict.RAN
    assert "It waited until 2026-03-03 02:01:00" in str(gate(job, "overlap").text)


def test_a_run_that_is_made_up_in_turn_waits_for_its_turn(clock: DatabaseClock) -> None:
    job = backup(misfire_policy=MisfirePolicy.RUN_ALL)
    fired(clock, DUE + timedelta(days=2, hours=1))
    verdict, sentence, decisive = said(job)
    assert (verdict, decisive) == (Verdict.WAITING, "overlap")
    assert "waits for its turn: what was missed is made up one after another" in sentence


# --- It failed, or was cancelled -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("reason", "said_so"),
    [
        (Reason.ERROR, "and failed at attempt 1 of 1: first line"),
        (Reason.TIMEOUT, "and was stopped by its timeout, at attempt 1 of 1: first line"),
        (Reason.WORKER_LOST, "and was lost with its worker celery@here, at attempt 1 of 1: first line"),
        (Reason.SHUTDOWN, "and was cut off as its worker celery@here stopped"),
        ("new_reason", "and failed at attempt 1 of 1: first line"),
    ],
)
def test_a_failed_run_says_how_it_failed_and_its_error(clock: DatabaseClock, reason: str, said_so: str) -> None:
    job = backup(max_retries=0)
    ended(begun(fired(clock)), Outcome(ExecutionStatus.FAILED, reason, error_message="first line\nsecond line"))
    verdict, sentence, decisive = said(job)
    assert (verdict, decisive) == (Verdict.FAILED, "result")
    assert f"Backup ran for {HERE} {said_so}" in sentence
    assert "second line" not in sentence
    assert gate(job, "result").facts["errorMessage"] == "first line\nsecond line"


def test_an_error_without_a_message_is_told_by_its_reason(clock: DatabaseClock) -> None:
    job = backup(max_retries=0)
    ended(begun(fired(clock)), Outcome(ExecutionStatus.FAILED, Reason.ERROR))
    assert said(job)[1].endswith("attempt 1 of 1: error")


def test_a_failure_that_is_not_tried_again_though_attempts_are_left_says_so(clock: DatabaseClock) -> None:
    job = backup()
    ended(begun(fired(clock)), Outcome(ExecutionStatus.FAILED, Reason.ERROR, error_message="no such table"))
    assert "and not tried again (the error is permanent" in str(gate(job, "result").text)


def test_a_run_that_was_cancelled_before_and_one_after_it_began(clock: DatabaseClock) -> None:
    job = backup()
    control.cancel(fired(clock))
    verdict, sentence, decisive = said(job)
    assert (verdict, decisive) == (Verdict.CANCELLED, "worker")
    assert "was cancelled at 2026-03-03 02:00:00, before it began: somebody asked for it" in sentence
    running = begun(fired(clock, DUE + timedelta(days=1)))
    control.cancel(running)
    clock.advance(seconds=5)
    ended(running, Outcome(ExecutionStatus.CANCELLED, Reason.CANCELLED))
    verdict, sentence, decisive = said(job, DUE + timedelta(days=1))
    assert (verdict, decisive) == (Verdict.CANCELLED, "result")
    assert "ran from 2026-03-04 02:00 on and was cancelled at 2026-03-04 02:00:05" in sentence


@pytest.mark.parametrize("verb", ["disable", "retire"])
def test_a_run_that_a_change_of_the_job_cancelled_names_who_made_it(
    clock: DatabaseClock, ana: uuid.UUID, verb: str
) -> None:
    job = backup()
    fired(clock)
    clock.advance(seconds=30)
    getattr(job, verb)(by=ana)
    verdict, sentence, decisive = said(job)
    assert (verdict, decisive) == (Verdict.CANCELLED, "worker")
    done = {"disable": "disabled", "retire": "deleted"}[verb]
    assert sentence == f"Backup of {HERE} was cancelled at 2026-03-03 02:00:30, before it began: ana {done} the job."


def test_a_retry_that_a_change_of_the_job_cancelled_says_so(clock: DatabaseClock, ana: uuid.UUID) -> None:
    job = backup()
    ended(begun(fired(clock)), FAILED)
    job.disable(by=ana)
    verdict, sentence, _gate = said(job)
    assert verdict == Verdict.CANCELLED
    assert "failed (it broke); attempt 2 of 4 did not begin: Cancelled (disabled)" in sentence


def test_runs_that_made_way_name_the_newer_one(clock: DatabaseClock) -> None:
    job = backup(overlap_policy=OverlapPolicy.CANCEL_RUNNING, misfire_grace_seconds=86_400)
    running = begun(fired(clock))
    newer = fired(clock, DUE + timedelta(days=1, minutes=1))
    clock.advance(seconds=2)
    ended(running, Outcome(ExecutionStatus.CANCELLED, Reason.CANCELLED))
    running.refresh_from_db()
    assert running.reason == Reason.OVERLAP
    verdict, sentence, decisive = said(job)
    assert (verdict, decisive) == (Verdict.CANCELLED, "result")
    assert f"was stopped at 2026-03-04 02:01:02 to make way for run {newer.id}" in sentence
    dispatch.release_held()
    newest = fired(clock, DUE + timedelta(days=2, minutes=1))
    verdict, sentence, decisive = said(job, DUE + timedelta(days=1))
    assert (verdict, decisive) == (Verdict.CANCELLED, "overlap")
    assert f"before it began, to make way for run {newest.id}" in sentence


# --- It was skipped, or missed ---------------------------------------------------------------------------------------
def test_a_pause_is_told_with_who_since_when_until_and_why(clock: DatabaseClock, ana: uuid.UUID) -> None:
    job = backup()
    clock.advance(hours=1)
    job.pause(by=ana, reason="new disks", until=DUE + timedelta(hours=12))
    clock.advance(hours=1)
    job.redefine(by=SYSTEM_USER_ID, description="changed while it was paused")
    fired(clock)
    assert said(job) == (
        Verdict.SKIPPED,
        f"Backup was skipped at {HERE}: it was paused by ana since 2026-03-02 13:00, until 2026-03-03 14:00"
        " (“new disks”).",
        "status",
    )
    assert states(job) == {
        "schedule": "passed", "status": "stopped", "hold": "notReached", "fired": "notReached", "misfire": "notReached",
        "overlap": "notReached", "deadline": "notReached", "worker": "notReached", "result": "notReached",
    }  # fmt: skip
    assert gate(job, "status").facts == {
        "status": "Paused", "since": NOON + timedelta(hours=1), "byUserId": ana, "by": "ana",
        "pausedUntil": DUE + timedelta(hours=12), "pauseReason": "new disks",
    }  # fmt: skip


def test_a_pause_that_had_ended_by_then_did_not_stop_it(clock: DatabaseClock, ana: uuid.UUID) -> None:
    job = backup()
    job.pause(by=ana, until=DUE - timedelta(hours=1))
    fired(clock)
    assert said(job)[0] == Verdict.WAITING
    assert "but only until 2026-03-03 01:00" in str(gate(job, "status").text)
    assert states(job)["status"] == "passed"


def test_a_hold_is_told_with_who_since_when_and_why(clock: DatabaseClock, ana: uuid.UUID) -> None:
    job = backup()
    holds.hold(by=ana, reason="new cables")
    fired(clock)
    holds.release(by=ana)
    sentence = f"Backup was skipped at {HERE}: the whole schedule was held by ana since 2026-03-02 12:00"
    assert said(job) == (Verdict.SKIPPED, f"{sentence}, until 2026-03-03 02:00:00 (“new cables”).", "hold")


def test_of_a_pause_and_a_hold_at_once_the_hold_is_asked_first(clock: DatabaseClock, ana: uuid.UUID) -> None:
    job = backup()
    job.pause(by=ana)
    holds.hold(by=ana)
    assert said(job)[::2] == (Verdict.WILL_BE_SKIPPED, "hold")
    fired(clock)
    assert said(job)[::2] == (Verdict.SKIPPED, "hold")
    assert (states(job)["status"], states(job)["hold"]) == ("stopped", "stopped")


def test_an_overlap_names_the_run_that_was_active_even_when_it_has_ended_since(clock: DatabaseClock) -> None:
    job = backup()
    clock.move_to(DUE - timedelta(hours=2))
    active = begun(a_run(job))
    fired(clock)
    clock.advance(minutes=1)
    ended(active)
    assert said(job) == (
        Verdict.SKIPPED,
        f"Backup was skipped at {HERE}: run {active.id} (Running, since 2026-03-03 00:00) was active"
        " (overlap policy Skip).",
        "overlap",
    )
    assert gate(job, "overlap").facts["otherStatus"] == "Running"


def test_a_missed_due_time_says_how_late_it_was_and_by_which_policy(clock: DatabaseClock) -> None:
    job = backup(misfire_policy=MisfirePolicy.SKIP)
    fired(clock, DUE + timedelta(hours=5))
    assert said(job) == (
        Verdict.MISSED,
        f"Backup was missed at {HERE}: it could be fired only at 2026-03-03 07:00, 5 h 00 min late and past the grace"
        " of 1 min 00 s, and its misfire policy Skip did not make it up.",
        "misfire",
    )
    assert gate(job, "misfire").facts == {"policy": "Skip", "graceSeconds": 60, "lateSeconds": 18_000}
    assert states(job)["fired"] == "passed"


def test_a_run_that_nobody_began_in_time_says_its_deadline(clock: DatabaseClock) -> None:
    job = backup(start_deadline_seconds=600)
    fired(clock)
    assert "for at most 10 min 00 s" in str(gate(job, "deadline").text)
    clock.advance(minutes=11)
    control.miss_late_starts()
    assert said(job) == (
        Verdict.MISSED,
        f"Backup was missed at {HERE}: no worker took it within 10 min 00 s from 2026-03-03 02:00:00 on, its start"
        " deadline.",
        "deadline",
    )


# --- It was not due, or off the schedule -----------------------------------------------------------------------------
def test_an_instant_that_is_not_due_gets_the_due_times_around_it(clock: DatabaseClock) -> None:
    job = backup()
    assert said(job, DUE + timedelta(minutes=1)) == (
        Verdict.NOT_DUE,
        "Backup is not due at 2026-03-03 02:01 (America/Santo_Domingo): by “0 2 * * *” the time before is"
        " 2026-03-03 02:00 and the one after 2026-03-04 02:00.",
        "schedule",
    )
    assert gate(job, "schedule", DUE + timedelta(minutes=1)).facts["nextDueTime"] == DUE + timedelta(days=1)


@pytest.mark.parametrize("seconds", [0, 0.000001, 30, 59.999999])
def test_any_instant_of_its_minute_means_the_due_time(clock: DatabaseClock, seconds: float) -> None:
    job = backup()
    fired(clock)
    assert why.explain(job, DUE + timedelta(seconds=seconds)).facts.due == DUE


def test_before_the_job_was_there(clock: DatabaseClock, ana: uuid.UUID) -> None:
    job = ScheduledJob.define(by=ana, name="Backup", job_type="NoOpJob", cron_expression=TWO_AT_NIGHT)
    assert said(job, DUE - timedelta(days=1)) == (
        Verdict.NOT_ON_SCHEDULE,
        "Backup did not exist yet at 2026-03-02 02:00 (America/Santo_Domingo): ana defined it at 2026-03-02 12:00.",
        "status",
    )


@pytest.mark.parametrize(("verb", "done"), [("disable", "disabled"), ("retire", "deleted")])
def test_while_it_was_off_the_schedule(clock: DatabaseClock, ana: uuid.UUID, verb: str, done: str) -> None:
    job = backup()
    getattr(job, verb)(by=ana)
    what = f"{done} it at 2026-03-02 12:00."
    future = said(job)
    assert future[0::2] == (Verdict.NOT_ON_SCHEDULE, "status")
    assert future[1].startswith(f"Backup will not run at {HERE}") and future[1].endswith(f"ana {what}")
    clock.move_to(DUE + timedelta(hours=1))
    past = said(job)
    assert past == (Verdict.NOT_ON_SCHEDULE, f"Backup did not run at {HERE}: ana had {what}", "status")


def test_an_enabled_job_whose_due_time_fell_into_its_disabled_days(clock: DatabaseClock, ana: uuid.UUID) -> None:
    job = backup()
    job.disable(by=ana)
    clock.move_to(DUE + timedelta(hours=1))
    job.enable(by=ana)
    clock.advance(days=10)
    assert said(job)[0::2] == (Verdict.NOT_ON_SCHEDULE, "status")


def test_what_was_changed_since_plays_no_part(clock: DatabaseClock) -> None:
    job = backup(misfire_policy=MisfirePolicy.SKIP)
    fired(clock, DUE + timedelta(hours=1))
    job.redefine(
        by=SYSTEM_USER_ID, cron_expression="30 4 * * *", time_zone="Asia/Kathmandu",
        misfire_policy=MisfirePolicy.RUN_ALL, misfire_grace_seconds=10_000,
    )  # fmt: skip
    verdict, sentence, _gate = said(job)
    assert (verdict, "its misfire policy Skip" in sentence, HERE in sentence) == (Verdict.MISSED, True, True)
    assert gate(job, "schedule").facts["version"] == 1


def test_a_change_in_the_minute_of_the_due_time_holds_for_what_comes_after_it(clock: DatabaseClock) -> None:
    job = backup()
    clock.move_to(DUE + timedelta(seconds=20))
    job.redefine(by=SYSTEM_USER_ID, cron_expression="30 4 * * *")
    assert said(job)[0] == Verdict.WAITING
    assert gate(job, "schedule").facts["version"] == 1


def test_a_job_that_was_made_in_the_minute_of_a_due_time_missed_it(clock: DatabaseClock) -> None:
    clock.move_to(DUE + timedelta(seconds=20))
    assert said(backup())[0] == Verdict.NOT_ON_SCHEDULE


# --- Clock changes ---------------------------------------------------------------------------------------------------
def test_a_due_time_in_the_gap_of_a_clock_change_is_the_first_instant_after_it(clock: DatabaseClock) -> None:
    job = backup(cron_expression="30 2 * * *", time_zone="America/New_York")
    at = datetime(2026, 3, 8, 7, 0, 10, tzinfo=UTC)
    assert why.explain(job, at).facts.due == at.replace(second=0)
    assert "02:30 does not exist this day and runs now" in str(gate(job, "schedule", at).text)


def test_the_second_showing_of_a_time_is_not_due_and_says_so(clock: DatabaseClock) -> None:
    job = backup(cron_expression="30 1 * * *", time_zone="America/New_York")
    first = datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
    assert said(job, first)[0] == Verdict.WILL_RUN
    assert said(job, first + timedelta(hours=1))[0] == Verdict.NOT_DUE
    assert "shows this time twice: it runs the first time only" in str(
        gate(job, "schedule", first + timedelta(hours=1)).text
    )


# --- It is still to come ---------------------------------------------------------------------------------------------
def test_an_instant_to_come_says_what_will_be_as_things_stand(clock: DatabaseClock) -> None:
    job = backup()
    verdict, sentence, decisive = said(job)
    assert (verdict, decisive) == (Verdict.WILL_RUN, None)
    assert sentence.startswith(f"Backup will run at {HERE} as things stand, unless")
    assert "or a run of it is still active (overlap policy Skip)" in sentence
    assert states(job) == {
        "schedule": "passed", "status": "passed", "hold": "passed", "fired": "notReached", "misfire": "notReached",
        "overlap": "notReached", "deadline": "notReached", "worker": "notReached", "result": "notReached",
    }  # fmt: skip
    job.redefine(by=SYSTEM_USER_ID, overlap_policy=OverlapPolicy.ALLOW)
    assert "still active" not in said(job)[1]


def test_an_instant_to_come_within_a_pause_or_a_hold_will_be_skipped(clock: DatabaseClock, ana: uuid.UUID) -> None:
    job = backup()
    job.pause(by=ana, until=DUE + timedelta(hours=1))
    assert said(job)[0::2] == (Verdict.WILL_BE_SKIPPED, "status")
    assert said(job, DUE + timedelta(days=1))[0] == Verdict.WILL_RUN
    job.resume(by=ana)
    holds.hold(by=ana, until=DUE + timedelta(hours=1))
    assert said(job)[0::2] == (Verdict.WILL_BE_SKIPPED, "hold")
    assert "held by ana since 2026-03-02 12:00, until 2026-03-03 03:00" in said(job)[1]
    assert said(job, DUE + timedelta(days=1))[0] == Verdict.WILL_RUN


# --- It should be there, and is not ----------------------------------------------------------------------------------
def test_a_due_time_that_no_beat_fires_says_who_led_last(clock: DatabaseClock) -> None:
    job = backup()
    clock.move_to(DUE + timedelta(minutes=3))
    assert said(job) == (
        Verdict.NOT_FIRED_YET, f"Backup is due since {HERE} and not fired yet: no beat has ever led.", "fired",
    )  # fmt: skip
    lease = BeatLease.objects.create(
        holder=uuid.uuid4(), term=3, machine_name="here", process_id=7, since=NOON, expires_at=DUE
    )
    assert "no beat leads since 2026-03-03 02:00 (the last one was on here)" in said(job)[1]
    BeatLease.objects.update(expires_at=clock.now + timedelta(seconds=5))
    assert "the beat on here, which leads since 2026-03-02 12:00, has not come to it" in said(job)[1]
    facts = gate(job, "fired").facts
    assert (facts["beatMachine"], facts["beatSince"], facts["nextExecutionAt"]) == ("here", lease.since, DUE)


def test_a_due_time_that_waits_for_a_schedule_that_cannot_be_read(clock: DatabaseClock) -> None:
    job = backup()
    clock.move_to(DUE + timedelta(minutes=3))
    ScheduledJob.objects.filter(pk=job.pk).update(time_zone="Atlantis/Capital")
    assert "the schedule that is stored for the job cannot be read" in said(job)[1]


def test_a_paused_due_time_that_is_not_written_yet_will_be_skipped(clock: DatabaseClock, ana: uuid.UUID) -> None:
    job = backup()
    job.pause(by=ana)
    clock.move_to(DUE + timedelta(minutes=3))
    assert said(job)[0::2] == (Verdict.WILL_BE_SKIPPED, "status")


def test_a_row_that_is_lost_is_unaccounted_and_the_last_check_is_told(clock: DatabaseClock) -> None:
    job = backup()
    JobExecution.objects.filter(pk=fired(clock).pk).delete()
    verdict, sentence, decisive = said(job)
    assert (verdict, decisive) == (Verdict.UNACCOUNTED, "fired")
    assert "no row of the ledger tells of it" in sentence
    clock.advance(hours=1)
    accounting.check_since_last()
    assert "(the last check, up to 2026-03-03 02:59, found 1 unaccounted)" in said(job)[1]
    assert gate(job, "fired").facts["unaccounted"] == 1


def test_what_retention_removed_is_not_unaccounted(clock: DatabaseClock) -> None:
    with connection.cursor() as cursor:  # other tests have made older months
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'executions_jobexecution'::regclass"
        )
        for (name,) in cursor.fetchall():
            cursor.execute(f"DROP TABLE {name}")
    job = backup()
    fired(clock)
    fired(clock, DUE + timedelta(days=30))
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE executions_jobexecution_2026_03")
    assert said(job) == (
        Verdict.REMOVED,
        f"What became of Backup at {HERE} is not known any more: the ledger reaches back to 2026-03-31 20:00.",
        None,
    )
    assert states(job)["fired"] == "unknown"


# --- What does not fit -----------------------------------------------------------------------------------------------
def unreadable(job: ScheduledJob) -> None:
    """As after an update of the zone data that no longer knows the zone."""
    revision = job.revisions.get()
    revision.definition["time_zone"] = "Atlantis/Capital"
    revision.save()


def test_a_schedule_that_cannot_be_read_says_so(clock: DatabaseClock) -> None:
    job = backup()
    unreadable(job)
    verdict, sentence, decisive = said(job)
    assert (verdict, decisive) == (Verdict.UNREADABLE, "schedule")
    assert "the schedule of revision 1 cannot be read" in sentence and "Atlantis/Capital" in sentence


def test_a_row_from_when_the_schedule_could_be_read_is_still_told(clock: DatabaseClock) -> None:
    job = backup()
    ended(begun(fired(clock)))
    unreadable(job)
    assert said(job)[0] == Verdict.RAN
    assert states(job)["schedule"] == "unknown"
    assert why.explain(job, DUE).facts.due == DUE


def test_a_row_that_nothing_planned_is_told_and_not_hidden(clock: DatabaseClock) -> None:
    job = backup()
    fired(clock)
    ScheduleRevision.objects.update(effective_from=DUE + timedelta(days=1))
    assert said(job)[0] == Verdict.WAITING
    assert (states(job)["schedule"], states(job)["status"]) == ("unknown", "unknown")
    revision = job.revisions.get()
    revision.definition["cron_expression"] = "30 4 * * *"
    revision.save()
    assert "plans nothing at 2026-03-03 02:00, and yet the ledger has a row for it" in str(gate(job, "schedule").text)


def test_a_definition_from_before_a_field_was_there_is_understood(clock: DatabaseClock) -> None:
    job = backup()
    fired(clock)
    revision = job.revisions.get()
    revision.definition = {"cron_expression": TWO_AT_NIGHT, "time_zone": "America/Santo_Domingo"}
    revision.save()
    assert said(job)[0] == Verdict.WAITING
    assert len(states(job)) == 9


def test_a_job_without_revisions_is_taken_as_it_is(clock: DatabaseClock) -> None:
    job = backup()
    job.revisions.all().delete()
    assert said(job)[0] == Verdict.WILL_RUN


@pytest.mark.parametrize("at", [datetime(1970, 1, 1, tzinfo=UTC), datetime(9998, 12, 31, 23, 59, 59, tzinfo=UTC)])
def test_the_ends_of_time_have_an_answer(clock: DatabaseClock, at: datetime) -> None:
    assert said(backup(), at)[0] in (Verdict.NOT_DUE, Verdict.NOT_ON_SCHEDULE)


@pytest.mark.parametrize("status", [*JobStatus.values, "Deleted", "Unheard"])
def test_any_stored_status_has_an_answer(clock: DatabaseClock, status: str) -> None:
    job = backup()
    ScheduleRevision.objects.update(status=status)
    assert said(job)[1]


def test_it_asks_the_database_a_bounded_number_of_times(
    clock: DatabaseClock, django_assert_max_num_queries: Any
) -> None:
    job = backup()
    for _again in range(30):
        job.redefine(by=SYSTEM_USER_ID, description=str(_again))
    fired(clock)
    for _again in range(5):
        ended(begun(a_run(job, scheduled_for=DUE))) if _again else ended(begun(rows_of(job)[0]))
    fresh = ScheduledJob.objects.get(pk=job.pk)
    with django_assert_max_num_queries(8):
        why.explain(fresh, DUE)
    with django_assert_max_num_queries(12):
        why.explain(fresh, DUE + timedelta(days=3))
