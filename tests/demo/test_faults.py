"""Services of the demo that are slow, failing or down on request, and what is kept of every exchange."""

import time
from typing import Any

import pytest
import requests

from jobs.gateways import http
from scheduler_project.demo.faults import SERVICES
from scheduler_project.local.process import eventually
from tests.demo.demo_process import RunningDemo

INSIDE = "/notificationservice/api/internal/notifications/email"
MAIL = {"to": "ana@correo.example", "subject": "Hola", "body": "<p>Hola</p>"}


def sent(demo: RunningDemo) -> int:
    return int(demo.rows("okla", "SELECT count(*) FROM emails")[0][0])


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_is_healthy_until_it_is_told_otherwise(demo: RunningDemo, service: str) -> None:
    answer = demo.get(f"/{service}/health")
    assert (answer.status_code, answer.text, answer.headers["Content-Type"]) == (200, "Healthy", "text/plain")


def test_the_pricing_services_have_health_addresses_of_their_own(demo: RunningDemo) -> None:
    assert demo.get("/pricingagent/api/pricing-agent/health").json()["status"] == "healthy"
    assert demo.get("/pricing-ml/api/pricing/health").json()["status"] == "healthy"
    assert demo.get("/nobody/health").status_code == 404


def test_a_slow_service_does_its_work_after_a_while_and_is_degraded(demo: RunningDemo, inside: dict[str, str]) -> None:
    demo.tell("notificationservice", "slow", seconds=0.4)
    began = time.monotonic()
    assert demo.post(INSIDE, MAIL, headers=inside).status_code == 200
    assert 0.4 <= time.monotonic() - began < 10
    assert sent(demo) == 1
    answer = demo.get("/notificationservice/health")
    assert (answer.status_code, answer.text) == (200, "Degraded")


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_failing_service_says_so_and_does_nothing(demo: RunningDemo, inside: dict[str, str], status: int) -> None:
    demo.tell("notificationservice", "failing", status=status)
    answer = demo.post(INSIDE, MAIL, headers=inside)
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json")
    assert ("Retry-After" in answer.headers) == (status != 500)
    assert sent(demo) == 0
    health = demo.get("/notificationservice/health")
    assert (health.status_code, health.text) == (503, "Unhealthy")


def test_of_a_service_that_is_down_only_the_proxy_answers(demo: RunningDemo, inside: dict[str, str]) -> None:
    demo.tell("notificationservice", "down")
    assert (demo.post(INSIDE, MAIL, headers=inside).status_code, sent(demo)) == (503, 0)
    assert demo.get("/notificationservice/health").status_code == 503


def test_a_service_that_cuts_the_line_has_done_it_and_nobody_can_know(
    demo: RunningDemo, inside: dict[str, str]
) -> None:
    demo.tell("notificationservice", "cut")
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        demo.post(INSIDE, MAIL, headers=inside)
    assert sent(demo) == 1
    with pytest.raises(http.NoAnswer) as cut:
        http.ask(http.Request("POST", demo.address + INSIDE, 10, body=MAIL, headers=inside))
    assert cut.value.was_sent


def test_one_service_breaks_alone_and_works_again_when_told(demo: RunningDemo) -> None:
    demo.tell("authservice", "down")
    assert demo.get("/gateway/health").status_code == 200
    demo.tell("authservice", "normal")
    assert demo.get("/authservice/health").text == "Healthy"


def test_a_fault_ends_at_its_time(demo: RunningDemo) -> None:
    demo.tell("gateway", "down", until="2020-01-01T00:00:00Z")
    assert demo.get("/gateway/health").status_code == 200
    demo.tell("gateway", "down", minutes=1)
    assert demo.get("/gateway/health").status_code == 503
    demo.rows("okla", "UPDATE faults SET until = now() + interval '0.3 s'")
    assert eventually(lambda: demo.get("/gateway/health").status_code == 200, 30)


def test_a_slow_service_does_not_hold_up_the_others(demo: RunningDemo) -> None:
    demo.tell("gateway", "slow", seconds=60)
    with pytest.raises(requests.Timeout):
        requests.get(demo.address + "/gateway/health", timeout=0.3)
    began = time.monotonic()
    assert demo.get("/authservice/health").status_code == 200
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("order", "field"),
    [
        ({"service": "nobody", "mode": "down"}, "service"),
        ({"service": "gateway", "mode": "odd"}, "mode"),
        ({"service": "gateway", "mode": "slow", "seconds": 301}, "seconds"),
        ({"service": "gateway", "mode": "failing", "status": 200}, "status"),
        ({"service": "gateway", "mode": "down", "until": "tomorrow"}, "until"),
        ({"service": "gateway", "mode": "down", "minutes": 0}, "minutes"),
        ({"service": "gateway", "mode": "down", "odd": 1}, "odd"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused_by_field(demo: RunningDemo, order: dict[str, Any], field: str) -> None:
    answer = demo.post("/faults", order)
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == [field]


def test_what_the_services_do_at_present_can_be_asked(demo: RunningDemo) -> None:
    demo.tell("gateway", "failing", status=500)
    told = demo.get("/faults").json()
    assert list(told) == list(SERVICES)
    assert told["gateway"] == {"mode": "failing", "seconds": 5.0, "status": 500, "until": None}
    assert told["authservice"]["mode"] == "normal"


def test_every_exchange_is_kept_without_its_keys(demo: RunningDemo, inside: dict[str, str]) -> None:
    demo.post(INSIDE, MAIL, headers=inside)
    demo.get("/gateway/api/unknown?a=1", headers={"Authorization": "Bearer hush"})
    kept = demo.rows("okla", "SELECT service, method, path, status, body, answer FROM requests ORDER BY id")
    assert [row[:4] for row in kept] == [
        ("notificationservice", "POST", INSIDE, 200),
        ("gateway", "GET", "/gateway/api/unknown?a=1", 404),
    ]
    assert '"subject": "Hola"' in kept[0][4] and '"status": "Sent"' in kept[0][5]
    assert inside["X-Internal-Api-Key"] not in str(kept) and "hush" not in str(kept)


def test_only_the_newest_are_kept(demo: RunningDemo, inside: dict[str, str]) -> None:
    demo.rows("okla", "INSERT INTO requests (service, method, path, body, status, answer, fault, milliseconds)"
              " SELECT 'gateway', 'GET', '/', '', 200, '', 'normal', 1 FROM generate_series(1, 5100)")  # fmt: skip
    demo.rows("okla", "INSERT INTO emails (recipient, subject, body, is_html, status)"
              " SELECT 'a@b', 's', 'b', true, 'Sent' FROM generate_series(1, 5100)")  # fmt: skip
    demo.post(INSIDE, MAIL, headers=inside)
    assert demo.rows("okla", "SELECT (SELECT count(*) FROM requests), (SELECT count(*) FROM emails)") == [
        (5_000, 5_000)
    ]
