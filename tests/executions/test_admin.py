"""The admin of executions, alerts and workers, and running a job by hand."""

import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from executions.admin import filters
from executions.ledger import Outcome
from executions.models import Alert, JobExecution, OutputChunk, Worker
from jobs.clock import database_now
from jobs.enums import ExecutionStatus
from tests.admin_pages import client_of, person, said, text, url
from tests.factories import FAILED, a_job, a_run, claimed, ended, started

pytestmark = pytest.mark.django_db

RUN = "executions_jobexecution"
JOB = "jobs_scheduledjob"


@pytest.fixture
def viewer() -> Iterator[Client]:
    yield client_of("viewer")


# --- Run now ----------------------------------------------------------------------------------------------------------
def test_run_now_queues_a_run_and_leads_to_it() -> None:
    job, operator = a_job("Prices"), client_of("operator")
    response = operator.post(url(JOB, "do", job.pk, "run_now"), follow=True)
    run = job.executions.get()
    assert (run.trigger, run.triggered_by) == ("Manual", person("operator").pk)
    assert said(response) == ["Run queued: Prices."]
    assert f'<a href="{url(RUN, "change", run.pk)}">Prices</a>' in response.content.decode()


def test_running_selected_jobs_tells_each_refusal_with_its_job() -> None:
    idle, busy = a_job("idle"), a_job("busy")
    off = a_job("off").disable(by=person("admin").pk)
    started(busy)
    chosen = {"action": "run_now", "_selected_action": [str(job.pk) for job in (idle, busy, off)]}
    response = client_of("operator").post(url(JOB, "changelist"), chosen, follow=True)
    assert said(response) == [
        "Run queued: idle.",
        "busy: A run of this job is active, and its overlap policy allows no second one.",
        "off: The job is disabled. Enable it, then run it.",
    ]


def test_a_jobs_page_leads_to_its_executions(viewer: Client) -> None:
    job = a_job()
    links = dict(viewer.get(url(JOB, "change", job.pk)).context["links"])
    a_run(a_job("other"))
    mine = a_run(job)
    listed = viewer.get(links["Executions"]).context["cl"].result_list
    assert [run.pk for run in listed] == [mine.pk]


# --- The list ---------------------------------------------------------------------------------------------------------
def test_the_list_shows_each_run_with_status_reason_attempt_and_duration(viewer: Client) -> None:
    job = a_job("Prices", max_retries=1)
    ended(started(job), FAILED)
    page = text(viewer.get(url(RUN, "changelist")))
    for part in ("Failed error", "Queued", "Prices", "Manual", "attempt 2", "test@here", "by hand"):
        assert part in page


def test_the_list_is_searched_by_name_and_by_id(viewer: Client) -> None:
    prices, backup = a_run(a_job("Sync Prices")), a_run(a_job("Backup"))

    def found(term: str) -> list[uuid.UUID]:
        return [run.pk for run in viewer.get(url(RUN, "changelist"), {"q": term}).context["cl"].result_list]

    assert found("price") == [prices.pk]
    assert found(str(backup.pk)) == [backup.pk]
    assert found("nothing like it") == []


def test_the_list_is_filtered_by_status_trigger_time_and_job(viewer: Client) -> None:
    job = a_job("Prices")
    run = a_run(job)
    for query, expected in (
        ({"status__exact": "Queued"}, [run.pk]), ({"status__exact": "Failed"}, []),
        ({"trigger__exact": "Manual"}, [run.pk]), ({"since": "1h"}, [run.pk]),
        ({"job": str(job.pk)}, [run.pk]), ({"job": str(uuid.uuid4())}, []),
        ({"job": "nonsense"}, []),
    ):  # fmt: skip
        listed = viewer.get(url(RUN, "changelist"), query).context["cl"].result_list
        assert [each.pk for each in listed] == expected, query


def test_the_list_asks_no_more_queries_for_fifty_runs_and_leaves_their_output_alone(
    viewer: Client, django_assert_max_num_queries: Any, django_assert_num_queries: Any
) -> None:
    job = a_job(overlap_policy="Allow")
    for _number in range(50):
        a_run(job)
    viewer.get(url(RUN, "changelist"))
    with django_assert_max_num_queries(10) as asked:
        assert "50 executions" in text(viewer.get(url(RUN, "changelist")))
    assert not [query for query in asked.captured_queries if '"output"' in query["sql"]]


