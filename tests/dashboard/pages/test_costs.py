"""What a page costs: how many questions it asks, however much there is."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.staticfiles.finders import find
from django.db import connection
from django.db.models import Count
from django.test import Client
from django.test.utils import CaptureQueriesContext

from benchmarks import history
from executions import ids
from executions.models import JobExecution
from executions.rollups.totals import totals
from jobs.models import ScheduledJob
from tests.factories import FAILED, a_job, a_run, ended, started

# Session, user, groups, and what stands around every page are 4 of them.
MOST_QUERIES = {
    "/": 10, "/?span=30d": 10, "/jobs": 7, "/jobs?search=job": 8, "/jobs?order=duration&result=Failed": 7,
    "/jobs/{job}": 13, "/jobs/{job}?at=2026-01-05T02:00": 18, "/executions": 5, "/executions?status=Failed": 5,
    "/executions?search=job&span=24h": 7, "/executions/{run}": 10, "/timeline": 8, "/timeline?by=worker&window=1h": 8,
    "/alerts": 7, "/api/scheduler/dashboard": 9,
}  # fmt: skip
MOST_BYTES = 250_000  # with all that a page may load beside it
LOADED = sum(file.stat().st_size for file in Path(find("dashboard")).iterdir())


@pytest.fixture
def much(db: None) -> dict[str, str]:
    """Sixty jobs, each with runs that failed, that wait and that go on; the page of each kind by name."""
    for number in range(60):
        job = a_job(f"job {number}", cron_expression=f"{number} * * * *", overlap_policy="Allow", max_retries=0)
        failed = ended(started(job), FAILED)
        started(job)
        a_run(job)
    history.put_to_work()
    return {"job": str(job.id), "run": str(failed.id)}


@pytest.fixture
def little(db: None) -> dict[str, str]:
    job = a_job(overlap_policy="Allow", max_retries=0)
    failed = ended(started(job), FAILED)
    started(job)
    a_run(job)
    history.put_to_work()
    return {"job": str(job.id), "run": str(failed.id)}


def questions(client: Client, address: str) -> list[str]:
    with CaptureQueriesContext(connection) as asked:
        answer = client.get(address)
        found = [query["sql"] for query in asked.captured_queries]
    assert answer.status_code == 200 and len(answer.content) + LOADED < MOST_BYTES, address
    return found


@pytest.mark.parametrize("service", ["little", "much"])
def test_every_page_asks_a_bounded_number_of_questions(
    someone: Callable[[str], Client], request: pytest.FixtureRequest, service: str
) -> None:
    client, there = someone("viewer"), request.getfixturevalue(service)
    counts = {page: len(questions(client, page.format(**there))) for page in MOST_QUERIES}
    assert {page: count for page, count in counts.items() if count > MOST_QUERIES[page]} == {}


def test_an_admin_pays_no_more_than_a_viewer(someone: Callable[[str], Client], much: dict[str, str]) -> None:
    admin, viewer = someone("admin"), someone("viewer")
    for page in ("/", "/jobs", "/executions", "/timeline"):
        assert len(questions(admin, page)) == len(questions(viewer, page)), page


def test_a_made_up_history_is_as_one_that_has_happened(db: None) -> None:
    """benchmarks/history.py: its ids, its figures and its roll-ups."""
    made = history.grow(jobs=200, executions=1_000)
    assert JobExecution.objects.count() == made.executions >= 1_000
    for run in JobExecution.objects.filter(trigger="Schedule")[:50]:
        assert run.id == ids.of_due_time(run.job_id, run.scheduled_for) and run.job.schedule.matches(run.scheduled_for)
    for run in JobExecution.objects.filter(trigger="Retry")[:50]:
        assert run.id == ids.of_retry(run.retry_of, 1)
        assert JobExecution.objects.get(pk=run.retry_of).status == "Failed"
    ended_by_status = dict(JobExecution.objects.order_by().values_list("status").annotate(Count("id")))
    assert {status: count for status, count in totals(per_job=False)[None].finished.items() if count} == ended_by_status
    for job in ScheduledJob.objects.with_figures()[:20]:
        assert job.total_executions == JobExecution.objects.filter(job=job, duration__isnull=False).count()
