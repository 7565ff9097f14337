"""Health: who is asked, what is said, and that a part that hangs does not hang the answer."""

import socket
import threading
import time
import uuid
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import translation

from executions.enums import Severity
from executions.lease import Lease
from executions.models import Alert, BeatLease, JobExecution, LedgerCheck, Worker
from jobs import holds
from jobs.clock import database_now
from jobs.models import ScheduledJob
from scheduler_project.health import parts, remarks
from scheduler_project.health.facts import gather
from scheduler_project.local.process import eventually
from tests.factories import SOMEBODY, a_job, a_run

pytestmark = pytest.mark.django_db
# What is asked over HTTP is asked in threads, which see only what is committed.
over_http = pytest.mark.django_db(transaction=True)


@pytest.fixture
def leading(db):
    """A beat that leads."""
    assert Lease().hold()


def said():
    """Part by part, what is to be said; nothing of those that are well."""
    facts = gather()
    return {name: reason for name, say in remarks.OF.items() if (reason := say(facts))}


# --- The answer ------------------------------------------------------------------------------------------------------
@over_http
@pytest.mark.parametrize("path", ["/health", "/health/ready", "/health/live"])
def test_all_is_well_without_any_identity(client, path):
    response = client.get(path)
    assert (response.status_code, response.content) == (200, b"Healthy")
    assert response["Content-Type"].startswith("text/plain")
    assert "no-store" in response["Cache-Control"]


@over_http
def test_health_is_json_for_who_asks_for_json(client):
    body = client.get("/health", headers={"Accept": "application/json"}).json()
    assert body["status"] == "Healthy"
    assert list(body["entries"]) == ["database", "beat", "schedule", "workers", "ledger", "alerts", "broker"]
    assert all(entry == {"status": "Healthy", "reason": None} for entry in body["entries"].values())


@over_http
def test_health_is_only_read(client):
    assert client.post("/health").status_code == 405
    assert client.head("/health").status_code == 200


@over_http
def test_the_reasons_are_in_the_language_of_who_asks(client):
    holds.hold(by=SOMEBODY)
    spanish = client.get("/health", headers={"Accept-Language": "es"}).content.decode()
    with translation.override("es"):
        assert translation.gettext("The schedule is held since %(since)s UTC.")[:10] in spanish


# --- Probes have no name and no certificate --------------------------------------------------------------------------
@over_http
@pytest.mark.parametrize("path", ["/health", "/health/ready", "/health/live", "/metrics"])
def test_a_probe_that_comes_to_a_pods_own_address_by_plain_http_is_answered(client, settings, path):
    middleware = "scheduler_project.probes.ProbesMiddleware"
    settings.MIDDLEWARE = [middleware, *(each for each in settings.MIDDLEWARE if each != middleware)]
    settings.SECURE_SSL_REDIRECT = True
    settings.ALLOWED_HOSTS = ["scheduler.example"]
    assert client.get(path, headers={"Host": "10.1.2.3:5038"}).status_code == 200
    assert client.get("/admin/", headers={"Host": "10.1.2.3:5038"}).status_code == 400


# --- The database ----------------------------------------------------------------------------------------------------
@over_http
def test_without_a_database_it_is_unhealthy_but_lives(client, monkeypatch):
    monkeypatch.setitem(connections["default"].settings_dict, "PORT", "1")
    monkeypatch.setitem(connections.settings["default"], "PORT", "1")
    response = client.get("/health/ready")
    assert response.status_code == 503
    assert response.content.decode().startswith("Unhealthy\nThe database cannot be reached")
    assert client.get("/health/live").status_code == 200


