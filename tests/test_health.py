"""Health: who is asked, what is said, and that a part that hangs does not hang the answer."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connections

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


def test_without_a_database_it_is_unhealthy_but_lives(client, monkeypatch):
    monkeypatch.setitem(connections["default"].settings_dict, "PORT", "1")
    monkeypatch.setitem(connections.settings["default"], "PORT", "1")
    response = client.get("/health/ready")
    assert response.status_code == 503
    assert response.content.decode().startswith("Unhealthy\nThe database cannot be reached")
    assert client.get("/health/live").status_code == 200
