"""What AuditService is told of runs and changes: checked by the demo's own, over real sockets, on real rows."""

import json
import logging
import multiprocessing
import signal
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections
from django.db.models import F
from django.db.models.functions import Now
from django.test import RequestFactory
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from executions import audit_feed, control
from executions.audit_feed.cursors import TAKEN_FOR
from executions.audit_feed.sending import send
from executions.audit_feed.streams import Position, Record
from executions.audit_feed.telling import BATCH
from executions.ledger import Outcome
from executions.models import AuditCursor, JobExecution
from jobs import failpoints
from jobs.enums import ExecutionStatus
from jobs.gateways.audit import AuditEntry, AuditService
from jobs.gateways.service_token import ServiceToken
from jobs.models import ScheduleRevision
from scheduler_project.demo.services import audit as okla
from tests.factories import (
    COMPLETED,
    FAILED,
    SOMEBODY,
    a_job,
    a_run,
    claimed,
    ended,
    fell_due,
    minutes_ago,
    of_status,
    settle,
    started,
)  # fmt: skip

JWT = {"key": "a key that OKLA's services share, of 32 bytes and more", "issuer": "OklaService", "audience": "Okla-App"}
WELL = Response(status=0)
committed = pytest.mark.django_db(transaction=True)
pytestmark = pytest.mark.django_db


@dataclass
class Peer:
    """AuditService. `instead`: its answer in place of that to an entry, WELL for none. `seen`: all, `taken`: of 201."""

    service: AuditService
    instead: Callable[[dict[str, Any]], Response] = lambda body: WELL
    seen: list[dict[str, Any]] = field(default_factory=list)
    taken: list[dict[str, Any]] = field(default_factory=list)

    def attend(self, request: Request) -> Response:
        body = json.loads(request.data)
        self.seen.append(body)
        if (answer := self.instead(body)) is not WELL:
            return answer
        headers = {"Authorization": request.headers["Authorization"]}
        asked = RequestFactory().post("/", request.data, content_type="application/json", headers=headers)
        checked = okla.create(asked, None)
        if checked.status_code == 201:
            self.taken.append(body)
        return Response(checked.content, checked.status_code, content_type="application/json")

    def hears(self) -> list[dict[str, Any]]:
        """What it takes in the next turn, which comes at once: changes by version, then runs."""
        AuditCursor.objects.update(next_try_at=Now())
        before = len(self.taken)
        audit_feed.tell(self.service, lag=timedelta())
        return sorted(self.taken[before:], key=lambda body: body["additionalData"].get("version", float("inf")))


@pytest.fixture
def silent_peer(httpserver: HTTPServer, settings: Any) -> Peer:
    """One of whom nothing is known yet."""
    settings.SCHEDULER_JWT = JWT
    peer = Peer(AuditService(httpserver.url_for(""), ServiceToken(**JWT)))
    httpserver.expect_request("/api/audit", method="POST").respond_with_handler(peer.attend)
    return peer


@pytest.fixture
def peer(silent_peer: Peer) -> Peer:
    """One that is told from now on."""
    assert silent_peer.hears() == []
    return silent_peer


def a_finished_run(outcome: Outcome = COMPLETED, **definition: Any) -> JobExecution:
    return ended(started(a_job(f"job {uuid.uuid4()}", **definition)), outcome)


def finished_runs(count: int) -> list[str]:
    """So many, of one job; their ids in the order of their ends."""
    run = a_finished_run()
    others = [JobExecution.objects.get(pk=run.id) for _ in range(count - 1)]
    for number, other in enumerate(others, start=1):
        other.id = uuid.UUID(int=run.id.int + number)
    JobExecution.objects.bulk_create(others)
    return [str(row.id) for row in (run, *others)]


def told_runs(bodies: list[dict[str, Any]]) -> list[str]:
    """By the ids of the runs; changes left out."""
    return sorted(body["correlationId"] for body in bodies if "executionId" in body["additionalData"])


