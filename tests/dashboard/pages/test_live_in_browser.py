"""`live.js` in a real browser: what it takes over works as before, and what has not changed is not touched."""

from collections.abc import Callable
from typing import Any

from django.db.models.functions import Now
from playwright.sync_api import Page, Response

from executions.models import Alert
from tests.browser.conftest import browser, reader  # noqa: F401 - fixtures
from tests.factories import a_job, started

NOW = "document.dispatchEvent(new CustomEvent('live:now'))"


def an_alert(subject: str) -> Alert:
    return Alert.objects.create(rule="job", subject=subject, opened_at=Now())


def refreshed(page: Page) -> Response:
    with page.expect_response(lambda got: "x-live" in got.request.headers) as answer:
        page.evaluate(NOW)
    return answer.value


def test_a_form_that_came_later_is_sent_with_the_pages_own_token(reader: Callable[..., Any]) -> None:  # noqa: F811
    page = reader("operator").open("/alerts")
    alert = an_alert("the disk is full")
    page.evaluate(NOW)
    page.get_by_label("Note, for the others").fill("looking at it")
    page.get_by_role("button", name="Acknowledge").click()
    page.get_by_text("It stays here until it is over.").wait_for()
    alert.refresh_from_db()
    assert alert.acknowledged_at and alert.note == "looking at it"


def test_only_what_has_changed_is_replaced(reader: Callable[..., Any]) -> None:  # noqa: F811
    an_alert("the disk is full")
    page = reader("operator").open("/alerts")
    page.evaluate("document.querySelector('#alert-list').isTheSame = true")
    refreshed(page)
    again = refreshed(page)
    assert again.status == 304 and again.request.headers["x-live"] != "1"
    assert page.evaluate("document.querySelector('#alert-list').isTheSame")
    an_alert("the network is slow")
    page.evaluate(NOW)
    page.get_by_text("the network is slow").first.wait_for()
    assert page.evaluate("document.querySelector('#alert-list').isTheSame") is None


def test_what_the_reader_is_using_is_taken_over_when_they_leave_it(reader: Callable[..., Any]) -> None:  # noqa: F811
    an_alert("the disk is full")
    page = reader("operator").open("/alerts")
    page.get_by_label("Note, for the others").fill("half a sen")
    an_alert("the network is slow")
    refreshed(page)
    refreshed(page)  # the one before is taken over by now
    assert page.get_by_label("Note, for the others").input_value() == "half a sen"
    page.get_by_role("heading", level=1).click()
    page.evaluate("document.activeElement.blur()")
    page.evaluate(NOW)
    page.get_by_text("the network is slow").first.wait_for()


def test_a_hundred_lines_of_a_log_do_not_make_a_hundred_requests(reader: Callable[..., Any]) -> None:  # noqa: F811
    page = reader("viewer").open(f"/executions/{started(a_job()).id}")
    asked: list[str] = []
    page.on("request", lambda request: "x-live" in request.headers and asked.append(request.url))
    for _number in range(100):
        page.evaluate(NOW)
    refreshed(page)
    assert 1 <= len(asked) < 50