def test_counting_stops_where_a_large_ledger_would_take_seconds(
    viewer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = a_job(overlap_policy="Allow")
    for _number in range(4):
        a_run(job)
    paginator = filters.CappedPaginator(JobExecution.objects.order_by("-id"), 2)
    monkeypatch.setattr(filters, "MOST_COUNTED", 3)
    assert paginator.count == 3
    assert "LIMIT" in str(JobExecution.objects.all()[: filters.MOST_COUNTED].query)


# --- The page ---------------------------------------------------------------------------------------------------------
def test_the_page_shows_output_result_error_parameters_and_the_way_to_flower(viewer: Client, settings: Any) -> None:
    settings.SCHEDULER_FLOWER_URL = "https://flower.okla"
    outcome = Outcome(
        ExecutionStatus.FAILED,
        "error",
        result={"rows": 3},
        error_message="<b>broke</b>",
        stack_trace="Traceback: line 7",
    )
    job = a_job("Prices", job_type="FailingJob", parameters={"message": "no"})
    run = ended(started(job), outcome, "line one\nline two")
    response = viewer.get(url(RUN, "change", run.pk))
    page = response.content.decode()
    assert ">line one\nline two</pre>" in page
    assert "&lt;b&gt;broke&lt;/b&gt;" in page and "<b>broke" not in page
    for part in ("Traceback: line 7", "&quot;message&quot;: &quot;no&quot;", f"https://flower.okla/task/{run.pk}"):
        assert part in page
    assert response.context["links"][0][1] == url(JOB, "change", run.job_id)


def test_the_page_of_a_running_one_shows_what_it_has_said_so_far(viewer: Client) -> None:
    run = started(a_job())
    for part in ("first\n", "second\n"):
        OutputChunk.objects.create(execution_id=run.pk, text=part)
    assert "first\nsecond" in viewer.get(url(RUN, "change", run.pk)).content.decode()


def test_the_page_links_all_attempts_of_its_run(viewer: Client) -> None:
    job = a_job(max_retries=2)
    first = ended(started(job), FAILED)
    retry = JobExecution.objects.filter(retry_of=first.pk)
    retry.update(available_at=database_now())
    second = claimed(retry.get())
    for run, other in ((first, second), (second, first)):
        page = viewer.get(url(RUN, "change", run.pk))
        assert url(RUN, "change", other.pk) in page.content.decode()
        assert "1. Failed 2. Running" in text(page)


def test_executions_can_be_changed_by_nobody() -> None:
    run, admin = a_run(a_job()), client_of("admin")
    assert admin.post(url(RUN, "change", run.pk), {"status": "Completed"}).status_code == 403
    assert admin.post(url(RUN, "delete", run.pk), {"post": "yes"}).status_code == 403
    assert admin.get(url(RUN, "add")).status_code == 403


def test_the_history_of_a_deleted_job_stays_readable(viewer: Client) -> None:
    job = a_job("Gone")
    run = a_run(job)
    job.retire(by=person("admin").pk)
    assert "Gone deleted" in text(viewer.get(url(RUN, "changelist")))
    page = viewer.get(url(RUN, "change", run.pk))
    assert url(JOB, "change", job.pk) not in page.content.decode()
    assert "deleted" in text(page)


# --- Alerts and workers -----------------------------------------------------------------------------------------------
def test_alerts_are_listed_open_and_closed(viewer: Client) -> None:
    now = timezone.now()
    Alert.objects.create(rule="job", subject="gateway is down", job=a_job("Health"), opened_at=now)
    Alert.objects.create(rule="job", subject="it was slow", opened_at=now, closed_at=now)
    open_ones = text(viewer.get(url("executions_alert", "changelist"), {"open": "yes"}))
    assert "gateway is down" in open_ones and "it was slow" not in open_ones
    alert = Alert.objects.get(subject="it was slow")
    assert "Closed" in text(viewer.get(url("executions_alert", "change", alert.pk)))


@pytest.mark.parametrize(
    ("age", "stopped", "state"), [(1, False, "Alive"), (120, False, "Silent"), (1, True, "Stopped")]
)
def test_workers_are_alive_silent_or_stopped(viewer: Client, age: int, stopped: bool, state: str) -> None:
    seen = timezone.now() - timedelta(seconds=age)
    worker = Worker.objects.create(
        id=uuid.uuid4(), name="celery@here", machine_name="here", process_id=1, queues=["default", "slow"], processes=4,
        started_at=seen, last_seen_at=seen, stopped_at=seen if stopped else None,
    )  # fmt: skip
    assert f"{state} celery@here here 1 default, slow" in text(viewer.get(url("executions_worker", "changelist")))
    page = viewer.get(url("executions_worker", "change", worker.pk)).content.decode()
    assert "/worker/celery%40here" in page


# --- Cancel, one more attempt ----------------------------------------------------------------------------------------
def labels(client: Client, run: JobExecution) -> list[str]:
    return [str(button["label"]) for button in client.get(url(RUN, "change", run.pk)).context["buttons"]]


def test_each_state_has_its_button_for_operators_only(viewer: Client) -> None:
    operator, running = client_of("operator"), started(a_job())
    assert labels(operator, running) == ["Cancel"]
    over = ended(running)
    assert labels(operator, over) == ["One more attempt"]
    assert labels(viewer, over) == []
    assert viewer.post(url(RUN, "do", over.pk, "retry")).status_code == 403
    assert operator.get(url(RUN, "do", over.pk, "retry")).status_code == 405
    assert operator.post(url(RUN, "do", over.pk, "nothing")).status_code == 404


def test_cancelling_a_queued_run_tells_so_and_stays_on_its_page() -> None:
    run = a_run(a_job())
    response = client_of("operator").post(url(RUN, "do", run.pk, "cancel"), follow=True)
    assert said(response) == ["The run is asked to stop; one that waits is cancelled at once."]
    assert response.context["original"].status == ExecutionStatus.CANCELLED


def test_one_more_attempt_leads_to_it_and_a_refusal_is_told() -> None:
    job, operator = a_job(max_retries=0), client_of("operator")
    run = ended(started(job), FAILED)
    response = operator.post(url(RUN, "do", run.pk, "retry"), follow=True)
    attempt = response.context["original"]
    assert (attempt.retry_of, attempt.triggered_by) == (run.pk, person("operator").pk)
    again = operator.post(url(RUN, "do", run.pk, "retry"), follow=True)
    assert said(again) == ["An attempt of this run is queued or running. Wait for its end, or cancel it."]