def cursor(stream: str = "runs") -> AuditCursor:
    return AuditCursor.objects.get(stream=stream)


# --- Runs ------------------------------------------------------------------------------------------------------------
def test_what_ended_before_the_first_turn_is_not_told(silent_peer: Peer) -> None:
    a_finished_run()
    assert silent_peer.hears() == []
    later = a_finished_run()
    assert told_runs(silent_peer.hears()) == [str(later.id)]
    assert silent_peer.hears() == []


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        (COMPLETED, {"action": "JOB_COMPLETED", "success": True, "severity": 2}),
        (FAILED, {"action": "JOB_FAILED", "success": False, "severity": 4, "errorMessage": "it broke"}),
        (
            Outcome(ExecutionStatus.CANCELLED, "cancelled"),
            {"action": "JOB_CANCELLED", "success": False, "severity": 3, "errorMessage": "cancelled"},
        ),
    ],
)
def test_each_end_of_a_run_is_told(peer: Peer, outcome: Outcome, told: dict[str, Any]) -> None:
    run = a_finished_run(outcome, job_type="DiaryJob", parameters={"path": "/Tr0ub4dor"})
    body = peer.hears()[-1]
    assert {name: body[name] for name in told} == told and ("errorMessage" in body) == ("errorMessage" in told)
    assert (body["resource"], body["serviceName"]) == ("scheduler.job.DiaryJob", "SchedulerService")
    assert (body["userId"], body["correlationId"]) == (str(SOMEBODY), str(run.id))
    assert body["durationMs"] == round(run.duration / timedelta(milliseconds=1))
    data = body["additionalData"]
    assert (data["jobId"], data["jobKey"], data["executionId"]) == (str(run.job_id), run.job.key, str(run.id))
    assert (data["trigger"], data["retryAttempt"], data.get("reason", "")) == ("Manual", 0, run.reason)
    assert "Tr0ub4dor" not in json.dumps(peer.seen)


def test_a_run_of_the_schedule_is_told_as_the_systems_with_its_due_time(peer: Peer) -> None:
    job = a_job()
    fell_due(job, minutes_ago(600_000))
    (run,) = of_status(settle(job, minutes_ago(0)), ExecutionStatus.QUEUED)
    ended(claimed(run))
    body = peer.hears()[-1]
    assert (body["userId"], body["additionalData"]["scheduledFor"]) == ("system", run.scheduled_for.isoformat())


def test_what_no_worker_had_is_not_told(peer: Peer) -> None:
    job = a_job()
    began = minutes_ago(0)
    control.cancel(a_run(job))
    job.pause(by=SOMEBODY)
    fell_due(job, minutes_ago(600_000))
    assert {row.status for row in settle(job, minutes_ago(0))} == {ExecutionStatus.SKIPPED}
    assert told_runs(peer.hears()) == []
    assert cursor().told_until > began


def test_counts_of_a_small_result_are_told_and_its_words_are_not(peer: Peer) -> None:
    counts = {"deleted": 7, "share": 0.5, "isDryRun": False}
    result: dict[str, Any] = {**counts, "recipient": "a@b.do", "list": [1], "none": None}
    a_finished_run(Outcome(ExecutionStatus.COMPLETED, result=result))
    assert peer.hears()[-1]["additionalData"]["result"] == counts
    result["rows"] = [uuid.uuid4().hex for _ in range(200)]
    a_finished_run(Outcome(ExecutionStatus.COMPLETED, result=result))
    assert "result" not in peer.hears()[-1]["additionalData"]


def test_a_dry_run_is_told_as_one(peer: Peer) -> None:
    a_finished_run(job_type="CleanupExpiredTokensJob", parameters={"dryRun": True})
    assert peer.hears()[-1]["additionalData"]["dryRun"] is True