@over_http
def test_a_database_that_takes_the_call_and_says_nothing_does_not_hang_the_answer(client, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        monkeypatch.setitem(connections.settings["default"], "HOST", "127.0.0.1")
        monkeypatch.setitem(connections.settings["default"], "PORT", str(deaf.getsockname()[1]))
        started = time.monotonic()
        answer = client.get("/health/ready")
        took = time.monotonic() - started
    assert (answer.status_code, answer.content.decode().splitlines()[0]) == (503, "Unhealthy")
    assert "no answer within 2 seconds" in answer.content.decode()
    assert took < parts.ANSWER_SECONDS + 1
    assert eventually(lambda: not any(thread.name.startswith("ask-health") for thread in threading.enumerate()), 60)


@over_http
def test_a_table_that_is_locked_does_not_hang_the_answer_nor_take_the_pages_away(client):
    with connections["default"].cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("LOCK executions_beatlease")
        started = time.monotonic()
        try:
            answers = [client.get("/health") for _again in range(2)]
        finally:
            took = time.monotonic() - started
            cursor.execute("ROLLBACK")
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[1].content.decode().startswith("Degraded\nWhat the database knows cannot be read just now: no")
    assert took < 2 * parts.ANSWER_SECONDS + 1


# --- What leaves it ready, with a reason -----------------------------------------------------------------------------
@over_http
def test_a_broker_that_is_gone_is_degraded_but_ready(client, broker_at):
    broker_at("redis://127.0.0.1:1/0")
    response = client.get("/health/ready")
    assert response.status_code == 200
    assert response.content.decode().startswith("Degraded\nThe broker cannot be reached")


@over_http
def test_a_broker_that_hangs_does_not_hang_the_answer(client, deaf_broker):
    started = time.monotonic()
    for _again in range(2):
        assert client.get("/health").content.decode().startswith("Degraded")
    assert time.monotonic() - started < 2 * parts.ANSWER_SECONDS + 1


@over_http
def test_everything_that_is_to_be_said_is_said_each_by_its_part(client):
    holds.hold(by=SOMEBODY, reason="new cables.")
    a_check(2, 0)
    ScheduledJob.objects.filter(pk=a_job().pk).update(next_execution_at=database_now() - timedelta(minutes=5))
    response = client.get("/health", headers={"Accept": "application/json"})
    assert (response.status_code, response.json()["status"]) == (200, "Degraded")
    reasons = {name: entry["reason"] for name, entry in response.json()["entries"].items() if entry["reason"]}
    assert list(reasons) == ["beat", "schedule", "ledger"]
    assert "seconds overdue" in reasons["schedule"] and reasons["schedule"].endswith("UTC. new cables.")


def test_a_schedule_that_no_beat_ever_led_is_told(db):
    a_job()
    assert said() == {"beat": "No beat has ever led. Is beat running?"}


def test_no_leader_for_a_minute_is_told_with_the_last_ones_machine(leading):
    a_job()
    BeatLease.objects.update(expires_at=database_now() - timedelta(seconds=50), machine_name="m1")
    assert said() == {}
    BeatLease.objects.update(expires_at=database_now() - timedelta(seconds=61))
    assert said()["beat"].startswith("No beat leads since ") and "on m1" in said()["beat"]


def test_without_anything_on_the_schedule_no_beat_is_missed():
    a_job(status="Disabled")
    assert said() == {}


def test_a_due_time_that_nobody_fires_is_told(leading):
    job = ScheduledJob.objects.filter(pk=a_job().pk)
    job.update(next_execution_at=database_now() - timedelta(seconds=50))
    assert said() == {}
    job.update(next_execution_at=database_now() - timedelta(minutes=5))
    assert "a due time is 300 seconds overdue" in said()["schedule"]


def a_worker(queue, *, seconds_ago=1, stopped=False):
    now = database_now()
    Worker.objects.create(
        id=uuid.uuid4(), name="w", machine_name="m", process_id=1, queues=[queue], processes=2, started_at=now,
        last_seen_at=now - timedelta(seconds=seconds_ago), stopped_at=now if stopped else None,
    )  # fmt: skip


def waits_since(seconds, **fields):
    run = a_run(a_job(f"waits {seconds}"))
    JobExecution.objects.filter(pk=run.pk).update(available_at=database_now() - timedelta(seconds=seconds), **fields)


def test_runs_that_wait_without_a_living_worker_are_told_until_one_serves_their_queue(leading):
    a_worker("default", seconds_ago=60)
    a_worker("default", stopped=True)
    a_worker("other")
    waits_since(5)
    assert said() == {}
    waits_since(20)
    assert said() == {"workers": "Runs wait in queues that no living worker serves: default."}
    a_worker("default")
    assert said() == {}


def test_a_retry_that_waits_for_its_paused_job_does_not_want_a_worker(leading):
    waits_since(90, trigger="Retry", rung_at=None)
    assert said() == {}


def test_critical_alerts_that_are_open_are_counted_and_not_named():
    now = database_now()
    for subject, severity, closed_at in (
        ("a", Severity.CRITICAL, None), ("b", Severity.CRITICAL, now), ("c", Severity.ERROR, None),
    ):  # fmt: skip
        Alert.objects.create(rule="job", subject=subject, severity=severity, opened_at=now, closed_at=closed_at)
    assert said() == {"alerts": "1 critical alert is open."}
    Alert.objects.create(rule="job", subject="d", severity=Severity.CRITICAL, opened_at=now)
    assert said() == {"alerts": "2 critical alerts are open."}


def a_check(unaccounted, unplanned):
    now = database_now()
    LedgerCheck.objects.create(
        checked_from=now, checked_until=now, finished_at=now, jobs=1, planned=9, unaccounted=unaccounted,
        unplanned=unplanned,
    )  # fmt: skip


def test_a_ledger_that_is_not_complete_is_told_until_a_check_finds_it_so():
    a_check(2, 0)
    a_check(0, 1)
    assert said() == {"ledger": "The ledger is not complete: 0 due times unaccounted, 1 rows unplanned."}
    a_check(0, 0)
    assert said() == {}
