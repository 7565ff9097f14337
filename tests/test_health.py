"""Health: who is asked, what is said, and that a part that hangs does not hang the answer."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connections

from executions.models import LedgerCheck
from jobs import holds
from jobs.models import ScheduledJob
from scheduler_project import health
from tests.factories import SOMEBODY, a_job

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("path", ["/health", "/health/ready", "/health/live"])
def test_all_is_well_without_any_identity(client, path):
    response = client.get(path)
    assert (response.status_code, response.content) == (200, b"Healthy")
    assert response["Content-Type"].startswith("text/plain")
    assert "no-store" in response["Cache-Control"]


def test_health_is_json_for_who_asks_for_json(client):
    body = client.get("/health", headers={"Accept": "application/json"}).json()
    assert body["status"] == "Healthy"
    assert body["entries"]["database"] == {"status": "Healthy", "reason": None}
    assert body["entries"]["broker"]["status"] == "Healthy"


def test_health_is_only_read(client):
    assert client.post("/health").status_code == 405
    assert client.head("/health").status_code == 200


def test_a_broker_that_is_gone_is_degraded_but_ready(client, broker_at):
    broker_at("redis://127.0.0.1:1/0")
    response = client.get("/health/ready")
    assert response.status_code == 200
    assert response.content.decode().startswith("Degraded\nThe broker cannot be reached")


def test_a_broker_that_hangs_does_not_hang_the_answer(client, deaf_broker):
    started = time.monotonic()
    for _again in range(2):
        assert client.get("/health").content.decode().startswith("Degraded")
    assert time.monotonic() - started < 2 * health.ANSWER_SECONDS + 1


def test_a_due_time_that_nobody_fires_is_degraded(client):
    job = a_job()
    ScheduledJob.objects.filter(pk=job.pk).update(next_execution_at=datetime.now(UTC) - timedelta(minutes=5))
    response = client.get("/health")
    assert response.status_code == 200
    assert "overdue" in response.content.decode()


def test_a_held_schedule_is_told_with_its_reason(client):
    holds.hold(by=SOMEBODY, reason="new cables")
    response = client.get("/health/ready")
    assert response.status_code == 200
    assert response.content.decode().startswith("Degraded\nThe schedule is held since ")
    assert response.content.decode().endswith("new cables")


def a_check(unaccounted, unplanned):
    now = datetime.now(UTC)
    LedgerCheck.objects.create(
        checked_from=now, checked_until=now, finished_at=now, jobs=1, planned=9, unaccounted=unaccounted,
        unplanned=unplanned,
    )  # fmt: skip


def test_a_ledger_that_is_not_complete_is_degraded_until_a_check_finds_it_so(client):
    a_check(2, 0)
    a_check(0, 1)
    text = client.get("/health").content.decode()
    assert text == "Degraded\nThe ledger is not complete: 0 due times unaccounted, 1 rows unplanned."
    a_check(0, 0)
    assert client.get("/health").content.decode() == "Healthy"


def test_everything_that_is_to_be_said_of_the_schedule_is_said(client):
    holds.hold(by=SOMEBODY, reason="new cables.")
    a_check(2, 0)
    ScheduledJob.objects.filter(pk=a_job().pk).update(next_execution_at=datetime.now(UTC) - timedelta(minutes=5))
    reason = client.get("/health", headers={"Accept": "application/json"}).json()["entries"]["schedule"]["reason"]
    for part in ("seconds overdue", "held since", "new cables. The ledger is not complete: 2 due times"):
        assert part in reason


def test_without_a_database_it_is_unhealthy_but_lives(client, monkeypatch):
    monkeypatch.setitem(connections["default"].settings_dict, "PORT", "1")
    monkeypatch.setitem(connections.settings["default"], "PORT", "1")
    response = client.get("/health/ready")
    assert response.status_code == 503
    assert response.content.decode().startswith("Unhealthy\nThe database cannot be reached")
    assert client.get("/health/live").status_code == 200
