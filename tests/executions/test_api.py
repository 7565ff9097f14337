"""The routes of the executions: run-now, the history, one execution and its log."""

import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from executions import ids, ledger
from executions.models import IdempotencyKey, JobExecution, OutputChunk
from executions.serializers import narrowed
from jobs.enums import ExecutionStatus
from jobs.models import ScheduledJob
from tests.conftest import assert_problem
from tests.factories import COMPLETED, FAILED, SOMEBODY, a_job, a_run, settle

PAST_DUE_TIME = "2026-01-01T04:00:00Z"  # of `0 0 1 1 *` in Santo Domingo


def claimed(execution: JobExecution) -> JobExecution:
    running = ledger.claim(execution.id, token=uuid.uuid4(), worker_name="w@here", worker_id=None)
    assert running is not None
    return running


# --- Run now ---------------------------------------------------------------------------------------------------------
def test_run_now_answers_202_with_the_execution_and_its_address(api):
    job = a_job(queue="slow", priority=7)
    response = api.post(f"/jobs/{job.id}/run-now")
    execution = response.json()
    assert response.status_code == 202
    assert response["Location"] == f"/api/scheduler/executions/{execution['id']}"
    assert execution == api.get(response["Location"]).json()
    assert (execution["jobId"], execution["jobName"], execution["jobType"]) == (str(job.id), "job", "NoOpJob")
    assert (execution["status"], execution["trigger"], execution["reason"]) == ("Queued", "Manual", None)
    assert (execution["triggeredBy"], execution["scheduledFor"]) == (str(api.user.id), None)
    assert (execution["queue"], execution["priority"]) == ("slow", 7)
    assert execution["queuedAt"].endswith("Z")
    for name in ("startedAt", "completedAt", "duration", "output", "errorMessage", "stackTrace", "result", "retryOf"):
        assert execution[name] is None
    assert (execution["retryAttempt"], execution["isRetry"]) == (0, False)


def test_run_now_does_not_move_the_schedule(api):
    job = a_job()
    api.post(f"/jobs/{job.id}/run-now")
    after = ScheduledJob.objects.get(pk=job.pk)
    assert (after.next_execution_at, after.version) == (job.next_execution_at, 1)


def test_run_now_with_other_parameters(api):
    job = a_job(job_type="FailingJob", parameters={"message": "stored", "permanent": True})
    stored = api.post(f"/jobs/{job.id}/run-now").json()
    other = api.post(f"/jobs/{a_job('b', job_type='FailingJob').id}/run-now", {"parameters": {"message": "x"}}).json()
    assert stored["parameters"] == {"message": "stored", "permanent": True}
    assert other["parameters"] == {"message": "x"}


@pytest.mark.parametrize(
    ("given", "run"),
    [
        (None, {"keep": 9}),
        ({"dryRun": True}, {"keep": 9, "dryRun": True}),
        ('{"dryRun": true}', {"keep": 9, "dryRun": True}),
        ({"dryRun": True, "keep": 1}, {"dryRun": True, "keep": 1}),
        ({}, {}),
    ],
)
def test_dry_run_alone_is_laid_over_the_stored_parameters_and_others_replace_them(api, given, run):
    job = a_job(job_type="SweepingJob", parameters={"keep": 9})
    assert api.post(f"/jobs/{job.id}/run-now", {"parameters": given}).json()["parameters"] == run


def test_a_dry_run_of_a_type_that_knows_none_is_refused(api):
    response = api.post(f"/jobs/{a_job().id}/run-now", {"parameters": {"dryRun": True}})
    assert_problem(response, 400, "VALIDATION_ERROR", "parameters")


def test_run_now_of_a_past_due_time_has_it_as_its_reference(api):
    execution = api.post(f"/jobs/{a_job().id}/run-now", {"scheduledFor": PAST_DUE_TIME}).json()
    assert (execution["scheduledFor"], execution["trigger"]) == (PAST_DUE_TIME, "Manual")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"parameters": {"unknown": 1}}, "parameters"),
        ({"parameters": []}, "parameters"),
        ({"parameters": "x"}, "parameters"),
        ({"scheduledFor": "2026-01-01T04:00:01Z"}, "scheduledFor"),
        ({"scheduledFor": "2999-01-01T04:00:00Z"}, "scheduledFor"),
        ({"scheduledFor": "0001-01-01T00:00:00Z"}, "scheduledFor"),
        ({"scheduledFor": "yesterday"}, "scheduledFor"),
        ({"parametres": {}}, "parametres"),
    ],
)
def test_run_now_refuses_what_makes_no_sense_and_queues_nothing(api, body, field):
    assert_problem(api.post(f"/jobs/{a_job().id}/run-now", body), 400, "VALIDATION_ERROR", field)
    assert not JobExecution.objects.exists()