def test_whatever_names_and_words_there_are_they_are_told_by_the_rules(peer: Peer) -> None:
    job = a_job("😀" * 99 + "’; DROP--\x7f", description="\u202e" * 900)
    result = {f"-{number}-" + "ñ" * 150: number for number in range(60)}
    run = ended(started(job), Outcome(ExecutionStatus.FAILED, "error", result=result, error_message="😀\0" * 3_000))
    JobExecution.objects.filter(pk=run.pk).update(job_type="team-a/Ünï job:☃" * 10)
    bodies = peer.hears()
    assert bodies == peer.seen and len(bodies) == 2
    body = bodies[-1]
    assert body["additionalData"]["jobName"] == job.name
    assert body["additionalData"]["resource"].startswith("scheduler.job.team-a/")
    assert body["errorMessage"].startswith("😀") and len(body["errorMessage"]) <= 1000


# --- Changes ---------------------------------------------------------------------------------------------------------
def test_each_change_of_a_job_is_told_with_who_made_it(peer: Peer) -> None:
    job = a_job()
    job = job.redefine(by=SOMEBODY, cron_expression="0 4 * * *", max_retries=7)
    job = job.pause(by=SOMEBODY, reason="maintenance").resume(by=SOMEBODY)
    job.disable(by=SOMEBODY).enable(by=SOMEBODY).pause(by=SOMEBODY).enable(by=SOMEBODY).retire(by=SOMEBODY)
    bodies = peer.hears()
    assert [body["action"] for body in bodies] == [
        "JOB_CREATED", "JOB_UPDATED", "JOB_PAUSED", "JOB_RESUMED", "JOB_DISABLED", "JOB_ENABLED", "JOB_PAUSED",
        "JOB_RESUMED", "JOB_DELETED",
    ]  # fmt: skip
    assert {body["userId"] for body in bodies if body["action"] != "JOB_CREATED"} == {str(SOMEBODY)}
    created, updated = bodies[0], bodies[1]
    assert (created["userId"], created["resource"]) == ("system", "scheduler.job.NoOpJob")
    assert (updated["correlationId"], updated["additionalData"]["jobKey"]) == (str(job.id), "job")


def test_a_change_is_told_with_what_was_and_what_is(peer: Peer) -> None:
    job = a_job(max_duration_seconds=None)
    job.redefine(by=SOMEBODY, cron_expression="0 4 * * *", max_duration_seconds=60, pause_reason="")
    created, updated = (body["additionalData"] for body in peer.hears())
    assert created["after"]["cronExpression"] == "0 0 1 1 *" and "before" not in created
    assert sorted(updated["changedFields"]) == ["cronExpression", "maxDurationSeconds"]
    assert updated["before"] == {"cronExpression": "0 0 1 1 *"}
    assert updated["after"] == {"cronExpression": "0 4 * * *", "maxDurationSeconds": 60}


def test_that_parameters_and_addresses_changed_is_told_and_what_they_are_is_not(peer: Peer) -> None:
    job = a_job(job_type="DiaryJob", parameters={"path": "/Tr0ub4dor"}, notification_emails=["a@b.do"])
    job.redefine(by=SOMEBODY, parameters={"path": "/horse"}, notification_emails=[])
    told = peer.hears()[-1]["additionalData"]
    assert sorted(told["changedFields"]) == ["notificationEmails", "parameters"]
    assert not any(word in json.dumps(peer.seen) for word in ("Tr0ub4dor", "horse", "a@b.do"))


# --- At least once ---------------------------------------------------------------------------------------------------
def in_processes(count: int, action: Callable[[], object]) -> list[int | None]:
    """Fork them, let them begin at once, and return how they ended."""
    connections.close_all()  # a child must not speak through its parent's
    fork = multiprocessing.get_context("fork")
    barrier = fork.Barrier(count)

    def child() -> None:
        barrier.wait(60)
        action()

    children = [fork.Process(target=child, daemon=True) for _ in range(count)]
    for each in children:
        each.start()
    for each in children:
        each.join(120)
    return [each.exitcode for each in children]


