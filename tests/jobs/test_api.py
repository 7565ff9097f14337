"""The routes of the jobs: what they answer when all is well, and each error with its code."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from jobs import cron
from jobs.enums import JobStatus
from jobs.models import ScheduledJob
from tests.conftest import assert_problem
from tests.factories import a_job

EXAMPLE = {
    "name": "Daily Vehicle Cleanup",
    "description": "Remove expired listings",
    "jobType": "CleanupExpiredListingsJob",
    "cronExpression": "0 3 * * *",
    "isEnabled": True,
    "notifyOnFailure": True,
    "notificationEmails": ["admin@okla.com.do"],
}


# --- Create ----------------------------------------------------------------------------------------------------------
def test_the_originals_example_body_creates_a_job(api):
    response = api.post("/jobs", EXAMPLE)
    job = response.json()
    assert response.status_code == 201
    assert response["Location"] == f"/api/scheduler/jobs/{job['id']}"
    assert response["ETag"] == '"1"'
    assert {name: job[name] for name in EXAMPLE} == EXAMPLE
    assert job["key"] == "daily-vehicle-cleanup"
    assert job["status"] == "Enabled"
    assert job["timeZone"] == "America/Santo_Domingo"
    assert job["createdByUserId"] == str(api.user.id)
    assert (job["maxRetries"], job["retryDelayMinutes"], job["timeoutSeconds"]) == (3, 5, 3600)
    assert (job["retryBackoff"], job["overlapPolicy"], job["misfirePolicy"]) == ("Fixed", "Skip", "RunOnce")
    assert api.get(f"/jobs/{job['id']}").json() == job


def test_instants_are_sent_in_utc_with_a_z(api):
    job = api.post("/jobs", EXAMPLE).json()
    assert job["createdAt"].endswith("Z")
    # Three o'clock in Santo Domingo.
    assert job["nextExecutionAt"].endswith("T07:00:00Z")


def test_a_new_job_has_figures_of_zero_and_no_last_run(api):
    job = api.post("/jobs", EXAMPLE).json()
    assert [job[name] for name in ("totalExecutions", "successfulExecutions", "failedExecutions")] == [0, 0, 0]
    for name in ("lastExecutionAt", "lastExecutionStatus", "lastExecutionError", "averageDuration", "lastModifiedAt"):
        assert job[name] is None


def test_the_average_duration_is_a_time_span(api):
    job = a_job()
    job.figures.create(
        stripe=0, total=2, successful=1, failed=1, duration_total=timedelta(days=2, seconds=5),
        last_started_at=datetime(2026, 1, 8, 7, tzinfo=UTC), last_status="Failed", last_error="it broke",
    )  # fmt: skip
    sent = api.get(f"/jobs/{job.id}").json()
    assert sent["averageDuration"] == "1.00:00:02.500000"
    assert (sent["totalExecutions"], sent["successfulExecutions"], sent["failedExecutions"]) == (2, 1, 1)
    assert (sent["lastExecutionAt"], sent["lastExecutionStatus"]) == ("2026-01-08T07:00:00Z", "Failed")
    assert sent["lastExecutionError"] == "it broke"


def test_only_name_type_and_expression_are_required(api):
    assert api.post("/jobs", {"name": "n", "jobType": "NoOpJob", "cronExpression": "@daily"}).status_code == 201
    assert_problem(api.post("/jobs", {}), 400, "VALIDATION_ERROR", "name", "jobType", "cronExpression")


def test_a_key_may_be_given_with_post_only(api):
    job = api.post("/jobs", {**EXAMPLE, "key": "cleanup"}).json()
    assert job["key"] == "cleanup"
    assert api.put(f"/jobs/{job['id']}", {**job, "key": "other"}).json()["key"] == "cleanup"


def test_post_refuses_read_only_fields_and_unknown_ones_naming_each(api):
    body = {**EXAMPLE, "id": str(uuid.uuid4()), "version": 1, "cronExpresion": "x", "zzz": 1}
    problem = assert_problem(api.post("/jobs", body), 400, "VALIDATION_ERROR", "id", "version", "cronExpresion", "zzz")
    assert "read-only" in problem["errors"]["id"][0]
    assert "cronExpression" in problem["errors"]["cronExpresion"][0]
    assert not ScheduledJob.objects.exists()


@pytest.mark.parametrize("word", ["exponential", "EXPONENTIAL", "Exponential"])
def test_enums_are_taken_in_any_case_and_given_by_name(api, word):
    assert api.post("/jobs", {**EXAMPLE, "retryBackoff": word}).json()["retryBackoff"] == "Exponential"


@pytest.mark.parametrize("word", [" Exponential", "Expo", "", 1, None, True, [], {}])
def test_nothing_but_case_varies_in_an_enum(api, word):
    assert_problem(api.post("/jobs", {**EXAMPLE, "retryBackoff": word}), 400, "VALIDATION_ERROR", "retryBackoff")


@pytest.mark.parametrize("given", [{"timeoutSeconds": 2.5}, '{"timeoutSeconds": 2.5}'])
def test_parameters_come_as_an_object_or_as_a_string_that_holds_one(api, given):
    sent = api.post("/jobs", {**EXAMPLE, "jobType": "HealthCheckMonitoringJob", "parameters": given})
    assert sent.status_code == 201
    assert sent.json()["parameters"] == {"timeoutSeconds": 2.5}


# --- isEnabled and status --------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("given", "status", "is_enabled"),
    [
        ({}, "Enabled", True),
        ({"isEnabled": True}, "Enabled", True),
        ({"isEnabled": False}, "Disabled", False),
        ({"status": "Paused"}, "Paused", False),
        ({"status": "disabled"}, "Disabled", False),
        ({"status": "Paused", "isEnabled": False}, "Paused", False),
        ({"status": "Disabled", "isEnabled": False}, "Disabled", False),
        ({"status": "Enabled", "isEnabled": True}, "Enabled", True),
    ],
)
def test_is_enabled_counts_only_without_a_status(api, given, status, is_enabled):
    body = {name: value for name, value in EXAMPLE.items() if name != "isEnabled"}
    job = api.post("/jobs", {**body, **given}).json()
    assert (job["status"], job["isEnabled"]) == (status, is_enabled)
    assert (job["nextExecutionAt"] is None) == (status == "Disabled")


@pytest.mark.parametrize(("status", "is_enabled"), [("Enabled", False), ("Disabled", True), ("Paused", True)])
def test_is_enabled_and_status_that_disagree_are_refused(api, status, is_enabled):
    body = {**EXAMPLE, "status": status, "isEnabled": is_enabled}
    assert_problem(api.post("/jobs", body), 400, "VALIDATION_ERROR", "isEnabled")


def test_a_job_created_as_paused_names_who_paused_it(api):
    body = {"name": "n", "jobType": "NoOpJob", "cronExpression": "@daily", "status": "Paused", "pauseReason": "audit"}
    job = api.post("/jobs", body).json()
    assert (job["pauseReason"], job["pausedByUserId"]) == ("audit", str(api.user.id))


# --- Change ----------------------------------------------------------------------------------------------------------
def test_put_takes_the_object_as_get_gave_it_and_changes_nothing(api):
    before = api.get(f"/jobs/{a_job(time_zone='Asia/Kathmandu').id}").json()
    response = api.put(f"/jobs/{before['id']}", before)
    assert response.status_code == 200
    assert response.json() == before


def test_put_takes_a_paused_job_as_get_gave_it(api):
    job = a_job().pause(by=api.user.id, reason="audit", until=datetime(2030, 1, 1, tzinfo=UTC))
    before = api.get(f"/jobs/{job.id}").json()
    assert before["pausedUntil"] == "2030-01-01T00:00:00Z"
    assert api.put(f"/jobs/{job.id}", before).json() == before


def test_put_keeps_what_is_omitted_and_ignores_what_is_read_only(api):
    job = a_job(description="kept", max_retries=7)
    body = {"name": "Renamed", "jobType": "NoOpJob", "cronExpression": "0 4 * * *", "totalExecutions": 99, "version": 9}
    changed = api.put(f"/jobs/{job.id}", body).json()
    assert (changed["name"], changed["description"], changed["maxRetries"]) == ("Renamed", "kept", 7)
    assert (changed["totalExecutions"], changed["version"]) == (0, 2)
    assert changed["nextExecutionAt"].endswith("T08:00:00Z")
    assert changed["lastModifiedAt"] is not None


def test_put_without_a_required_field_is_refused_and_patch_is_not(api):
    job = a_job()
    assert_problem(api.put(f"/jobs/{job.id}", {"name": "x"}), 400, "VALIDATION_ERROR", "jobType", "cronExpression")
    assert api.patch(f"/jobs/{job.id}", {"name": "x"}).json()["name"] == "x"


def test_put_and_patch_refuse_unknown_fields(api):
    job = a_job()
    assert_problem(api.patch(f"/jobs/{job.id}", {"nam": "x"}), 400, "VALIDATION_ERROR", "nam")
    sent = api.get(f"/jobs/{job.id}").json()
    assert_problem(api.put(f"/jobs/{job.id}", {**sent, "nam": "x"}), 400, "VALIDATION_ERROR", "nam")


@pytest.mark.parametrize(
    ("field", "then"),
    [("timeZone", "America/Santo_Domingo"), ("description", ""), ("notificationEmails", []), ("parameters", None)],
)
def test_null_means_the_default_where_the_original_allows_null(api, field, then):
    job = a_job(
        job_type="HealthCheckMonitoringJob", time_zone="Asia/Kathmandu", description="d",
        notification_emails=["a@okla.com.do"], parameters={"timeoutSeconds": 2},
    )  # fmt: skip
    assert api.patch(f"/jobs/{job.id}", {field: None}).json()[field] == then


def test_if_match_of_another_version_is_refused_with_412(api):
    job = a_job()
    assert_problem(api.patch(f"/jobs/{job.id}", {"name": "x"}, If_Match='"7"'), 412, "PRECONDITION_FAILED")
    assert_problem(api.delete(f"/jobs/{job.id}", If_Match='W/"7"'), 412, "PRECONDITION_FAILED")
    assert_problem(api.patch(f"/jobs/{job.id}", {"name": "x"}, If_Match="nonsense"), 412, "PRECONDITION_FAILED")
    assert ScheduledJob.objects.live().get().name == "job"


@pytest.mark.parametrize("tag", ['"1"', 'W/"1"', "*", '"9", "1"'])
def test_if_match_of_the_present_version_lets_the_change_through(api, tag):
    response = api.patch(f"/jobs/{a_job().id}", {"name": "x"}, If_Match=tag)
    assert response.status_code == 200
    assert response["ETag"] == '"2"'


def test_a_job_never_answers_304(api):
    assert api.get(f"/jobs/{a_job().id}", If_None_Match='"1"').status_code == 200


# --- Verbs -----------------------------------------------------------------------------------------------------------
def test_disable_and_enable_are_idempotent(api):
    path = f"/jobs/{a_job().id}"
    for _again in range(2):
        disabled = api.put(f"{path}/disable").json()
        assert (disabled["status"], disabled["nextExecutionAt"], disabled["version"]) == ("Disabled", None, 2)
    for _again in range(2):
        enabled = api.put(f"{path}/enable").json()
        assert (enabled["status"], enabled["version"]) == ("Enabled", 3)
        assert enabled["nextExecutionAt"] is not None


def test_pause_and_resume(api):
    path = f"/jobs/{a_job().id}"
    paused = api.put(f"{path}/pause", {"reason": "stock-taking", "until": "2030-01-01T00:00:00Z"}).json()
    assert (paused["status"], paused["isEnabled"]) == ("Paused", False)
    assert (paused["pauseReason"], paused["pausedUntil"]) == ("stock-taking", "2030-01-01T00:00:00Z")
    assert paused["nextExecutionAt"] is not None
    resumed = api.put(f"{path}/resume").json()
    assert (resumed["status"], resumed["pauseReason"], resumed["pausedUntil"]) == ("Enabled", None, None)


def test_a_pause_without_a_body_has_no_end(api):
    assert api.put(f"/jobs/{a_job().id}/pause").json()["pausedUntil"] is None


def test_a_pause_that_ends_in_the_past_is_refused(api):
    path = f"/jobs/{a_job().id}/pause"
    assert_problem(api.put(path, {"until": "2020-01-01T00:00:00Z"}), 400, "VALIDATION_ERROR", "until")
    assert_problem(api.put(path, {"untl": "x"}), 400, "VALIDATION_ERROR", "untl")


@pytest.mark.parametrize("verb", ["pause", "resume"])
def test_a_disabled_job_can_be_neither_paused_nor_resumed(api, verb):
    job = a_job(status=JobStatus.DISABLED)
    assert_problem(api.put(f"/jobs/{job.id}/{verb}"), 409, "JOB_005")


def test_a_deleted_job_is_gone_from_every_route_and_its_name_is_free(api):
    job = a_job()
    response = api.delete(f"/jobs/{job.id}")
    assert (response.status_code, response.content) == (204, b"")
    assert api.get("/jobs").json()["items"] == []
    for method, suffix in [
        ("GET", ""), ("PUT", ""), ("PATCH", ""), ("DELETE", ""), ("PUT", "/enable"), ("PUT", "/disable"),
        ("PUT", "/pause"), ("PUT", "/resume"), ("POST", "/run-now"), ("GET", "/next"), ("GET", "/revisions"),
        ("GET", "/executions"),
    ]:  # fmt: skip
        assert_problem(api.ask(method, f"/jobs/{job.id}{suffix}", {}), 404, "JOB_004")
    assert api.post("/jobs", {**EXAMPLE, "name": job.name}).status_code == 201


@pytest.mark.parametrize("garbage", ["1", "x" * 300, "%00", "..%5c", "None", "00000000-0000-0000-0000-00000000000g"])
def test_an_id_that_is_no_uuid_is_no_job(api, garbage):
    assert_problem(api.get(f"/jobs/{garbage}"), 404, "JOB_004")


def test_an_id_may_come_in_capitals(api):
    assert api.get(f"/jobs/{str(a_job().id).upper()}").status_code == 200


# --- Revisions, due times, types, preview ----------------------------------------------------------------------------
def test_revisions_show_each_definition_newest_first(api):
    job = a_job(cron_expression="0 3 * * *")
    api.patch(f"/jobs/{job.id}", {"cronExpression": "0 5 * * *"})
    api.put(f"/jobs/{job.id}/disable")
    page = api.get(f"/jobs/{job.id}/revisions").json()
    assert page["totalCount"] == 3
    assert [each["version"] for each in page["items"]] == [3, 2, 1]
    assert [each["status"] for each in page["items"]] == ["Disabled", "Enabled", "Enabled"]
    assert [each["definition"]["cronExpression"] for each in page["items"]] == ["0 5 * * *", "0 5 * * *", "0 3 * * *"]
    assert page["items"][0]["changedByUserId"] == str(api.user.id)


def test_the_next_due_times_of_a_job(api):
    job = a_job(cron_expression="0 3 * * *")
    sent = api.get(f"/jobs/{job.id}/next?count=2&from=2026-01-08T06:59:00Z").json()
    assert sent == {
        "nextExecutions": [
            {"scheduledFor": "2026-01-08T07:00:00Z", "local": "2026-01-08T03:00:00-04:00", "remark": None},
            {"scheduledFor": "2026-01-09T07:00:00Z", "local": "2026-01-09T03:00:00-04:00", "remark": None},
        ]
    }


def test_the_next_due_times_begin_with_the_jobs_own_next(api):
    job = a_job()
    due_times = api.get(f"/jobs/{job.id}/next").json()["nextExecutions"]
    assert len(due_times) == 10
    assert due_times[0]["scheduledFor"] == api.get(f"/jobs/{job.id}").json()["nextExecutionAt"]


def test_a_clock_change_gives_a_due_time_a_remark(api):
    job = a_job(cron_expression="30 2 * * *", time_zone="America/New_York")
    due = api.get(f"/jobs/{job.id}/next?count=1&from=2026-03-08T00:00:00-05:00").json()["nextExecutions"][0]
    assert due["local"] == "2026-03-08T03:00:00-04:00"
    assert "02:30" in due["remark"]


def test_a_disabled_job_has_no_due_times(api):
    assert api.get(f"/jobs/{a_job(status='Disabled').id}/next").json() == {"nextExecutions": []}


def test_a_stored_schedule_that_cannot_be_read_any_more_is_told_instead_of_due_times(api):
    job = a_job()
    ScheduledJob.objects.filter(pk=job.pk).update(time_zone="Atlantis/Capital")
    problem = assert_problem(api.get(f"/jobs/{job.id}/next"), 409, "CONFLICT")
    assert "Atlantis/Capital" in problem["detail"]


@pytest.mark.parametrize(
    ("query", "field"), [("count=0", "count"), ("count=101", "count"), ("count=x", "count"), ("from=soon", "from")]
)
def test_a_question_for_due_times_that_makes_no_sense_is_refused(api, query, field):
    assert_problem(api.get(f"/jobs/{a_job().id}/next?{query}"), 400, "VALIDATION_ERROR", field)


def test_job_types_come_with_description_and_json_schema(api):
    types = {each["name"]: each for each in api.get("/job-types").json()}
    health = types["HealthCheckMonitoringJob"]
    assert health["description"]
    assert health["parametersSchema"]["properties"]["services"]["type"] == "array"
    assert health["parametersSchema"]["additionalProperties"] is False


def test_a_preview_says_what_an_expression_means(api):
    body = {"cronExpression": "0 9 13 * FRI", "timeZone": "America/Santo_Domingo", "count": 2, "from": "2026-01-01"}
    preview = api.post("/cron/preview", body).json()
    assert [each["scheduledFor"] for each in preview["nextExecutions"]] == [
        "2026-02-13T13:00:00Z", "2026-03-13T13:00:00Z",
    ]  # fmt: skip
    assert preview["description"] == {
        "en": cron.describe("0 9 13 * FRI", "en"),
        "es": cron.describe("0 9 13 * FRI", "es"),
    }
    assert any("both match" in remark for remark in preview["remarks"])
    assert not ScheduledJob.objects.exists()


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"cronExpression": "0 0 31 2 *"}, "JOB_001", "cronExpression"),
        ({"cronExpression": "* * * * *", "timeZone": "Mars/Phobos"}, "VALIDATION_ERROR", "timeZone"),
        ({"cronExpression": "* * * * *", "count": 1000}, "VALIDATION_ERROR", "count"),
        ({"cronExpression": "* * * * *", "from": "never"}, "VALIDATION_ERROR", "from"),
        ({"cronExpression": "* * * * *", "x": 1}, "VALIDATION_ERROR", "x"),
        ({}, "VALIDATION_ERROR", "cronExpression"),
    ],
)
def test_a_preview_of_nonsense_is_refused(api, body, code, field):
    assert_problem(api.post("/cron/preview", body), 400, code, field)
