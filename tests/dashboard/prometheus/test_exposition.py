"""The metrics: right by a recount, the same from every web process, as cheap for many jobs as for one."""

import os
import random
import subprocess
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from dashboard.prometheus.exposition import OPEN_METRICS, TEXT, exposition, forget
from executions.lease import LEASE_SECONDS, Lease
from executions.models import Alert, BeatLease, JobExecution, LedgerCheck, Notice, Worker
from executions.rollups.counts import DURATION_BOUNDS
from executions.rollups.folding import fold
from executions.rollups.totals import NOTHING
from jobs import holds
from jobs.clock import database_now
from jobs.models import ScheduledJob
from tests.dashboard.prometheus.scraped import Scrape, parsed, samples, scraped
from tests.database_clock import DatabaseClock, database_time
from tests.executions.rollups.histories import a_row, random_rows, recount, written
from tests.factories import SOMEBODY, a_job, a_run, claimed

START = datetime(2026, 3, 8, 5, tzinfo=UTC)
# What is another a moment later.
AGES = ("_age_seconds", "_behind_seconds", "_execution_seconds")
ROOT = Path(__file__).resolve().parents[3]

pytestmark = pytest.mark.django_db


@pytest.fixture
def clock(db: None) -> Iterator[DatabaseClock]:
    with database_time(START) as clock:
        yield clock


# --- What ended ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("seed", range(3))
def test_counters_and_histograms_are_a_recount_of_the_ledger_after_any_history(clock: DatabaseClock, seed: int) -> None:
    dice = random.Random(seed)
    jobs = [a_job(name) for name in ("plain", 'with "quotes" and \\', "ñandú\non two lines")]
    ever: list[JobExecution] = []
    for _step in range(5):
        since, now = clock.now, clock.advance(minutes=dice.choice([1, 20]))
        ever += written(*random_rows(dice, jobs, since, now))
        if dice.random() < 0.6:
            fold()
        scrape, expected = Scrape(), recount(ever)
        for job in jobs:
            counted = expected.get(job.id, NOTHING)
            for status, count in counted.finished.items():
                assert scrape("scheduler_executions_total", job_name=job.name, status=status) == count
            for bound, count in zip(DURATION_BOUNDS, counted.took_at_most, strict=True):
                name = "scheduler_execution_duration_seconds_bucket"
                assert (scrape(name, job_name=job.name, le=str(bound)) or 0) == count
            assert (scrape("scheduler_execution_duration_seconds_count", job_name=job.name) or 0) == counted.ran
            total = scrape("scheduler_execution_duration_seconds_sum", job_name=job.name) or 0
            assert total == pytest.approx(counted.duration_seconds)
        assert scrape("scheduler_failed_executions_total") == expected[None].finished["Failed"]
        assert scrape("scheduler_retry_count") == expected[None].retries
        assert scrape("scheduler_firing_lateness_seconds_count") == expected[None].fired
        assert scrape("scheduler_firing_lateness_seconds_bucket", le="+Inf") == expected[None].fired


def test_no_counter_ever_falls_while_rows_end_are_rolled_up_and_removed(clock: DatabaseClock) -> None:
    dice, jobs, before = random.Random(4), [a_job("a"), a_job("b")], {}
    for _step in range(8):
        since, now = clock.now, clock.advance(minutes=1)
        written(*random_rows(dice, jobs, since, now))
        folded_until = fold()
        JobExecution.objects.filter(completed_at__lte=folded_until).delete()
        found = Scrape().samples
        for key, value in before.items():
            if key[0].endswith(("_total", "_count", "_bucket")):
                assert found[key] >= value, key
        before = dict(found)


def test_a_job_that_never_ran_has_zeros_from_the_first_moment_so_that_its_first_failure_is_seen() -> None:
    a_job("new")
    scrape = Scrape()
    for status in ("Completed", "Failed", "Cancelled", "Skipped", "Missed"):
        assert scrape("scheduler_executions_total", job_name="new", status=status) == 0


def test_a_deleted_job_has_no_label_any_more_and_still_counts_among_all() -> None:
    job = a_job("gone")
    written(a_row(job, database_now(), "Failed"))
    job.retire(by=SOMEBODY)
    assert Scrape()("scheduler_executions_total", job_name="gone", status="Failed") is None
    assert Scrape()("scheduler_failed_executions_total") == 1


