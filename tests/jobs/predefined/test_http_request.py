"""HttpRequestJob against real sockets, run as a worker runs it."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from executions.models import JobExecution
from jobs import registry
from jobs.models import JobState, ScheduledJob
from jobs.predefined import SCHEDULE
from jobs.predefined.http_request import BODY_SHOWN_BYTES, HttpRequestJob
from tests.conftest import Caller, assert_problem
from tests.factories import a_job, a_run, claimed, ended
from tests.jobs.conftest import Ran

pytestmark = pytest.mark.django_db
SECRET = "Bearer s3cr3t-of-the-partner"


@pytest.fixture
def listed(configured: Callable[..., None]) -> None:
    configured(SCHEDULER_OUTGOING_HOSTS=["localhost", "127.0.0.1"])


@pytest.fixture
def call(listed: None, run_job: Callable[..., Ran]) -> Callable[..., Ran]:
    """Runs the job with these parameters."""

    def run(url: str, **parameters: Any) -> Ran:
        return run_job("HttpRequestJob", url=url, **parameters)

    return run


@pytest.fixture
def hanging_up() -> Iterator[str]:
    """A server that reads a request and hangs up; its URL."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _address = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(65_536)

    threading.Thread(target=serve, daemon=True).start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    listener.close()


@pytest.fixture
def nobody() -> str:
    """The URL of a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}/"


def refusal(**parameters: Any) -> str:
    with pytest.raises(ValidationError) as refused:
        registry.parse_parameters(HttpRequestJob, {"url": "http://localhost/", **parameters})
    return " ".join(refused.value.messages)


def keys(httpserver: HTTPServer) -> list[str | None]:
    return [request.headers.get("Idempotency-Key") for request, _response in httpserver.log]


# --- A request and its answer ----------------------------------------------------------------------------------------
def test_it_asks_as_told_and_keeps_the_answer(httpserver: HTTPServer, call: Callable[..., Ran]) -> None:
    httpserver.expect_request(
        "/orders", method="PUT", query_string="full=1", json={"id": 7, "tags": []}, headers={"X-Reason": "nightly"}
    ).respond_with_json({"done": True}, 201, {"X-Request-Id": "r-1", "X-Internal": "no"})
    url = httpserver.url_for("/orders?full=1")
    ran = call(url, method="PUT", headers={"X-Reason": "nightly"}, body={"id": 7, "tags": []})
    assert ran.status == "Completed", ran.outcome
    assert (ran.result["status"], ran.result["body"], ran.result["isBodyCut"]) == (201, {"done": True}, False)
    assert ran.result["bytes"] == int(ran.result["headers"]["Content-Length"]) and ran.result["milliseconds"] >= 0
    assert ran.result["headers"]["Content-Type"] == "application/json"
    assert ran.result["headers"]["X-Request-Id"] == "r-1" and "X-Internal" not in ran.result["headers"]
    assert f"PUT {url}" in ran.output and "HTTP 201" in ran.output


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"])
def test_every_method_is_asked_as_it_is(httpserver: HTTPServer, call: Callable[..., Ran], method: str) -> None:
    httpserver.expect_request("/").respond_with_data("ok")
    assert call(httpserver.url_for("/"), method=method).status == "Completed"
    request = httpserver.log[0][0]
    assert request.method == method and request.headers["User-Agent"] == "SchedulerService"
    assert "Content-Type" not in request.headers


@pytest.mark.parametrize("body", [{}, [], 0, False, "", "text", [{"a": None}]])
def test_any_json_but_null_can_be_the_body(httpserver: HTTPServer, call: Callable[..., Ran], body: Any) -> None:
    httpserver.expect_request("/").respond_with_data("")
    assert call(httpserver.url_for("/"), method="POST", body=body).status == "Completed"
    request = httpserver.log[0][0]
    assert json.loads(request.data) == body and request.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("content_type", "answer", "shown"),
    [
        ("application/json; charset=utf-8", b'{"a": [1]}', {"a": [1]}),
        ("application/problem+json", b'"text"', "text"),
        ("text/plain", b'{"a": [1]}', '{"a": [1]}'),
        ("application/json", b"{not json", "{not json"),
        ("application/json", b"[NaN]", "[NaN]"),
        ("application/json", b"[1e999]", "[1e999]"),
        ("application/json", b'"\\u0000"', '"\\u0000"'),
        ("application/json", b"[" * 5_000, "[" * 5_000),
        ("application/octet-stream", b"\xff\x00", "\ufffd\ufffd"),
        ("text/plain", b"", ""),
    ],
)
def test_an_answer_is_kept_as_the_json_that_it_is_or_as_text(
    httpserver: HTTPServer, call: Callable[..., Ran], content_type: str, answer: bytes, shown: Any
) -> None:
    httpserver.expect_request("/").respond_with_data(answer, content_type=content_type)
    ran = call(httpserver.url_for("/"))
    assert ran.status == "Completed", ran.outcome
    assert ran.execution.result["body"] == shown


def test_of_a_long_answer_the_beginning_is_kept(httpserver: HTTPServer, call: Callable[..., Ran]) -> None:
    httpserver.expect_request("/").respond_with_json("é" * 20_000)
    ran = call(httpserver.url_for("/"))
    assert len(ran.result["body"]) <= BODY_SHOWN_BYTES and ran.result["isBodyCut"] is True
    assert ran.result["bytes"] > BODY_SHOWN_BYTES


def test_a_dry_run_says_what_it_would_ask_and_asks_nothing(
    httpserver: HTTPServer, call: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCHEDULER_SECRET_PARTNER", SECRET)
    ran = call(
        httpserver.url_for("/"), method="POST", secretHeaders={"Authorization": "PARTNER"}, body=[1], dryRun=True
    )
    assert ran.status == "Completed"
    assert (ran.result["wouldAsk"]["method"], ran.result["wouldAsk"]["body"]) == ("POST", [1])
    assert "Would ask POST" in ran.output and "SCHEDULER_SECRET_PARTNER" in ran.output
    assert SECRET not in ran.output + json.dumps(ran.result)
    assert not httpserver.log and not JobState.objects.exists()


def test_a_dry_run_finds_a_secret_that_is_not_there(httpserver: HTTPServer, call: Callable[..., Ran]) -> None:
    ran = call(httpserver.url_for("/"), secretHeaders={"Authorization": "NOWHERE"}, dryRun=True)
    assert ran.status == "Failed" and "SCHEDULER_SECRET_NOWHERE" in ran.outcome.error_message


# --- Answers that were not expected ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("status", "can_retry"),
    [
        (400, False), (401, False), (404, False), (409, False), (422, False), (408, True), (425, True), (429, True),
        (500, True), (502, True), (503, True), (301, True), (302, True),
    ],
)  # fmt: skip
def test_a_status_that_was_not_expected_fails_the_run_and_is_tried_again_where_that_can_help(
    httpserver: HTTPServer, call: Callable[..., Ran], status: int, can_retry: bool
) -> None:
    httpserver.expect_request("/").respond_with_data("", status)
    ran = call(httpserver.url_for("/"))
    assert (ran.status, ran.outcome.can_retry) == ("Failed", can_retry)
    assert f"HTTP {status}" in ran.outcome.error_message and "2xx" in ran.outcome.error_message
    assert len(httpserver.log) == 1


@pytest.mark.parametrize("wish", ["3600", "Wed, 21 Oct 2099 07:28:00 GMT", "Wed, 21 Oct 99999999999 07:28:00 GMT"])
def test_a_pause_that_the_other_side_wants_holds_no_worker_and_is_in_the_result(
    httpserver: HTTPServer, call: Callable[..., Ran], wish: str
) -> None:
    httpserver.expect_request("/").respond_with_data("", 429, {"Retry-After": wish})
    ran = call(httpserver.url_for("/"), method="POST")
    assert (ran.status, ran.outcome.can_retry, len(httpserver.log)) == ("Failed", True, 1)
    assert ran.result["headers"]["Retry-After"] == wish


def test_of_an_unexpected_answer_the_error_has_the_beginning_and_the_result_has_more(
    httpserver: HTTPServer, call: Callable[..., Ran]
) -> None:
    httpserver.expect_request("/").respond_with_data("no such thing" + "x" * 1_000, 404)
    ran = call(httpserver.url_for("/"))
    assert "no such thing" in ran.outcome.error_message and len(ran.outcome.error_message) < 700
    assert (ran.result["status"], len(ran.result["body"])) == (404, 1_013)


@pytest.mark.parametrize(
    ("expected", "status", "outcome"),
    [
        ([404], 404, "Completed"), (["404"], 404, "Completed"), (["4xx", 200], 410, "Completed"),
        ([204], 200, "Failed"), (["3xx"], 302, "Completed"), (["5xx"], 404, "Failed"),
    ],
)  # fmt: skip
def test_what_is_expected_is_the_operators_choice(
    httpserver: HTTPServer, call: Callable[..., Ran], expected: list[Any], status: int, outcome: str
) -> None:
    httpserver.expect_request("/").respond_with_data("", status)
    assert call(httpserver.url_for("/"), expectedStatus=expected).status == outcome


def test_an_answer_that_takes_too_long_is_none(httpserver: HTTPServer, call: Callable[..., Ran]) -> None:
    asked, over = threading.Event(), threading.Event()

    def wait(_request: Request) -> Response:
        asked.set()
        over.wait(20)
        return Response("late")

    httpserver.expect_request("/").respond_with_handler(wait)
    try:
        ran = call(httpserver.url_for("/"), timeoutSeconds=1)
    finally:
        over.set()
    assert asked.is_set()
    assert (ran.status, ran.outcome.can_retry) == ("Failed", True)
    assert "within 1 s" in ran.outcome.error_message


# --- What must not be done twice -------------------------------------------------------------------------------------
def test_a_request_that_changes_something_carries_the_executions_id(
    httpserver: HTTPServer, call: Callable[..., Ran]
) -> None:
    httpserver.expect_request("/").respond_with_data("ok")
    runs = [call(httpserver.url_for("/"), method=method) for method in ("POST", "PATCH", "PUT", "GET")]
    assert keys(httpserver) == [str(runs[0].execution.id), str(runs[1].execution.id), None, None]
    assert not JobState.objects.exists()


@pytest.mark.parametrize(("method", "can_retry"), [("POST", False), ("PATCH", False), ("PUT", True), ("GET", True)])
def test_a_request_that_left_without_an_answer_is_repeated_only_where_that_does_no_harm(
    call: Callable[..., Ran], hanging_up: str, method: str, can_retry: bool
) -> None:
    ran = call(hanging_up, method=method)
    assert (ran.status, ran.outcome.can_retry) == ("Failed", can_retry)
    assert can_retry is not ("may have been carried out" in ran.outcome.error_message)


@pytest.mark.parametrize("status", [502, 504])
@pytest.mark.parametrize(("method", "can_retry"), [("POST", False), ("PATCH", False), ("PUT", True), ("GET", True)])
def test_an_intermediary_that_knows_nothing_is_asked_again_only_where_that_does_no_harm(
    httpserver: HTTPServer, call: Callable[..., Ran], method: str, can_retry: bool, status: int
) -> None:
    httpserver.expect_request("/").respond_with_data("", status)
    ran = call(httpserver.url_for("/"), method=method)
    assert (ran.status, ran.outcome.can_retry) == ("Failed", can_retry)
    assert can_retry is not ("may have been carried out" in ran.outcome.error_message)


def test_a_request_that_never_left_is_tried_again(call: Callable[..., Ran], nobody: str) -> None:
    ran = call(nobody, method="POST")
    assert (ran.status, ran.outcome.can_retry) == ("Failed", True)
    assert not JobState.objects.exists()


def test_a_further_attempt_says_that_it_is_one_while_nobody_knows_what_became_of_the_first(
    httpserver: HTTPServer, call: Callable[..., Ran], hanging_up: str
) -> None:
    first = call(hanging_up, method="POST", at=None)
    moment = first.execution.reference_time
    httpserver.expect_oneshot_request("/").respond_with_data("from the gateway", 502)
    httpserver.expect_oneshot_request("/").respond_with_data("done")
    httpserver.expect_oneshot_request("/").respond_with_data("done")
    url = httpserver.url_for("/")
    between = call(url, method="POST")
    again, after = call(url, method="POST", at=moment), call(url, method="POST", at=moment)
    assert [run.status for run in (between, again, after)] == ["Failed", "Completed", "Completed"]
    assert keys(httpserver) == [str(run.execution.id) for run in (between, first, after)]


def test_what_nobody_saw_answered_is_remembered_within_bounds(call: Callable[..., Ran], hanging_up: str) -> None:
    for _each in range(55):
        call(hanging_up, method="POST")
    remembered = JobState.objects.get().value
    assert len(remembered) == 51
    newest = JobExecution.objects.order_by("-id").first()
    assert str(newest.id) in remembered.values()


# --- Secrets ---------------------------------------------------------------------------------------------------------
def test_a_secret_goes_to_the_other_side_and_nowhere_else(
    httpserver: HTTPServer, call: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCHEDULER_SECRET_PARTNER", SECRET)
    httpserver.expect_request("/").respond_with_handler(
        lambda request: Response(f"you sent {request.headers['Authorization']}", int(request.args["status"]))
    )
    for status in (200, 500):
        ran = call(httpserver.url_for(f"/?status={status}"), secretHeaders={"Authorization": "PARTNER"})
        row = JobExecution.objects.get(pk=ran.execution.pk)
        kept = json.dumps([row.result, row.parameters]) + row.output + str(row.error_message) + str(row.stack_trace)
        assert "you sent ***" in kept and "s3cr3t" not in kept
    assert {request.headers["Authorization"] for request, _response in httpserver.log} == {SECRET}


# --- What is refused before anything runs ----------------------------------------------------------------------------
def test_a_host_that_is_not_listed_is_refused_where_the_job_is_defined(listed: None, api: Caller) -> None:
    definition = {"name": "Call", "jobType": "HttpRequestJob", "cronExpression": "@daily"}
    allowed = api.post("/jobs", {**definition, "parameters": {"url": "http://localhost:5038/health"}})
    assert allowed.status_code == 201, allowed.content
    for url in ("http://evil.test/", "http://2130706433/", "ftp://localhost/", "http://localhost@evil.test/"):
        answer = api.post("/jobs", {**definition, "name": url, "parameters": {"url": url}})
        problem = assert_problem(answer, 400, "VALIDATION_ERROR", "parameters")
        assert "url" in problem["errors"]["parameters"][0]
    answer = api.patch(f"/jobs/{allowed.json()['id']}", {"parameters": {"url": "http://evil.test/"}})
    problem = assert_problem(answer, 400, "VALIDATION_ERROR", "parameters")
    assert "evil.test" in problem["detail"] and "SCHEDULER_OUTGOING_HOSTS" in problem["detail"]


def test_a_host_that_is_listed_no_more_is_not_called(
    httpserver: HTTPServer, call: Callable[..., Ran], configured: Callable[..., None]
) -> None:
    from executions.claims import Claim
    from executions.executor import JobExecutor
    from executions.output import RunOutput

    httpserver.expect_request("/").respond_with_data("ok")
    job = a_job("http", job_type="HttpRequestJob", parameters={"url": httpserver.url_for("/")})
    run = claimed(a_run(job))
    configured(SCHEDULER_OUTGOING_HOSTS=[])
    output = RunOutput(run)
    outcome = JobExecutor(Claim(run, output)).execute()
    execution = ended(run, outcome, output.close())
    assert "SCHEDULER_OUTGOING_HOSTS" in execution.error_message
    assert not httpserver.log


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"method": "TRACE"}, "method"),
        ({"method": "get"}, "method"),
        ({"headers": {"Host": "x"}}, "Host is set by the service"),
        ({"headers": {"content-length": "1"}}, "content-length is set"),
        ({"headers": {"Transfer-Encoding": "chunked"}}, "Transfer-Encoding is set"),
        ({"headers": {"Idempotency-Key": "x"}}, "Idempotency-Key is set"),
        ({"headers": {"Authorization": "Bearer x"}}, "Authorization is a credential: give it in secretHeaders"),
        ({"headers": {"cookie": "a=b"}}, "secretHeaders"),
        ({"headers": {"X-Api-Key": "x"}}, "secretHeaders"),
        ({"headers": {"a b": "x"}}, "no name of a header"),
        ({"headers": {"": "x"}}, "no name of a header"),
        ({"headers": {"X": "a\r\nY: b"}}, "X must be printable"),
        ({"headers": {"X": " a"}}, "X must be printable"),
        ({"headers": {"X": "ñ"}}, "X must be printable"),
        ({"headers": {"X": "a", "x": "b"}}, "twice"),
        ({"headers": {"X": 1}}, "headers.X"),
        ({"secretHeaders": {"Host": "PARTNER"}}, "Host is set by the service"),
        ({"secretHeaders": {"Authorization": "a secret that stands here by mistake"}}, "secretHeaders.Authorization"),
        ({"headers": {"X-Key": "a"}, "secretHeaders": {"x-key": "PARTNER"}}, "x-key stands in headers too"),
        ({"method": "GET", "body": {}}, "body"),
        ({"method": "HEAD", "body": []}, "body"),
        ({"expectedStatus": []}, "expectedStatus"),
        ({"expectedStatus": [99]}, "'99' is no status"),
        ({"expectedStatus": [600]}, "expectedStatus"),
        ({"expectedStatus": ["2XX"]}, "expectedStatus"),
        ({"expectedStatus": ["20x"]}, "expectedStatus"),
        ({"expectedStatus": [True]}, "expectedStatus"),
        ({"timeoutSeconds": 0}, "timeoutSeconds"),
        ({"timeoutSeconds": 601}, "timeoutSeconds"),
        ({"secret": "x"}, "secret"),
    ],
)
def test_parameters_that_cannot_work_are_refused(listed: None, parameters: dict[str, Any], words: str) -> None:
    told = refusal(**parameters)
    assert words in told and "by mistake" not in told


def test_the_defaults(listed: None) -> None:
    parameters = registry.parse_parameters(HttpRequestJob, {"url": "http://localhost/"})
    assert parameters.model_dump(by_alias=True, exclude={"url"}) == {
        "dryRun": False, "method": "GET", "headers": {}, "secretHeaders": {}, "body": None, "expectedStatus": ["2xx"],
        "timeoutSeconds": 30.0,
    }  # fmt: skip


def test_it_is_offered_and_not_scheduled(api: Caller) -> None:
    offered = {each["name"]: each for each in api.get("/job-types").json()}
    assert "url" in offered["HttpRequestJob"]["parametersSchema"]["required"]
    assert "HttpRequestJob" not in {line.job_type for line in SCHEDULE}
    assert not ScheduledJob.objects.filter(job_type="HttpRequestJob").exists()