def test_a_disabled_job_is_not_run(api):
    assert_problem(api.post(f"/jobs/{a_job(status='Disabled').id}/run-now"), 409, "JOB_005")


def test_a_paused_job_is_run(api):
    assert api.post(f"/jobs/{a_job(status='Paused').id}/run-now").status_code == 202


def test_a_second_run_that_the_overlap_policy_forbids_is_refused(api):
    path = f"/jobs/{a_job().id}/run-now"
    assert api.post(path).status_code == 202
    assert_problem(api.post(path), 409, "JOB_006")
    assert JobExecution.objects.count() == 1


def test_a_job_whose_type_is_gone_is_not_run(api):
    job = a_job()
    ScheduledJob.objects.update(job_type="GoneJob")
    assert_problem(api.post(f"/jobs/{job.id}/run-now"), 409, "JOB_002")
    assert not JobExecution.objects.exists()


def test_two_requests_with_one_idempotency_key_are_one_run(api):
    path = f"/jobs/{a_job(overlap_policy='Allow').id}/run-now"
    first, second = (api.post(path, Idempotency_Key="k") for _twice in range(2))
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json()["id"] == second.json()["id"]
    assert JobExecution.objects.count() == 1
    assert api.post(path, Idempotency_Key="other").json()["id"] != first.json()["id"]


def test_an_idempotency_key_with_another_body_is_refused(api):
    path = f"/jobs/{a_job(overlap_policy='Allow').id}/run-now"
    api.post(path, Idempotency_Key="k")
    assert_problem(api.post(path, {"scheduledFor": PAST_DUE_TIME}, Idempotency_Key="k"), 409, "CONFLICT")


def test_an_idempotency_key_is_kept_for_a_day(api):
    path = f"/jobs/{a_job(overlap_policy='Allow').id}/run-now"
    first = api.post(path, Idempotency_Key="k").json()
    IdempotencyKey.objects.update(created_at=datetime.now(UTC) - timedelta(hours=25))
    assert api.post(path, {"scheduledFor": PAST_DUE_TIME}, Idempotency_Key="k").json()["id"] != first["id"]


def test_an_idempotency_key_belongs_to_its_caller(api, caller_in):
    path = f"/jobs/{a_job(overlap_policy='Allow').id}/run-now"
    mine, theirs = api.post(path, Idempotency_Key="k"), caller_in("operator").post(path, Idempotency_Key="k")
    assert mine.json()["id"] != theirs.json()["id"]


def test_an_idempotency_key_of_more_than_200_characters_is_refused(api):
    response = api.post(f"/jobs/{a_job().id}/run-now", Idempotency_Key="k" * 201)
    assert_problem(response, 400, "VALIDATION_ERROR", "Idempotency-Key")


def test_run_now_answers_at_once_when_the_broker_is_gone(api, broker_at):
    broker_at("redis://127.0.0.1:1/0")
    path, started = f"/jobs/{a_job().id}/run-now", time.monotonic()
    assert api.post(path).json()["status"] == "Queued"
    assert time.monotonic() - started < 1
    # It waits for the relay.
    assert JobExecution.objects.get().rung_at is None


def test_run_now_does_not_wait_for_a_broker_that_hangs(api, deaf_broker):
    path, started = f"/jobs/{a_job().id}/run-now", time.monotonic()
    assert api.post(path).status_code == 202
    assert time.monotonic() - started < 2


# --- One execution ---------------------------------------------------------------------------------------------------
def test_a_finished_execution_tells_everything(api):
    running = claimed(a_run(a_job()))
    ledger.close(running, COMPLETED, output="said this\n")
    sent = api.get(f"/executions/{running.id}").json()
    assert (sent["status"], sent["output"], sent["result"]) == ("Completed", "said this\n", {})
    assert (sent["workerName"], sent["machineName"]) == ("w@here", running.machine_name)
    assert sent["processId"] == running.process_id
    assert sent["duration"].startswith("00:00:0")
    assert sent["triggeredBy"] == str(SOMEBODY)


