"""What a run leaves behind: kept by its context, listed and given by the API, linked from the admin's page."""

import pytest
from django.test import Client

from executions.context import ARTIFACT_MAX_BYTES, RunContext
from executions.models import Artifact, JobExecution
from executions.output import RunOutput
from jobs import gateways
from tests.admin_pages import client_of, text, url
from tests.conftest import API, assert_problem
from tests.factories import a_job, a_run, ended, started
from tests.sample_jobs import NoParameters

pytestmark = pytest.mark.django_db
REPORT = "<h1>Ventas de ayer: 3 vehículos</h1><script>alert(1)</script>"


@pytest.fixture
def run() -> JobExecution:
    return started(a_job("report"))


@pytest.fixture
def context(run: JobExecution) -> RunContext:
    return RunContext(run, NoParameters(), RunOutput(run), gateways.current())


# --- Kept ------------------------------------------------------------------------------------------------------------
def test_the_same_name_again_replaces_what_was_there(api, run, context):
    context.artifact("report.txt", "first", "text/plain")
    context.artifact("report.txt", b"second!", "text/plain")
    assert api.get(f"/executions/{run.id}/artifacts/report.txt").content == b"second!"
    assert api.get(f"/executions/{run.id}/artifacts").json()["items"][0]["size"] == 7


@pytest.mark.parametrize("name", ["", ".", "..", ".hidden", "a/b", "../a", "a b", 'a"b', "a\n", "ñ", "x" * 101])
def test_a_name_that_a_path_or_a_header_could_stumble_over_is_refused(context, name):
    with pytest.raises(ValueError, match="is no name"):
        context.artifact(name, "", "text/plain")


def test_more_than_5_mib_are_refused_by_name(context):
    context.artifact("large.bin", b"x" * ARTIFACT_MAX_BYTES, "application/octet-stream")
    with pytest.raises(ValueError, match=r"too-large\.bin"):
        context.artifact("too-large.bin", b"x" * (ARTIFACT_MAX_BYTES + 1), "application/octet-stream")
    assert [kept.name for kept in Artifact.objects.all()] == ["large.bin"]


# --- Listed and given ------------------------------------------------------------------------------------------------
def test_artifacts_are_listed_by_name_with_where_to_get_them(api, run, context):
    assert api.get(f"/executions/{run.id}/artifacts").json() == {"items": []}
    context.artifact("report.html", REPORT, "text/html")
    context.artifact("figures.json", "{}", "application/json")
    other = started(a_job("other"))
    RunContext(other, NoParameters(), RunOutput(other), gateways.current()).artifact("x", "", "text/plain")

    items = api.get(f"/executions/{run.id}/artifacts").json()["items"]
    assert [(each["name"], each["contentType"], each["size"]) for each in items] == [
        ("figures.json", "application/json", 2), ("report.html", "text/html", len(REPORT.encode())),
    ]  # fmt: skip
    assert items[0]["createdAt"].endswith("Z")
    assert items[1]["url"] == f"{API}/executions/{run.id}/artifacts/report.html"
    assert api.get(items[1]["url"]).content.decode() == REPORT


def test_artifacts_stay_when_the_run_is_over(api, run, context):
    context.artifact("report.html", REPORT, "text/html")
    ended(run)
    assert len(api.get(f"/executions/{run.id}/artifacts").json()["items"]) == 1


def test_a_stored_page_can_do_nothing_in_a_browser(api, run, context):
    context.artifact("report.html", REPORT, "text/html")
    response = api.get(f"/executions/{run.id}/artifacts/report.html", Accept="text/html,application/xhtml+xml")
    assert response.content.decode() == REPORT
    assert response["Content-Type"] == "text/html; charset=utf-8"
    assert response["Content-Security-Policy"] == "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["X-Frame-Options"] == "DENY"
    assert response["Content-Disposition"] == 'inline; filename="report.html"'
    assert response["Cache-Control"] == "no-store"


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/html", "image/png", "application/problem+json"])
@pytest.mark.parametrize(
    ("content_type", "told"),
    [
        ("application/pdf", "application/pdf"), ("text/csv", "text/csv; charset=utf-8"),
        ("text/html; charset=iso-8859-1", "text/html; charset=iso-8859-1"),
    ],
)  # fmt: skip
def test_an_artifact_is_of_the_type_that_it_was_left_with_whatever_is_accepted(
    api, run, context, accept, content_type, told
):
    context.artifact("file", b"\x00\xff", content_type)
    response = api.get(f"/executions/{run.id}/artifacts/file", Accept=accept)
    assert (response.status_code, response["Content-Type"], response.content) == (200, told, b"\x00\xff")


@pytest.mark.parametrize("suffix", ["/artifacts", "/artifacts/report.html"])
@pytest.mark.parametrize("execution_id", ["00000000-0000-7000-8000-000000000000", "x", "%00", "1"])
def test_an_execution_that_is_not_there_has_no_artifacts(api, execution_id, suffix):
    assert_problem(api.get(f"/executions/{execution_id}{suffix}"), 404, "EXEC_001")


@pytest.mark.parametrize("name", ["nothing.html", "Report.html", "%00", "..%2Freport.html"])
def test_an_artifact_that_is_not_there_is_a_problem(api, run, context, name):
    context.artifact("report.html", REPORT, "text/html")
    problem = assert_problem(api.get(f"/executions/{run.id}/artifacts/{name}"), 404, "NOT_FOUND")
    assert problem["detail"]


def test_nobody_but_a_run_writes_artifacts(api, run):
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert_problem(api.ask(method, f"/executions/{run.id}/artifacts"), 405, "METHOD_NOT_ALLOWED")
        assert_problem(api.ask(method, f"/executions/{run.id}/artifacts/x"), 405, "METHOD_NOT_ALLOWED")


def test_a_list_of_artifacts_leaves_their_content_alone(api, run, context, django_assert_max_num_queries):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    for number in range(5):
        context.artifact(f"{number}.txt", "text", "text/plain")
    with CaptureQueriesContext(connection) as queries:
        api.get(f"/executions/{run.id}/artifacts")
    asked = [query["sql"] for query in queries if "executions_artifact" in query["sql"]]
    assert len(asked) == 1 and '"content"' not in asked[0]


# --- The admin's page ------------------------------------------------------------------------------------------------
@pytest.fixture
def viewer() -> Client:
    return client_of("viewer")


def test_the_page_of_an_execution_links_what_it_left(viewer, run, context):
    context.artifact("report.html", REPORT, "text/html")
    page = viewer.get(url("executions_jobexecution", "change", run.pk))
    assert "Artifacts" in text(page) and "text/html" in text(page)
    assert f'<a href="{API}/executions/{run.id}/artifacts/report.html">report.html</a>' in page.content.decode()
    assert viewer.get(f"{API}/executions/{run.id}/artifacts/report.html").content.decode() == REPORT


def test_the_page_of_one_that_left_nothing_says_nothing_of_it(viewer):
    page = viewer.get(url("executions_jobexecution", "change", a_run(a_job()).pk))
    assert "Artifacts" not in text(page) and "artifacts" not in page.content.decode()
