"""The earlier scheduler's routes: unknown unless they are on, and then the same as ours, to the same roles."""

import pytest
from django.core.management import call_command

from scheduler_project import legacy
from tests.conftest import assert_problem
from tests.factories import a_job, a_run, fresh


@pytest.fixture
def are_on(settings):
    settings.ROOT_URLCONF = "tests.api.legacy_urls"


def test_they_are_off_by_default_and_in_no_schema(api, tmp_path):
    assert legacy.routes() == []
    assert_problem(api.get("/api/jobs"), 404, "NOT_FOUND")
    call_command("spectacular", "--file", str(tmp_path / "schema.yaml"))
    assert "/api/jobs" not in (tmp_path / "schema.yaml").read_text()


def test_a_setting_brings_them(settings):
    settings.SCHEDULER_LEGACY_ROUTES = True
    assert legacy.routes() == legacy.ROUTES


def test_jobs_are_listed_and_those_that_are_active_apart(api, are_on):
    on, off = a_job("on"), a_job("off", status="Disabled")
    assert {each["id"] for each in api.get("/api/jobs").json()["items"]} == {str(on.id), str(off.id)}
    assert [each["id"] for each in api.get("/api/jobs/active").json()["items"]] == [str(on.id)]
    assert api.get(f"/api/jobs/{off.id}").json()["status"] == "Disabled"


def test_verbs_are_posted(api, are_on):
    job = a_job()
    for verb, status in (("pause", "Paused"), ("disable", "Disabled"), ("enable", "Enabled")):
        assert api.post(f"/api/jobs/{job.id}/{verb}").status_code == 200
        assert fresh(job).status == status
    assert_problem(api.put(f"/api/jobs/{job.id}/enable"), 405, "METHOD_NOT_ALLOWED")


def test_a_trigger_queues_a_run_which_the_histories_tell(api, are_on):
    job, _other = a_job("one"), a_run(a_job("two"))
    queued = api.post(f"/api/jobs/{job.id}/trigger")
    assert (queued.status_code, queued.json()["trigger"]) == (202, "Manual")
    assert api.get("/api/executions/recent").json()["totalCount"] == 2
    assert [each["jobName"] for each in api.get(f"/api/executions/job/{job.id}").json()["items"]] == ["one"]
    assert api.get(f"/api/executions/{queued.json()['id']}").json()["jobId"] == str(job.id)


def test_roles_count_as_on_our_own_routes(caller_in, are_on):
    job = a_job()
    doors = {"trigger": (403, 202), "pause": (403, 200), "enable": (403, 403), "disable": (403, 403)}
    viewer, operator, stranger = (caller_in(role) for role in ("viewer", "operator", "stranger"))
    for verb, expected in doors.items():
        address = f"/api/jobs/{job.id}/{verb}"
        assert (viewer.post(address).status_code, operator.post(address).status_code) == expected, verb
        assert stranger.post(address).status_code == 401
    assert viewer.get("/api/jobs/active").status_code == 200