def test_a_retry_points_to_the_first_attempt(api):
    running = claimed(a_run(a_job()))
    ledger.close(running, FAILED, output="")
    retry = api.get("/executions?trigger=retry").json()["items"][0]
    assert (retry["retryOf"], retry["retryAttempt"], retry["isRetry"]) == (str(running.id), 1, True)
    assert retry["status"] == "Queued"


@pytest.mark.parametrize("suffix", ["", "/log"])
@pytest.mark.parametrize("execution_id", ["00000000-0000-7000-8000-000000000000", "x", "%00", "1"])
def test_an_execution_that_is_not_there(api, execution_id, suffix):
    assert_problem(api.get(f"/executions/{execution_id}{suffix}"), 404, "EXEC_001")


# --- The log ---------------------------------------------------------------------------------------------------------
def test_the_log_is_read_piece_by_piece_while_it_runs_and_to_its_end_afterwards(api):
    running = claimed(a_run(a_job()))
    path = f"/executions/{running.id}/log"
    assert api.get(path).content == b""

    OutputChunk.objects.create(execution_id=running.id, text="first\n")
    OutputChunk.objects.create(execution_id=running.id, text="zweite ü\n")
    response = api.get(path)
    assert response.content.decode() == "first\nzweite ü\n"
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert (response["X-Log-Next"], response["X-Log-Complete"]) == ("15", "false")
    assert api.get(f"/executions/{running.id}").json()["output"] == "first\nzweite ü\n"

    ledger.close(running, COMPLETED, output="first\nzweite ü\nlast\n")
    response = api.get(f"{path}?after=15")
    assert (response.content, response["X-Log-Complete"]) == (b"last\n", "true")
    assert api.get(f"{path}?after=999").content == b""


@pytest.mark.parametrize("accept", ["text/plain", "application/json", "*/*"])
def test_the_log_is_text_and_its_errors_are_problems_whatever_is_accepted(api, accept):
    execution = a_run(a_job())
    assert api.get(f"/executions/{execution.id}/log", Accept=accept)["Content-Type"].startswith("text/plain")
    assert_problem(api.get(f"/executions/{execution.id}/log?after=x", Accept=accept), 400, "VALIDATION_ERROR", "after")


# --- The history -----------------------------------------------------------------------------------------------------
@pytest.fixture
def history(db):
    """Two jobs: five nightly runs of one, of which the last failed and is tried again, and a run-now of the other."""
    nightly = a_job("nightly", cron_expression="0 3 * * *", misfire_policy="RunAll", misfire_grace_seconds=86_400)
    other = a_job("other")
    ScheduledJob.objects.filter(pk=nightly.pk).update(next_execution_at=datetime(2026, 1, 1, 7, tzinfo=UTC))
    rows = settle(nightly, datetime(2026, 1, 5, 8, tzinfo=UTC))
    for row in rows[:4]:
        JobExecution.objects.filter(pk=row.pk).update(available_at=row.queued_at)
        ledger.close(claimed(row), COMPLETED, output="out")
    JobExecution.objects.filter(pk=rows[4].pk).update(available_at=rows[4].queued_at)
    ledger.close(claimed(rows[4]), FAILED, output="out")
    ScheduledJob.objects.filter(pk=nightly.pk).update(next_execution_at=datetime(2099, 1, 1, 7, tzinfo=UTC))
    a_run(other)
    return nightly


def scheduled_days(page: Any) -> list[Any]:
    return [each["scheduledFor"] and int(each["scheduledFor"][8:10]) for each in page["items"]]


def test_the_history_is_newest_first(api, history):
    page = api.get("/executions").json()
    assert page["items"][0]["jobName"] == "other"
    assert scheduled_days(page)[-4:] == [4, 3, 2, 1]
    assert page["totalCount"] == 7


def test_rows_leave_out_the_long_texts(api, history):
    row = api.get("/executions").json()["items"][-1]
    assert "output" not in row and "stackTrace" not in row
    assert row["jobName"] == "nightly"


def test_the_history_of_one_job(api, history):
    page = api.get(f"/jobs/{history.id}/executions").json()
    assert page["totalCount"] == 6
    assert {each["jobId"] for each in page["items"]} == {str(history.id)}


def test_the_history_of_a_deleted_job_stays_readable(api, history):
    api.delete(f"/jobs/{history.id}")
    assert_problem(api.get(f"/jobs/{history.id}/executions"), 404, "JOB_004")
    assert api.get(f"/executions?jobId={history.id}").json()["totalCount"] == 6


