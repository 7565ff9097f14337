"""What lies beside the pages, in a real browser: admin, login, questions, refusals and menus, each accessible."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group
from playwright.sync_api import Page

from jobs.models import ScheduledJob
from tests.browser.conftest import Reader
from tests.browser.test_pages import LOOKS, SIDEWAYS
from tests.factories import a_job, ended, started

# What the browser itself says of an answer that is meant to be a refusal.
REFUSED = ("403", "404", "Failed to load resource")


@pytest.fixture
def job(transactional_db: None) -> ScheduledJob:
    return a_job("Old Logs", job_type="CleanupOldLogsJob", cron_expression="0 2 * * *", parameters={"days": 90})


def opened_menu(page: Page) -> None:
    page.goto(page.url.partition("/jobs")[0])
    page.locator("details.menu summary").click()


def opened_help(page: Page) -> None:
    page.keyboard.press("?")
    page.locator("#help[open]").wait_for()


def faulty_form(page: Page) -> None:
    page.locator("#run summary").click()
    page.locator("#run textarea").first.fill("[")
    page.locator("#run button.main").click()
    page.locator("#run .errorlist").wait_for()


def bulk_question(page: Page) -> None:
    page.locator("[data-choose-all]").check()
    page.locator("button[name=verb][value=pause]").click()
    page.locator("input[name=confirmed]").wait_for(state="attached")


@pytest.mark.parametrize(("language", "theme", "size"), LOOKS)
def test_what_lies_beside_the_pages_is_accessible(
    reader: Callable[..., Reader], visitor: Callable[..., Reader], live_server: Any, job: ScheduledJob,
    language: str, theme: str, size: str,
) -> None:  # fmt: skip
    look = {"language": language, "theme": theme, "size": size}
    Group.objects.get_or_create(name="nobody")
    admin, nobody, stranger = reader("admin", **look), reader("nobody", **look), visitor(live_server.url, **look)
    faults: dict[str, Any] = {}
    for name, somebody, path, act in (
        ("bulk", admin, "/jobs", bulk_question), ("run-form-at-fault", admin, f"/jobs/{job.id}", faulty_form),
        ("menu", admin, "/jobs", opened_menu), ("help", admin, "/jobs", opened_help),
        ("not-found", admin, "/nothing", None), ("not-found-stranger", stranger, "/nothing", None),
        ("login", stranger, "/", None), ("no-permission", nobody, "/jobs", None),
    ):  # fmt: skip
        page = somebody.open(path)
        if act:
            act(page)
        assert page.locator("html").get_attribute("lang") == language, name
        somebody.picture(f"{name}-{language}-{theme}-{size}")
        if found := [*somebody.accessibility_faults(), *page.evaluate(SIDEWAYS)]:
            faults[name] = found
    for somebody in (admin, nobody, stranger):
        somebody.faults = [fault for fault in somebody.faults if not fault.startswith(REFUSED)]
    assert faults == {}


@pytest.mark.parametrize(("language", "theme", "size"), LOOKS)
def test_the_admins_list_and_form_are_accessible(
    reader: Callable[..., Reader], job: ScheduledJob, language: str, theme: str, size: str
) -> None:
    admin = reader("admin", language=language, theme=theme, size=size)
    faults: dict[str, list[str]] = {}
    for name, path in (("list", ""), ("form", f"{job.id}/change/")):
        admin.open(f"/admin/jobs/scheduledjob/{path}")
        admin.picture(f"admin-{name}-{language}-{theme}-{size}")
        faults[name] = admin.accessibility_faults()
    assert faults == {"list": [], "form": []}


def test_a_cron_expression_is_explained_while_it_is_edited(reader: Callable[..., Reader], job: ScheduledJob) -> None:
    page = reader("admin").open(f"/admin/jobs/scheduledjob/{job.id}/change/")
    preview, field = page.locator("[data-live-url*=cron-preview]"), page.get_by_label("Cron expression")
    assert "At 02:00" in preview.inner_text() and preview.locator("time").count() == 5
    plain = preview.inner_text()
    field.fill("0 2 31 * *")
    preview.get_by_text("31").first.wait_for()
    remarked = preview.inner_text()
    assert len(remarked.splitlines()) > len(plain.splitlines()), "a day that some months lack deserves a remark"
    field.fill("61 2 * * *")
    preview.get_by_text("minute").first.wait_for()
    field.fill("*/5 * * * *")
    preview.get_by_text("Every 5 minutes").wait_for()
    assert "31" not in preview.inner_text().splitlines()[0]
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("was changed successfully").wait_for()
    assert ScheduledJob.objects.get(pk=job.pk).cron_expression == "*/5 * * * *"


def test_a_form_at_fault_leads_to_the_fault_and_keeps_what_was_written(
    reader: Callable[..., Reader], job: ScheduledJob
) -> None:
    page = reader("admin").open(f"/jobs/{job.id}")
    page.locator("#run summary").click()
    page.get_by_label("days", exact=True).fill("77")
    page.get_by_label("sources", exact=True).fill("[")
    page.locator("#run").get_by_role("button", name="Run now").click()
    page.get_by_text("This is not JSON").wait_for()
    assert page.evaluate("document.activeElement.name") == "parameter-sources"
    assert page.get_by_label("days", exact=True).input_value() == "77"
    with page.expect_response(lambda got: "x-live" in got.request.headers) as answer:
        page.evaluate("document.dispatchEvent(new CustomEvent('live:now'))")
    assert answer.value.url.endswith(f"/jobs/{job.id}")
    assert page.get_by_label("days", exact=True).input_value() == "77"


def test_a_log_is_followed_until_somebody_scrolls_up_and_filtered_by_lines(
    reader: Callable[..., Reader], transactional_db: None
) -> None:
    lines = [
        f"2026-01-01T00:00:00.000Z {'ERROR' if n % 50 == 0 else 'INFO'} line {n}\n  of two\n" for n in range(1, 201)
    ]
    run = ended(started(a_job()), output="\n" + "".join(lines))
    page = reader("viewer").open(f"/executions/{run.id}")
    box, follow, shown = page.locator("#log"), page.get_by_label("Follow"), page.locator("#log .line")
    assert shown.count() == 401 and shown.first.inner_text().strip() == ""
    assert box.evaluate("box => box.scrollTop + box.clientHeight >= box.scrollHeight - 1") and follow.is_checked()
    box.evaluate("box => { box.scrollTop = 0; }")
    page.locator("#log-follow:not(:checked)").wait_for()
    page.get_by_label("From level").select_option("3")
    assert shown.count() == 8, "a line without a level belongs to the one before"
    page.get_by_label("Search the log").fill("LINE 150")
    assert shown.count() == 1
    page.get_by_label("Search the log").fill("nothing like it")
    assert box.inner_text() == "No line is like that."
    page.get_by_label("Search the log").fill("")
    page.get_by_label("From level").select_option("0")
    assert shown.count() == 401 and not follow.is_checked()
    box.evaluate("box => { box.scrollTop = box.scrollHeight; }")
    page.locator("#log-follow:checked").wait_for()


def test_single_keys_can_be_switched_off(reader: Callable[..., Reader], job: ScheduledJob) -> None:
    page = reader("viewer").open("/jobs")
    page.locator("details.menu summary").click()
    page.get_by_label("Single letters are commands").uncheck()
    page.reload()
    for key in ("g", "a", "?"):
        page.keyboard.press(key)
    assert page.url.endswith("/jobs") and not page.locator("#help").is_visible()
    page.locator("details.menu summary").click()
    page.get_by_label("Single letters are commands").check()
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    assert page.locator("#help").is_visible()


def test_a_time_that_is_not_the_jobs_names_its_zone(reader: Callable[..., Reader], transactional_db: None) -> None:
    job = a_job("far", time_zone="Asia/Kathmandu")
    page = reader("viewer").open(f"/jobs/{job.id}")
    cell = page.locator("#next td").first
    assert "Asia/Kathmandu" in cell.inner_text() and "1 Jan" in cell.inner_text()
    page.locator("details.menu summary").click()
    page.get_by_role("button", name="UTC").click()
    assert "18:15 UTC" in cell.inner_text() and "Kathmandu" not in cell.inner_text()
    page.get_by_role("button", name="Mine").click()
    assert re.search("14:15 (AST|GMT-4)", cell.inner_text()) and "Kathmandu" not in cell.inner_text()


def test_on_paper_it_is_light_and_nothing_is_closed(reader: Callable[..., Reader], job: ScheduledJob) -> None:
    page = reader("admin", theme="dark").open(f"/jobs/{job.id}")
    page.emulate_media(media="print", color_scheme="dark")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == "rgb(248, 250, 252)"
    assert page.locator("details.behind:not([open])").count() == 0
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert page.locator("details.behind[open]").count() == 0