def test_names_of_jobs_can_be_left_out(settings) -> None:
    written(*(a_row(a_job(name), database_now(), took=2) for name in ("a", "b")))
    settings.SCHEDULER_METRICS_PER_JOB = False
    scrape = Scrape()
    assert scrape("scheduler_executions_total", status="Completed") == 2
    assert scrape("scheduler_execution_duration_seconds_bucket", le="2.5") == 2
    assert scrape("scheduler_execution_duration_seconds_sum") == 4
    assert not any("job_name" in dict(labels) for _name, labels in scrape.samples)


# --- This moment -----------------------------------------------------------------------------------------------------
def test_an_empty_system_has_every_family_and_no_beat_that_ever_led() -> None:
    scrape = Scrape()
    assert scrape("scheduler_jobs_total", status="Enabled") == 0
    assert scrape("scheduler_beat_lease_age_seconds") == float("inf")
    assert scrape("scheduler_next_execution_seconds") is scrape("scheduler_ledger_unaccounted") is None
    assert scrape("scheduler_overdue_seconds") == scrape("scheduler_workers") == 0
    assert scrape("scheduler_alerts_open", rule="no_beat") == scrape("scheduler_notices_waiting", channel="Email") == 0


def test_jobs_and_what_comes_next() -> None:
    a_job("a")
    overdue = a_job("b", status="Paused")
    scrape = Scrape()
    assert scrape("scheduler_jobs_total", status="Enabled") == scrape("scheduler_jobs_total", status="Paused") == 1
    assert scrape("scheduler_next_execution_seconds") > 0
    assert scrape("scheduler_overdue_seconds") == scrape("scheduler_schedule_held") == 0
    ScheduledJob.objects.filter(pk=overdue.pk).update(next_execution_at=database_now() - timedelta(seconds=90))
    holds.hold(by=SOMEBODY)
    scrape = Scrape()
    assert scrape("scheduler_overdue_seconds") == pytest.approx(90, abs=30)
    assert scrape("scheduler_schedule_held") == 1


def test_queues_workers_and_the_beat() -> None:
    now = database_now()
    Worker.objects.create(
        id=uuid.uuid4(), name="w", machine_name="m", process_id=1, queues=["default", "reports"], processes=4,
        started_at=now, last_seen_at=now,
    )  # fmt: skip
    waits = a_run(a_job("waits", queue="backups"))
    JobExecution.objects.filter(pk=waits.pk).update(available_at=now - timedelta(seconds=120))
    retry = a_run(a_job("retried", queue="backups"))
    JobExecution.objects.filter(pk=retry.pk).update(trigger="Retry", rung_at=None)  # waits for its job
    claimed(a_run(a_job("runs")))
    assert Lease().hold()
    BeatLease.objects.update(expires_at=now + timedelta(seconds=LEASE_SECONDS - 60))
    scrape = Scrape()
    assert scrape("scheduler_open_executions", status="Running") == 1
    assert scrape("scheduler_open_executions", status="Queued") == 2
    assert scrape("scheduler_queue_depth", queue="backups") == 1
    assert scrape("scheduler_queue_oldest_seconds", queue="backups") == pytest.approx(120, abs=30)
    assert scrape("scheduler_queue_workers", queue="backups") == scrape("scheduler_queue_depth", queue="default") == 0
    assert scrape("scheduler_queue_workers", queue="reports") == scrape("scheduler_workers") == 1
    assert scrape("scheduler_worker_processes") == 4
    assert scrape("scheduler_beat_lease_age_seconds") == pytest.approx(60, abs=30)


def test_alerts_notices_and_the_ledgers_account() -> None:
    now = database_now()
    Alert.objects.create(rule="no_worker", subject="q", opened_at=now)
    Alert.objects.create(rule="no_worker", subject="r", opened_at=now, closed_at=now)
    for state, age in (("Waiting", 100), ("Waiting", 10), ("Sent", 900), ("Held", 900)):
        Notice.objects.create(
            kind="RunFailed", channel="Email", recipient=f"{state}{age}@x", state=state, execution_id=uuid.uuid4(),
            created_at=now - timedelta(seconds=age),
        )  # fmt: skip
    LedgerCheck.objects.create(
        checked_from=now, checked_until=now, finished_at=now - timedelta(minutes=5), jobs=1, planned=9, unaccounted=2,
        unplanned=1,
    )  # fmt: skip
    scrape = Scrape()
    assert scrape("scheduler_alerts_open", rule="no_worker") == 1
    assert scrape("scheduler_notices_waiting", channel="Email") == 2
    assert scrape("scheduler_notices_oldest_seconds", channel="Email") == pytest.approx(100, abs=30)
    assert (scrape("scheduler_ledger_unaccounted"), scrape("scheduler_ledger_unplanned")) == (2, 1)
    assert scrape("scheduler_ledger_check_age_seconds") == pytest.approx(300, abs=30)