@pytest.mark.parametrize(
    ("query", "days"),
    [
        ("status=completed", [4, 3, 2, 1]),
        ("status=FAILED", [5]),
        ("trigger=retry", [5]),
        ("trigger=manual", [None]),
        ("from=2026-01-03T07:00:00Z&to=2026-01-05T07:00:00Z", [4, 3]),
        ("to=2026-01-02T07:00:00Z", [1]),
        ("to=2026-01-02T03:00:01-04:00", [2, 1]),
        ("from=2026-01-05&status=failed", [5]),
        ("search=IGHT&status=completed", [4, 3, 2, 1]),
        ("search=it%20broke", [5]),
        ("search=nothing%20like%20it", []),
    ],
)
def test_filters(api, history, query, days):
    assert scheduled_days(api.get(f"/executions?{query}").json()) == days


def test_times_are_bounds_of_the_key_so_that_months_are_left_out(history):
    query = {"since": datetime(2026, 1, 1, tzinfo=UTC), "until": datetime(2026, 1, 15, tzinfo=UTC)}
    assert "executions_jobexecution_2026_01" in (plan := narrowed(JobExecution.objects.all(), query).explain())
    assert plan.count("executions_jobexecution_20") == plan.count("executions_jobexecution_2026_01")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("status=Sleeping", "status"), ("trigger=x", "trigger"), ("jobId=x", "jobId"), ("from=x", "from"),
        ("to=2026-13-01", "to"), ("to=0001-01-01", "to"), ("page=x", "page"), ("search=%00", "search"),
        ("cursor=x", "cursor"), ("cursor=older-x", "cursor"), ("cursor=%00", "cursor"),
        ("cursor=&pageSize=x", "pageSize"),
    ],
)  # fmt: skip
def test_a_history_asked_for_in_a_way_that_makes_no_sense_is_refused(api, query, field):
    assert_problem(api.get(f"/executions?{query}"), 400, "VALIDATION_ERROR", field)


def test_pages_by_cursor_lead_through_the_whole_history_and_back(api, history):
    everything = [each["id"] for each in api.get("/executions").json()["items"]]
    page, seen = api.get("/executions?cursor=&pageSize=3").json(), []
    assert (page["hasPreviousPage"], page["previousCursor"]) == (False, None)
    while True:
        seen += [each["id"] for each in page["items"]]
        if not page["hasNextPage"]:
            break
        page = api.get(f"/executions?pageSize=3&cursor={page['nextCursor']}").json()
    assert seen == everything
    back = api.get(f"/executions?pageSize=3&cursor={page['previousCursor']}").json()
    assert [each["id"] for each in back["items"]] == everything[3:6]
    back = api.get(f"/executions?pageSize=3&cursor={back['previousCursor']}").json()
    assert [each["id"] for each in back["items"]] == everything[:3]
    assert (back["hasPreviousPage"], back["hasNextPage"]) == (False, True)


def test_a_numbered_page_gives_the_cursor_that_leads_on(api, history):
    first = api.get("/executions?pageSize=4").json()
    rest = api.get(f"/executions?pageSize=4&cursor={first['nextCursor']}").json()
    assert len(rest["items"]) == 3
    assert not {each["id"] for each in first["items"]} & {each["id"] for each in rest["items"]}


def test_pages_by_cursor_keep_their_filters_and_neither_count_nor_skip(api, history):
    with CaptureQueriesContext(connection) as queries:
        page = api.get(f"/executions?cursor=&pageSize=2&status=completed&jobId={history.id}").json()
    assert scheduled_days(page) == [4, 3]
    assert not any(word in query["sql"] for query in queries for word in ("COUNT(", "OFFSET"))
    assert scheduled_days(api.get(f"/executions?cursor={page['nextCursor']}&status=completed").json()) == [2, 1]


def test_a_history_costs_the_same_queries_however_long_it_is(api, history, django_assert_max_num_queries):
    with django_assert_max_num_queries(4):
        assert api.get("/executions").json()["totalCount"] == 7


def test_ids_sort_by_due_time(history):
    rows = list(JobExecution.objects.exclude(scheduled_for=None).order_by("id"))
    due_times = [row.scheduled_for for row in rows if row.scheduled_for]
    assert due_times == sorted(due_times)
    assert all(ids.instant(row.id) == row.scheduled_for for row in rows)
    assert {row.status for row in rows} == {ExecutionStatus.COMPLETED, ExecutionStatus.FAILED, ExecutionStatus.QUEUED}
