"""Each page in a real browser: in both languages and themes, wide and narrow, without a fault; and what it is for."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.db.models.functions import Now

from executions.models import Alert, JobExecution
from jobs.models import SYSTEM_USER_ID, ScheduledJob
from tests.factories import COMPLETED, FAILED, a_job, a_run, ended, started

LOOKS = [("en", "light", "wide"), ("es", "dark", "narrow")]

# What sticks out of the page on its right, and in nothing that scrolls by itself.
SIDEWAYS = """() => {
    const width = document.documentElement.clientWidth;
    const isLoose = (element) => !element.closest(".scroll, nav, pre, svg, .unseen, .sheet, dialog");
    return document.documentElement.scrollWidth <= width ? [] : [...document.querySelectorAll("body *")]
        .filter((element) => element.getBoundingClientRect().right > width + 1 && isLoose(element))
        .map((element) => element.outerHTML.slice(0, 120));
}"""


@pytest.fixture
def service(transactional_db: None) -> dict[str, Any]:
    """Something of everything that a page may show."""
    backup = a_job("Backup Database", description="Dumps each database.", cron_expression="0 2 * * *")
    prices = a_job("Sync Vehicle Prices", cron_expression="0 2 * * 1", max_retries=0)
    health = a_job("Health Check Monitoring", cron_expression="*/5 * * * *", overlap_policy="Allow")
    for number in range(12):
        ended(
            started(health), FAILED if number % 5 == 4 else COMPLETED, output="2026-01-01T00:00:00.000Z INFO checked\n"
        )
    failed = ended(started(prices), FAILED, output="2026-01-01T00:00:00.000Z ERROR it broke\n")
    running = started(health)
    JobExecution.objects.filter(pk=running.pk).update(
        progress=40, progress_message="2 of 5", started_at=F("started_at") - timedelta(minutes=3)
    )
    backup.pause(by=SYSTEM_USER_ID, reason="the disk is being replaced")
    a_run(prices)
    alert = Alert.objects.create(
        rule="job", job=prices, subject="Service authservice is unhealthy!", message="No answer within 10 s.",
        opened_at=Now(),
    )  # fmt: skip
    return {"backup": backup, "prices": prices, "failed": failed, "running": running, "alert": alert}


def pages(service: dict[str, Any]) -> dict[str, str]:
    return {
        "overview": "/",
        "jobs": "/jobs",
        "job": f"/jobs/{service['prices'].id}",
        "job-paused": f"/jobs/{service['backup'].id}?at=2026-01-05T02:00",
        "executions": "/executions",
        "execution": f"/executions/{service['failed'].id}",
        "timeline": "/timeline",
        "timeline-workers": "/timeline?by=worker&window=1h",
        "alerts": "/alerts",
    }


@pytest.mark.parametrize(("language", "theme", "size"), LOOKS)
def test_every_page_is_whole_and_accessible(
    reader: Callable[..., Any], service: dict[str, Any], language: str, theme: str, size: str
):
    somebody = reader("admin", language=language, theme=theme, size=size)
    faults: dict[str, list[str]] = {}
    for name, path in pages(service).items():
        page = somebody.open(path)
        assert page.locator("html").get_attribute("lang") == language
        assert page.locator("h1").count() == 1, name
        assert page.evaluate(SIDEWAYS) == [], f"{name} scrolls sideways"
        somebody.picture(f"{name}-{language}-{theme}-{size}")
        if found := somebody.accessibility_faults():
            faults[name] = found
    assert faults == {}


def test_the_open_alert_and_the_failure_are_on_the_overview_one_click_from_their_pages(
    reader: Callable[..., Any], service: dict[str, Any]
):
    page = reader("viewer").open("/")
    assert page.get_by_text("Something needs a look.").is_visible()
    page.get_by_role("region", name="Failed or did not run").get_by_role(
        "link", name="Sync Vehicle Prices"
    ).first.click()
    page.wait_for_url("**/executions/**")
    assert page.get_by_text("it broke").first.is_visible()


def test_why_last_nights_backup_did_not_run_is_three_clicks_away(reader: Callable[..., Any], service: dict[str, Any]):
    page = reader("viewer").open("/")
    page.get_by_role("link", name="Jobs").first.click()
    page.get_by_role("link", name="Backup Database").click()
    page.get_by_label("At this time").fill("2026-01-05T02:00")
    page.get_by_role("button", name="Ask").click()
    assert page.locator("#why table").is_visible()


def test_a_page_shows_what_happened_meanwhile_without_being_loaded_again(
    reader: Callable[..., Any], service: dict[str, Any]
):
    page = reader("viewer").open("/")
    page.evaluate("window.isTheSamePage = true")
    ended(service["running"])
    page.get_by_text("Nothing runs at the moment.").wait_for()
    assert page.evaluate("window.isTheSamePage")


def test_run_now_from_the_form_leads_to_the_run(reader: Callable[..., Any], service: dict[str, Any]):
    job = a_job("Old Logs", job_type="CleanupOldLogsJob")
    page = reader("admin").open(f"/jobs/{job.id}")
    page.get_by_text("Run now with parameters").click()
    page.get_by_label("days", exact=True).fill("60")
    page.locator("#run").get_by_role("button", name="Run now").click()
    page.wait_for_url("**/executions/**")
    run = JobExecution.objects.get(job=job)
    assert run.parameters == {"days": 60}
    assert str(run.id) in page.url


def test_an_operator_may_run_dry_but_not_with_parameters_of_their_own(
    reader: Callable[..., Any], service: dict[str, Any]
):
    job = a_job("Old Logs", job_type="CleanupOldLogsJob")
    operator = reader("operator")
    page = operator.open(f"/jobs/{job.id}")
    page.get_by_text("Run now with parameters").click()
    page.get_by_label("dryRun").check()
    page.locator("#run").get_by_role("button", name="Run now").click()
    page.wait_for_url("**/executions/**")
    assert JobExecution.objects.get(job=job).parameters == {"dryRun": True}


def test_several_jobs_are_paused_together_after_their_number_was_confirmed(
    reader: Callable[..., Any], service: dict[str, Any]
):
    page = reader("admin").open("/jobs?status=Enabled")
    page.get_by_label("All on this page").check()
    page.get_by_role("button", name="Pause").click()
    assert page.get_by_role("heading", level=1).inner_text().endswith("2 jobs")
    page.get_by_role("button", name="Yes, do it").click()
    page.get_by_text("Paused; each due time").wait_for()
    assert ScheduledJob.objects.live().filter(status="Paused").count() == 3


def test_an_alert_is_acknowledged_with_a_note(reader: Callable[..., Any], service: dict[str, Any]):
    page = reader("operator").open("/alerts")
    page.get_by_label("Note, for the others").fill("looking at it")
    page.get_by_role("button", name="Acknowledge").click()
    page.get_by_text("“looking at it”").wait_for()
    alert = Alert.objects.get()
    assert alert.acknowledged_at is not None and alert.note == "looking at it"


def test_a_waiting_run_is_cancelled_after_it_was_confirmed(reader: Callable[..., Any], service: dict[str, Any]):
    run = a_run(a_job("other"))
    page = reader("operator").open(f"/executions/{run.id}")
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Cancel").click()
    page.locator("#run-head .status-cancelled").wait_for()


def test_a_viewer_sees_no_door(reader: Callable[..., Any], service: dict[str, Any]):
    somebody = reader("viewer")
    for path in pages(service).values():
        page = somebody.open(path)
        assert page.locator("main form[method=post] button:visible").count() == 0, path


def test_keys_lead_to_the_pages_and_to_the_search(reader: Callable[..., Any], service: dict[str, Any]):
    page = reader("viewer").open("/")
    page.keyboard.press("g")
    page.keyboard.press("j")
    page.wait_for_url("**/jobs")
    page.keyboard.press("/")
    page.keyboard.type("prices")
    page.keyboard.press("Enter")
    page.wait_for_url("**/jobs?search=prices")
    assert page.locator("tbody tr").count() == 1
    page.locator("main").focus()
    page.keyboard.press("?")
    assert page.get_by_role("dialog", name="Keys").is_visible()


def test_language_theme_and_times_are_switched_in_the_menu(reader: Callable[..., Any], service: dict[str, Any]):
    page = reader("viewer").open("/executions")
    page.locator("details.menu summary").click()
    page.get_by_role("button", name="Dark").click()
    assert page.locator("html").get_attribute("data-theme") == "dark"
    before = page.locator("tbody time").first.inner_text()
    page.get_by_role("button", name="UTC").click()
    assert page.locator("tbody time").first.inner_text() != before
    page.get_by_role("button", name="Español").click()
    page.get_by_role("heading", name="Ejecuciones").wait_for()


def test_an_empty_service_says_what_to_do(reader: Callable[..., Any], transactional_db: None):
    somebody = reader("admin")
    for path, said in (
        ("/", "Nothing runs at the moment."), ("/jobs", "There is no job yet."),
        ("/executions", "Nothing has run yet."),
        ("/alerts", "No alert is open."), ("/timeline", "Nothing ran in this time"),
    ):  # fmt: skip
        assert somebody.open(path).get_by_text(said).first.is_visible(), path
    somebody.picture("overview-empty")


def test_somebody_without_a_role_is_told_who_gives_one(reader: Callable[..., Any], django_user_model: Any):
    from django.contrib.auth.models import Group

    Group.objects.get_or_create(name="nobody")
    somebody = reader("nobody")
    page = somebody.open("/jobs")
    assert page.get_by_role("heading", name="You have no role here yet").is_visible()
    assert [fault.split(" ")[0] for fault in somebody.faults if "403" in fault]
    somebody.faults.clear()