@committed
def test_many_processes_at_once_tell_each_run_once(peer: Peer) -> None:
    runs = finished_runs(20)
    assert in_processes(4, lambda: audit_feed.tell(peer.service, lag=timedelta())) == [0] * 4
    assert told_runs(peer.seen) == sorted(runs)


@committed
def test_a_process_that_is_killed_before_it_could_note_it_makes_it_told_twice(peer: Peer) -> None:
    run = str(a_finished_run().id)

    def die() -> None:
        failpoints.arm("audit.after_telling:2")  # of the second stream
        audit_feed.tell(peer.service, lag=timedelta())

    began = minutes_ago(0)
    assert in_processes(1, die) == [-signal.SIGKILL]
    assert told_runs(peer.taken) == [run]
    assert cursor().next_try_at >= began + TAKEN_FOR, "who is killed leaves it taken"
    assert told_runs(peer.hears()) == [run]
    assert peer.hears() == []


@committed
def test_a_run_whose_end_is_not_committed_yet_holds_back_those_that_ended_after_it(peer: Peer) -> None:
    slow, quick = started(a_job("slow")), started(a_job("quick"))
    close = "UPDATE executions_jobexecution SET status = 'Completed', completed_at = clock_timestamp() WHERE id = %s"
    other = connection.copy()
    other.set_autocommit(False)
    try:
        other.cursor().execute(close, [slow.id])
        ended(quick)
        assert told_runs(peer.hears()) == []
        other.commit()
    finally:
        other.close()
    assert told_runs(peer.hears()) == sorted([str(slow.id), str(quick.id)])


def test_what_has_just_ended_is_told_when_nothing_can_come_before_it(peer: Peer) -> None:
    run = a_finished_run()
    AuditCursor.objects.update(next_try_at=Now())
    assert audit_feed.tell(peer.service, lag=timedelta(hours=1)) == 0
    JobExecution.objects.filter(pk=run.pk).update(completed_at=minutes_ago(61))
    AuditCursor.objects.update(next_try_at=Now(), told_until=minutes_ago(62))
    assert audit_feed.tell(peer.service, lag=timedelta(hours=1)) == 1


def test_a_backlog_is_told_batch_by_batch_in_one_turn(peer: Peer) -> None:
    runs = finished_runs(BATCH + 1)
    assert told_runs(peer.hears()) == sorted(runs)
    assert cursor().told == BATCH + 1


def test_a_turn_ends_when_its_time_is_over(peer: Peer) -> None:
    record = Record(Position(minutes_ago(0), "1"), lambda: AuditEntry("BACKUP", "jobs"))
    assert send(peer.service, [record], until=time.monotonic() - 1) == []


# --- When AuditService does not take it -------------------------------------------------------------------------------
def answering(status: int, *, to: Callable[[dict[str, Any]], bool] = lambda body: True) -> Callable[..., Response]:
    return lambda body: Response("<h1>no</h1>", status) if to(body) else WELL


def test_a_service_that_is_away_is_asked_less_and_less_and_then_told_all(peer: Peer) -> None:
    runs = finished_runs(3)
    peer.hears()  # the change
    peer.taken.clear()
    AuditCursor.objects.filter(stream="runs").update(told_until=minutes_ago(1))
    peer.instead = answering(503)
    asked = []
    for pause in (5, 10, 20, 40, 80, 160, 300, 300, 300):
        before, began = len(peer.seen), minutes_ago(0)
        assert peer.hears() == []
        assert began <= cursor().next_try_at - timedelta(seconds=pause) <= minutes_ago(0)
        asked.append(len(peer.seen) - before)
    assert asked == [3, 1, 1, 1, 1, 2, 2, 2, 2]
    assert (cursor().failures, cursor().last_error) == (9, "HTTP 503, <h1>no</h1>")
    peer.instead = lambda body: WELL
    peer.hears()
    assert audit_feed.tell(peer.service, lag=timedelta()) == 1
    assert told_runs(peer.taken) == sorted(runs)
    assert (cursor().failures, cursor().last_error, cursor().told) == (0, "", 6)


