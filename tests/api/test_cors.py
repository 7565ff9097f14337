"""Pages of other origins: none may ask the API from a browser unless it is named, and then without cookies."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from scheduler_project import cors

PAGE = "https://admin.example"


@pytest.fixture
def is_named(settings):
    settings.MIDDLEWARE = [settings.MIDDLEWARE[0], "corsheaders.middleware.CorsMiddleware", *settings.MIDDLEWARE[1:]]
    for name, value in cors.configuration([PAGE]).items():
        setattr(settings, name, value)


def preflight(api, origin):
    asked = {"Access_Control_Request_Method": "PUT", "Access_Control_Request_Headers": "if-match,authorization"}
    return api.ask("OPTIONS", "/jobs", Origin=origin, **asked)


def test_by_default_nothing_is_allowed_to_anybody(api):
    for response in (api.get("/jobs", Origin=PAGE), preflight(api, PAGE)):
        assert not [name for name in response.headers if name.startswith("Access-Control")]


def test_a_page_that_is_named_may_ask_with_a_token_in_the_header(api, is_named):
    allowed = preflight(api, PAGE)
    assert allowed.status_code == 200
    assert allowed["Access-Control-Allow-Origin"] == PAGE
    assert {"if-match", "idempotency-key", "authorization", "x-correlation-id"} <= {
        name.strip() for name in allowed["Access-Control-Allow-Headers"].split(",")
    }
    answer = api.get("/jobs", Origin=PAGE)
    assert answer["Access-Control-Allow-Origin"] == PAGE
    assert "X-Correlation-Id" in answer["Access-Control-Expose-Headers"]
    assert "Access-Control-Allow-Credentials" not in answer


def test_a_page_that_is_not_named_may_not(api, is_named):
    for response in (api.get("/jobs", Origin="https://evil.example"), preflight(api, "https://evil.example")):
        assert "Access-Control-Allow-Origin" not in response


def test_pages_and_probes_are_for_nobody_elses_pages(client, db, is_named):
    assert "Access-Control-Allow-Origin" not in client.get("/health", headers={"Origin": PAGE})


@pytest.mark.parametrize("origin", ["*", "https://*.example", "admin.example", "https://a.example/", "ftp://a.example"])
def test_what_is_no_origin_stops_the_start(origin):
    with pytest.raises(ImproperlyConfigured, match="SCHEDULER_CORS_ORIGINS"):
        cors.configuration([PAGE, origin])
