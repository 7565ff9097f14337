"""`live.js` in a real browser: what it takes over works as before, and what has not changed is not touched."""

from collections.abc import Callable
from typing import Any

from django.db.models.functions import Now
from playwright.sync_api import Page, Response

from dashboard import live
from executions.alerts.episodes import acknowledge
from executions.models import Alert
from jobs.models import SYSTEM_USER_ID
from tests.browser.conftest import browser, reader  # noqa: F401 - fixtures
from tests.factories import FAILED, a_job, ended, started

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
    first = an_alert("the disk is full")
    page = reader("operator").open("/alerts")
    page.evaluate(f"document.getElementById('alert-{first.id}').isTheSame = true")
    refreshed(page)
    again = refreshed(page)
    assert again.status == 304 and again.request.headers["x-live"] != "1"
    an_alert("the network is slow")
    live.forget()
    page.evaluate(NOW)
    page.get_by_text("the network is slow").first.wait_for()
    assert page.evaluate(f"document.getElementById('alert-{first.id}').isTheSame")
    assert page.locator("article h2").all_inner_texts() == ["–: the network is slow", "–: the disk is full"]
    Alert.objects.filter(pk=first.pk).update(closed_at=Now())
    live.forget()
    page.evaluate(NOW)
    page.get_by_text("the disk is full").first.wait_for(state="detached")


def test_what_the_reader_is_using_waits_for_them_says_so_and_holds_up_nothing_else(
    reader: Callable[..., Any],  # noqa: F811
) -> None:
    first = an_alert("the disk is full")
    page = reader("operator").open("/alerts")
    note = page.locator(f"#note-{first.id}")
    note.fill("half a sen")
    an_alert("the network is slow")
    acknowledge(first.id, by=SYSTEM_USER_ID, note="I know")
    page.evaluate(NOW)
    page.get_by_text("the network is slow").first.wait_for()
    page.evaluate("document.activeElement.blur()")  # what is written there is still theirs
    refreshed(page)
    assert note.input_value() == "half a sen" and page.get_by_text("“I know”").count() == 0
    waiting = page.locator("[data-live-waiting]")
    assert waiting.get_attribute("id") == f"alert-{first.id}"
    assert "waits" in waiting.evaluate("region => getComputedStyle(region, '::before').content")
    note.fill("")
    page.get_by_role("heading", level=1).click()
    page.evaluate("document.activeElement.blur()")
    page.evaluate(NOW)
    page.get_by_text("“I know”").wait_for()
    assert page.locator("[data-live-waiting]").count() == 0


def test_what_the_reader_has_opened_scrolled_and_focused_is_so_in_what_comes(
    reader: Callable[..., Any],  # noqa: F811
) -> None:
    job = a_job("often", cron_expression="*/5 * * * *", overlap_policy="Allow", max_retries=0)
    ended(started(job))
    page = reader("viewer").open(f"/jobs/{job.id}")
    page.evaluate("document.styleSheets[0].insertRule('#history table { min-width: 3000px }')")
    page.locator("#durations summary").click()
    page.evaluate("document.querySelector('#history .scroll').scrollLeft = 100")
    link = page.locator("#history td a").first
    link.evaluate("link => link.focus({preventScroll: true})")
    page.evaluate("document.querySelectorAll('#history, #durations').forEach((each) => each.isOld = true)")
    ended(started(job), FAILED)
    page.evaluate(NOW)
    page.locator("#history .status-failed").wait_for()
    assert not page.evaluate("['history', 'durations'].some((id) => document.getElementById(id).isOld)")
    assert page.evaluate("document.activeElement.getAttribute('href')") == link_to_first(page)
    assert page.locator("#durations details").get_attribute("open") is not None
    assert page.evaluate("document.querySelector('#history .scroll').scrollLeft") == 100


def link_to_first(page: Page) -> str | None:
    """Of the oldest run: the one whose link had the focus."""
    return page.locator("#history td a").last.get_attribute("href")


def test_a_connection_on_which_nothing_comes_is_given_up_and_said(reader: Callable[..., Any]) -> None:  # noqa: F811
    page = reader("viewer").open("/alerts")
    page.route("**/alerts", lambda route: None)  # nobody answers, and nobody hangs up
    page.evaluate(NOW)
    page.get_by_text("This page could not be brought up to date.").wait_for()
    page.unroute("**/alerts")
    page.evaluate(NOW)
    page.get_by_text("This page could not be brought up to date.").wait_for(state="hidden")


def test_a_hundred_lines_of_a_log_do_not_make_a_hundred_requests(reader: Callable[..., Any]) -> None:  # noqa: F811
    page = reader("viewer").open(f"/executions/{started(a_job()).id}")
    asked: list[str] = []
    page.on("request", lambda request: "x-live" in request.headers and asked.append(request.url))
    for _number in range(100):
        page.evaluate(NOW)
    refreshed(page)
    assert 1 <= len(asked) < 50