@pytest.mark.parametrize(("answer", "refused"), [('{"success": false, "error": "no"}', 1), ("<h1>Bad Request</h1>", 0)])
def test_an_entry_that_is_refused_is_counted_and_passed_over(
    peer: Peer, caplog: pytest.LogCaptureFixture, answer: str, refused: int
) -> None:
    runs = finished_runs(9)
    peer.instead = lambda body: Response(answer, 400) if body["correlationId"] == runs[4] else WELL
    assert told_runs(peer.hears()) == sorted(runs[:4] + runs[5 : 9 if refused else 8])
    assert (cursor().refused, cursor().failures) == (refused, 1 - refused)
    assert (f"the first: {runs[4]}: HTTP 400, no" in caplog.text) is bool(refused)


def test_an_entry_on_which_the_service_breaks_does_not_hold_up_the_others_for_ever(peer: Peer) -> None:
    runs = finished_runs(3)
    peer.instead = answering(500, to=lambda body: body["correlationId"] == runs[0])
    turns = 0
    while runs[2] not in told_runs(peer.taken) or cursor().failures:
        peer.hears()
        turns += 1
        assert turns < 10
    assert (cursor().refused, cursor().failures) == (1, 0)
    assert set(told_runs(peer.taken)) == set(runs[1:])


def test_what_has_waited_for_a_day_is_given_up_and_counted(peer: Peer, caplog: pytest.LogCaptureFixture) -> None:
    finished_runs(3)
    JobExecution.objects.update(completed_at=F("completed_at") - timedelta(hours=25))
    ScheduleRevision.objects.update(effective_from=F("effective_from") - timedelta(hours=25))
    AuditCursor.objects.update(told_until=minutes_ago(26 * 60))
    kept = a_finished_run()
    peer.instead = answering(503)
    assert peer.hears() == []
    assert (cursor("runs").skipped, cursor("changes").skipped) == (3, 1)
    said = [record.message for record in caplog.records if record.levelno == logging.ERROR]
    assert said == [
        f"AuditService was not told of {count} {stream}: they had waited for a day. Further ones are only counted."
        for count, stream in [(1, "changes"), (3, "runs")]
    ]
    peer.instead = lambda body: WELL
    assert {body["action"] for body in peer.hears()} == {"JOB_CREATED", "JOB_COMPLETED"}
    assert told_runs(peer.taken) == [str(kept.id)]


def test_giving_up_is_said_once_and_then_only_counted(peer: Peer, caplog: pytest.LogCaptureFixture) -> None:
    peer.instead = answering(503)
    for ended_at in (minutes_ago(26 * 60), minutes_ago(25 * 60)):
        JobExecution.objects.filter(pk=a_finished_run().pk).update(completed_at=ended_at)
        AuditCursor.objects.filter(stream="runs").update(told_until=ended_at - timedelta(minutes=1))
        peer.hears()
    assert cursor().skipped == 2
    assert [record.levelno for record in caplog.records].count(logging.ERROR) == 1


def test_a_row_that_cannot_be_told_at_all_is_no_end_of_the_telling(peer: Peer) -> None:
    runs = finished_runs(2)
    ScheduleRevision.objects.update(definition=["no", "object"])
    peer.hears()
    assert set(told_runs(peer.taken)) == set(runs)
    assert "TypeError" in cursor("changes").last_error


# --- What it costs ---------------------------------------------------------------------------------------------------
def test_without_an_address_nothing_is_asked_of_the_database(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert audit_feed.tell() == 0
        assert audit_feed.tell(AuditService("", ServiceToken(**JWT))) == 0


def test_whoever_comes_before_it_is_time_asks_once(peer: Peer, django_assert_num_queries: Any) -> None:
    a_finished_run()
    assert len(peer.hears()) == 2
    with django_assert_num_queries(1):
        assert audit_feed.tell(peer.service, lag=timedelta()) == 0