# --- The text --------------------------------------------------------------------------------------------------------
def some_history() -> None:
    dice, jobs = random.Random(7), [a_job('a "quoted" name'), a_job("b")]
    written(*random_rows(dice, jobs, START, START + timedelta(minutes=5)))


def test_both_formats_say_the_same_and_each_keeps_its_own_rules() -> None:
    some_history()
    both = [
        {key: value for key, value in samples(scraped(each)).items() if not key[0].endswith(AGES)}
        for each in (TEXT, OPEN_METRICS)
    ]
    assert both[0] == both[1] and len(both[0]) > 40
    kinds = {family.name: family.type for family in scraped(OPEN_METRICS)}
    assert kinds["scheduler_executions"] == "counter"
    assert kinds["scheduler_execution_duration_seconds"] == "histogram"


def test_every_family_explains_itself() -> None:
    assert all(family.documentation.endswith(".") for family in scraped())


def test_the_questions_to_the_database_do_not_grow_with_jobs_and_history() -> None:
    counted = []
    for number in range(2):
        forget()
        with CaptureQueriesContext(connection) as questions:
            exposition(TEXT)
        counted.append(len(questions))
        jobs = [a_job(f"{number} {n}", queue=f"q{n}") for n in range(15)]
        written(*(a_row(job, database_now()) for job in jobs))
        a_run(jobs[0])
    assert counted[0] == counted[1] <= 20


def test_it_is_made_once_in_a_while_however_often_it_is_asked_for() -> None:
    a_job("old")
    forget()
    first = exposition(TEXT)
    a_job("new")
    with CaptureQueriesContext(connection) as questions:
        assert exposition(TEXT, fresh_seconds=3_600) == first
    assert not questions.captured_queries
    assert b'job_name="new"' in exposition(TEXT, fresh_seconds=0)


# --- Over HTTP -------------------------------------------------------------------------------------------------------
over_http = pytest.mark.django_db(transaction=True)


@pytest.fixture
def fresh() -> None:
    forget()


@over_http
def test_the_scraper_needs_no_identity_and_gets_the_format_that_it_asks_for(client, fresh) -> None:
    plain = client.get("/metrics")
    assert (plain.status_code, plain["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert "no-store" in plain["Cache-Control"]
    accept = "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
    modern = client.get("/metrics", headers={"Accept": accept})
    assert modern["Content-Type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert parsed(modern.content, OPEN_METRICS)
    assert client.post("/metrics").status_code == 405


@over_http
def test_without_the_database_the_scrape_fails_and_tells_nothing_of_it(client, fresh, monkeypatch) -> None:
    for settings in (connections["default"].settings_dict, connections.settings["default"]):
        monkeypatch.setitem(settings, "PORT", "1")
    response = client.get("/metrics")
    assert (response.status_code, response.content) == (503, b"# The database does not answer.\n")


@over_http
def test_another_web_process_says_the_same(client, fresh) -> None:
    some_history()
    fold()
    some = connection.settings_dict
    url = f"postgresql://{some['USER']}:{some['PASSWORD']}@{some['HOST']}:{some['PORT']}/{some['NAME']}"
    program = (
        "import django; django.setup()\n"
        "from django.test import Client\n"
        "print(Client().get('/metrics').content.decode())"
    )
    environment = {**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "scheduler_project.settings"}
    other = subprocess.check_output([sys.executable, "-c", program], cwd=ROOT, env=environment)
    here, there = (samples(parsed(body)) for body in (client.get("/metrics").content, other))
    assert here.keys() == there.keys()
    assert all(value == there[key] for key, value in here.items() if not key[0].endswith(AGES))
