"""Problems from the corners: each is application/problem+json and carries the caller's correlation id in and out."""

import pytest

from scheduler_project.identity import rates
from tests.conftest import assert_problem

ID = "trace-me-7"
CORNERS = [
    ("GET", "/nothing", None, {}, 404, "NOT_FOUND", ()),
    ("PATCH", "/jobs", b"{}", {}, 405, "METHOD_NOT_ALLOWED", ()),
    ("GET", "/jobs", None, {"Accept": "application/xml"}, 406, "NOT_ACCEPTABLE", ()),
    ("POST", "/jobs", b"a=1", {"Content_Type": "text/plain"}, 415, "UNSUPPORTED_MEDIA_TYPE", ()),
    ("POST", "/jobs", b'{"name": ', {}, 400, "VALIDATION_ERROR", ("body",)),
    ("POST", "/jobs", b"[]", {}, 400, "VALIDATION_ERROR", ("body",)),
    ("POST", "/jobs", b"\xff", {}, 400, "VALIDATION_ERROR", ()),
    ("POST", "/jobs", b" " * 1_100_000, {}, 413, "PAYLOAD_TOO_LARGE", ()),
]


@pytest.mark.parametrize(("method", "path", "body", "headers", "status", "code", "fields"), CORNERS)
def test_every_corner_answers_with_a_problem_that_carries_the_id(
    api, method, path, body, headers, status, code, fields
):
    response = api.ask(method, path, body, X_Correlation_Id=ID, **headers)
    assert assert_problem(response, status, code, *fields)["traceId"] == ID


def test_a_caller_who_asks_too_often_is_told_so_by_a_problem(api, settings):
    settings.SCHEDULER_RATE_API = rates.parsed("SCHEDULER_RATE_API", "1/min")
    api.get("/jobs")
    problem = assert_problem(api.get("/jobs", X_Correlation_Id=ID), 429, "RATE_LIMIT_EXCEEDED")
    assert problem["traceId"] == ID
    assert problem["retryAfter"] >= 1
