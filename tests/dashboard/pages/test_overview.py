"""The overview and the timeline as the server writes them: where their numbers lead, and what they must not promise."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from executions.models import JobExecution, LedgerCheck, Worker
from jobs import holds
from jobs.clock import database_now
from jobs.models import SYSTEM_USER_ID
from tests.admin_pages import text
from tests.factories import a_job, ended, started

pytestmark = pytest.mark.django_db


def part(answer: Any, key: str) -> str:
    """The page from the element with that id on, to its next section."""
    return answer.content.decode().partition(f'id="{key}"')[2].partition("</section>")[0]


def test_the_numbers_of_a_day_lead_to_the_runs_of_that_day(
    someone: Callable[[str], Client], service: dict[str, Any]
) -> None:
    client = someone("viewer")
    page = client.get("/")
    for status in ("Completed", "Failed"):
        address = f"/executions?status={status}&span=24h"
        assert f'href="{address.replace("&", "&amp;")}"' in part(page, "numbers")
        assert {run.status for run in client.get(address).context["runs"]} == {status}
    assert "/executions?status=Failed&amp;span=24h" in part(page, "troubles-counts")
    assert '<a href="/jobs?order=next">' in page.content.decode()


def test_the_average_is_exact_also_below_a_second(someone: Callable[[str], Client]) -> None:
    run = ended(started(a_job()))
    JobExecution.objects.filter(pk=run.pk).update(duration=timedelta(milliseconds=240))
    assert "240 ms" in part(someone("viewer").get("/"), "numbers")


def test_while_the_schedule_is_held_nothing_is_counted_down(someone: Callable[[str], Client]) -> None:
    a_job("hourly", cron_expression="0 * * * *")
    client = someone("viewer")
    assert "data-until" in part(client.get("/"), "coming") and "data-until" in part(client.get("/"), "numbers")
    holds.hold(by=SYSTEM_USER_ID)
    held = client.get("/")
    assert "data-until" not in part(held, "coming") + part(held, "numbers")
    assert "will be skipped" in part(held, "coming") and "the whole schedule is held" in part(held, "verdict")


def test_rows_that_were_never_planned_are_told_as_such_and_with_when_that_was_seen(
    someone: Callable[[str], Client],
) -> None:
    now = database_now()
    LedgerCheck.objects.create(
        checked_from=now - timedelta(hours=25), checked_until=now, finished_at=now, jobs=1, planned=1, unaccounted=0,
        unplanned=2,
    )  # fmt: skip
    told = part(someone("viewer").get("/"), "verdict")
    assert "2 rows of the ledger were never planned" in told and "due times unaccounted" not in told
    assert "0 unaccounted" in told and now.isoformat(timespec="minutes")[:16] in told


def test_workers_that_live_are_named_and_lead_to_flower(someone: Callable[[str], Client], settings: Any) -> None:
    now = database_now()
    Worker.objects.create(
        id=SYSTEM_USER_ID, name="celery@one", machine_name="one", process_id=1, queues=["default"], processes=4,
        started_at=now, last_seen_at=now,
    )  # fmt: skip
    settings.SCHEDULER_FLOWER_URL = "http://flower.test"
    assert 'href="http://flower.test/worker/celery%40one"' in part(someone("viewer").get("/"), "plant")
    settings.SCHEDULER_FLOWER_URL = ""
    bare = part(someone("viewer").get("/"), "plant")
    assert "celery@one" in bare and "<a" not in bare


def test_what_is_written_of_an_instant_is_the_same_each_time(
    someone: Callable[[str], Client], service: dict[str, Any]
) -> None:
    """Else nothing would ever be found unchanged, and each page be sent whole."""
    running = part(someone("viewer").get("/"), "running")
    assert re.search(r"<time[^>]* data-since>\d+ \w+, \d\d:\d\d</time>", running)


@pytest.mark.parametrize("by", ["job", "worker"])
def test_the_table_behind_the_timeline_has_each_bar_with_its_link(
    someone: Callable[[str], Client], service: dict[str, Any], by: str
) -> None:
    drawn, _table, listed = part(someone("viewer").get(f"/timeline?by={by}"), "lanes").partition("<details")
    bars = re.findall(r'href="(/[^"]+)" tabindex="-1"', drawn)
    assert bars and re.findall(r'href="([^"]+)"', listed) == bars


def test_no_worker_is_promised_a_run_that_is_to_come(someone: Callable[[str], Client], service: dict[str, Any]) -> None:
    client = someone("viewer")
    assert "Next 7 days" in text(client.get("/timeline")) and "window=7d" in client.get("/timeline").content.decode()
    for address in ("/timeline?by=worker", "/timeline?by=worker&window=7d"):
        page = client.get(address)
        assert "Next 7 days" not in text(page) and "test@here" in text(page)


def test_two_jobs_of_one_minute_are_told_on_the_timeline(someone: Callable[[str], Client]) -> None:
    for name, expression in (("backup", "0 2 * * *"), ("prices", "0 2 * * 1"), ("health", "*/5 * * * *")):
        a_job(name, cron_expression=expression)
    clashes = part(someone("viewer").get("/timeline"), "clashes-title")
    assert re.findall(r">(backup|prices|health)</a>", clashes) == ["backup", "prices"]
