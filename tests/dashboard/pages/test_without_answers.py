"""What people see where the service has no answer. The database is asked nothing: it may be what is at fault."""

from typing import Any

import pytest
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import include, path

from tests.admin_pages import text


def wrong(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("a mistake of ours")


def lost(request: HttpRequest) -> HttpResponse:
    raise OperationalError("connection refused")


urlpatterns = [
    path("wrong", wrong), path("lost", lost), path("api/scheduler/wrong", wrong),
    path("", include("scheduler_project.urls")),
]  # fmt: skip
handler500 = "scheduler_project.error_pages.server_error"


@pytest.fixture
def visitor(settings: Any) -> Client:
    settings.ROOT_URLCONF = __name__
    client = Client(raise_request_exception=False)
    client.cookies["sessionid"] = "somebody"  # who that is would have to be asked
    return client


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize(
    ("address", "status", "title"),
    [("/wrong", 500, "Something went wrong here"), ("/lost", 503, "The database cannot be reached")],
)
def test_a_fault_has_a_page_of_its_own_for_which_the_database_is_not_asked(
    visitor: Client, address: str, status: int, title: str, language: str
) -> None:
    """Without the `db` fixture a question to the database would fail here."""
    answer = visitor.get(address, headers={"Accept-Language": language, "X-Correlation-Id": "seen-by-people-1"})
    shown = answer.content.decode()
    assert answer.status_code == status and f'<html lang="{language}">' in shown
    assert ("Retry-After" in answer) == (status == 503)
    assert "seen-by-people-1" in shown and "Traceback" not in shown and "mistake of ours" not in shown
    assert language != "en" or title in text(answer)


def test_the_api_answers_as_an_api(visitor: Client) -> None:
    answer = visitor.get("/api/scheduler/wrong")
    assert (answer.status_code, answer["Content-Type"]) == (500, "application/problem+json")
