"""What a page costs: how many questions it asks, however much there is; and none of them reads the whole ledger."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection
from django.db.models import Count
from django.test import Client
from django.test.utils import CaptureQueriesContext

from benchmarks import history
from executions import ids
from executions.models import JobExecution
from executions.rollups import rebuilding
from executions.rollups.totals import totals
from jobs.models import ScheduledJob
from tests.factories import FAILED, a_job, a_run, ended, started

# Session, user, groups, and what stands around every page are 4 of them.
MOST_QUERIES = {
    "/": 10, "/?span=30d": 10, "/jobs": 7, "/jobs/{job}": 13, "/jobs/{job}?at=2026-01-05T02:00": 18, "/executions": 5,
    "/executions?status=Failed": 5, "/executions?search=job&span=24h": 7, "/executions/{run}": 10, "/timeline": 8,
    "/timeline?by=worker&window=1h": 8, "/alerts": 7, "/api/scheduler/dashboard": 9,
}  # fmt: skip
MOST_BYTES = 250_000
# What takes from below no more than is taken from it.
PASSING_ON = ("Append", "Merge Append", "Nested Loop")


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
    assert answer.status_code == 200 and len(answer.content) < MOST_BYTES, address
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


def test_no_page_reads_the_whole_ledger(someone: Callable[[str], Client], little: dict[str, str]) -> None:
    """With scans of a table forbidden, PostgreSQL still makes one where it has no index that it can ask."""
    rebuilding.rebuild()
    client, ledger = someone("viewer"), JobExecution._meta.db_table
    asked = {sql for page in MOST_QUERIES for sql in questions(client, page.format(**little)) if ledger in sql}
    assert len(asked) > 10
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indexrelid::regclass::text FROM pg_index WHERE pg_get_expr(indpred, indrelid) ~ 'status'"
        )
        of_what_is_open = {name for (name,) in cursor.fetchall()}
        cursor.execute("SET LOCAL enable_seqscan = off")
        for sql in asked:
            cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}")
            ((plan,),) = cursor.fetchall()
            for node in nodes(plan[0]["Plan"], is_limited=False):
                assert is_narrow(node, of_what_is_open), (sql, node)


def is_narrow(node: dict[str, Any], of_what_is_open: set[str]) -> bool:
    if not str(node.get("Relation Name", "")).startswith(JobExecution._meta.db_table):
        return True
    is_by_key = "Index Cond" in node or node["Node Type"] == "Bitmap Heap Scan"
    is_newest_first = node["is_limited"] and node["Node Type"] == "Index Scan"
    return is_by_key or node.get("Index Name") in of_what_is_open or is_newest_first


def nodes(plan: dict[str, Any], *, is_limited: bool) -> Iterator[dict[str, Any]]:
    """`is_limited`: what lies above takes the first rows as they come, and then no more."""
    yield {**plan, "is_limited": is_limited}
    passes_on = plan["Node Type"] == "Limit" or (is_limited and plan["Node Type"] in PASSING_ON)
    for below in plan.get("Plans", []):
        yield from nodes(below, is_limited=passes_on)


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
