"""What people do, with web and worker as real processes: log in, run a job and watch it, stop it. And no database."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Page, Route

from executions.models import JobExecution
from scheduler_project.identity.models import User
from scheduler_project.local import commands
from scheduler_project.local.ports import LOCALHOST, free_port
from tests.browser.conftest import Reader
from tests.factories import ONCE_A_YEAR
from tests.journey.conftest import System, answers, empty_broker, system, until  # noqa: F401 - fixtures

pytestmark = pytest.mark.journey

PASSWORD = "of-this-test"
SPEAKING = {"SCHEDULER_EXTRA_JOB_TYPES": "tests.browser.speaking_job.SpeakingJob"}
NO_DATABASE = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing"}


@pytest.fixture
def service(system: System) -> Iterator[str]:  # noqa: F811
    """The address of a web process, beside which a worker consumes."""
    system.environment.update(SPEAKING)
    User.objects.create_superuser("admin", password=PASSWORD)
    address = started_web(system)
    system.start_worker()
    yield address


def started_web(system: System, **environment: str) -> str:  # noqa: F811
    port = free_port()
    web = system.start("web", commands.web(LOCALHOST, port), **environment)
    until(answers(lambda: requests.get(f"http://{LOCALHOST}:{port}/health/live", timeout=5)), web)
    return f"http://{LOCALHOST}:{port}"


def logged_in(visitor: Reader) -> Page:
    page = visitor.open("/")
    page.wait_for_url("**/login/?next=/")
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("heading", name="Overview", level=1).wait_for()
    return page


def made_in_the_admin(page: Page, address: str, name: str, file: Path) -> None:
    page.goto(f"{address}/jobs")
    page.get_by_role("link", name="New job").click()
    page.get_by_label("Name", exact=False).first.fill(name)
    page.get_by_label("Job type").select_option("SpeakingJob")
    page.get_by_label("Parameters", exact=False).first.fill(f'{{"file": "{file}"}}')
    page.get_by_label("Cron expression").fill(ONCE_A_YEAR)
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("link", name=name).first.wait_for()


def say(file: Path, *lines: str) -> None:
    with file.open("a") as written:
        written.write("".join(f"{line}\n" for line in lines))


def told(page: Page) -> list[str]:
    """The lines of the log that are shown, without their time and level."""
    return [line.strip().split("INFO ", 1)[-1] for line in page.locator("#log .line").all_inner_texts()]


def test_a_run_asked_for_in_the_form_is_watched_to_its_end_without_a_reload(
    visitor: Callable[[str], Reader], service: str, tmp_path: Path
) -> None:
    stored, spoken = tmp_path / "stored", tmp_path / "spoken"
    spoken.touch()
    reader = visitor(service)
    page = logged_in(reader)
    made_in_the_admin(page, service, "Speaking", stored)
    page.goto(f"{service}/jobs?search=Speaking")
    page.get_by_role("link", name="Speaking").first.click()
    page.get_by_text("Run now with parameters").click()
    page.get_by_label("file", exact=True).fill(str(spoken))
    page.locator("#run").get_by_role("button", name="Run now").click()
    page.wait_for_url("**/executions/**")
    page.locator("#run-head .status-running").wait_for()

    say(spoken, "the first line", "é 😀")
    page.locator("#log").get_by_text("é 😀").wait_for()
    page.route("**/log?after=*", lose_the_first())
    page.reload()  # what is there is not said twice, and a proxy that is restarted at this moment is waited for
    page.evaluate("window.isTheSamePage = true")
    page.get_by_text("The connection was lost; trying again.").wait_for()
    say(spoken, "a warning of sorts", "the third line")
    page.locator("#log").get_by_text("the third line").wait_for()
    assert told(page) == ["the first line", "é 😀", "a warning of sorts", "the third line"]
    page.get_by_label("Search the log").fill("line")
    assert told(page) == ["the first line", "the third line"]

    say(spoken, "the last line", "end")
    page.locator("#run-head .status-completed").wait_for()
    page.locator("#result").get_by_text('"said": 5').wait_for()
    page.get_by_text("It has ended.").wait_for()
    assert told(page) == ["the first line", "the third line", "the last line"]
    assert page.get_by_label("Search the log").input_value() == "line"
    assert page.evaluate("window.isTheSamePage")
    reader.faults = [fault for fault in reader.faults if "502" not in fault]


def lose_the_first() -> Callable[[Route], None]:
    seen: list[str] = []

    def answer(route: Route) -> None:
        seen.append(route.request.url)
        if len(seen) == 1:
            route.fulfill(status=502, body="Bad Gateway")
        else:
            route.continue_()

    return answer


def test_a_running_job_is_cancelled_on_its_page(visitor: Callable[[str], Reader], service: str, tmp_path: Path) -> None:
    spoken = tmp_path / "spoken"
    say(spoken, "still here")
    page = logged_in(visitor(service))
    made_in_the_admin(page, service, "Speaking", spoken)
    page.goto(f"{service}/jobs?search=Speaking")
    page.get_by_role("link", name="Speaking").first.click()
    page.get_by_role("button", name="Run now").first.click()
    page.locator(".band").get_by_role("link", name="Speaking").click()
    page.locator("#log").get_by_text("still here").wait_for()
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.message), dialog.accept()))
    page.get_by_role("button", name="Cancel").click()
    page.locator("#run-head .status-cancelled").wait_for()
    assert asked == ["Stop this run? What it has done stays done."]
    page.get_by_role("button", name="One more attempt").wait_for()  # the doors are those of what it is now
    assert JobExecution.objects.get().status == "Cancelled"


def test_without_a_database_a_page_says_so_in_the_readers_language(
    visitor: Callable[..., Reader],
    system: System,  # noqa: F811
) -> None:
    address = started_web(system, **NO_DATABASE)
    answer = requests.get(f"{address}/jobs", cookies={"sessionid": "somebody"}, timeout=60)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    for language in ("en", "es"):
        reader = visitor(address, language=language)
        reader.page.context.add_cookies([{"name": "sessionid", "value": "somebody", "url": address}])
        page = reader.open("/")
        assert page.locator("html").get_attribute("lang") == language
        assert page.get_by_role("heading", level=1).count() == 1
        assert reader.accessibility_faults() == []
        reader.picture(f"no-database-{language}")
        reader.faults = [fault for fault in reader.faults if "503" not in fault]
