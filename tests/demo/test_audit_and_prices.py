"""AuditService, PricingAgent and its twin of the demo, asked over HTTP as OKLA.md §3 and §4 have them."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.demo.demo_process import RunningDemo

AUDIT = "/auditservice/api/audit"
ENTRY = {
    "userId": "system", "action": "BACKUP", "resource": "scheduler.jobs", "userIp": "127.0.0.1", "userAgent": "System",
    "additionalData": {"jobId": "0f8fad5b-d9cb-469f-a165-70867728950e"}, "success": True, "severity": 2,
    "serviceName": "SchedulerService", "correlationId": "0f8fad5b-d9cb", "durationMs": 12,
}  # fmt: skip
QUICK = "/pricingagent/api/pricing-agent/quick-check"
PREDICT = "/pricing-ml/api/pricing/predict"
ASKED = {"make": "Toyota", "model": "Corolla", "year": 2021, "mileage": 35_000, "condition": "used"}
Bearer = Callable[..., dict[str, str]]


def test_an_entry_is_taken_with_a_token_only(demo: RunningDemo, bearer: Bearer) -> None:
    assert demo.post(AUDIT, ENTRY).status_code == 401
    answer = demo.post(AUDIT, ENTRY, headers=bearer())
    assert answer.status_code == 201
    told = answer.json()
    assert told["success"] and told["data"] and told["error"] is None and told["timestamp"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"userId": ""}, "userId"),
        ({"action": "BACK-UP"}, "action"),
        ({"resource": "jobs/0f8fad5b"}, "resource"),
        ({"userIp": "::1"}, "userIp"),
        ({"userIp": "256.0.0.1"}, "userIp"),
        ({"userAgent": "x" * 501}, "userAgent"),
        ({"serviceName": "Scheduler Service"}, "serviceName"),
        ({"correlationId": "a_b"}, "correlationId"),
        ({"severity": 6}, "severity"),
        ({"success": False}, "errorMessage"),
        ({"success": False, "errorMessage": "x" * 1_001}, "errorMessage"),
        ({"additionalData": {"a": None}}, "additionalData"),
        ({"additionalData": {str(number): 1 for number in range(51)}}, "additionalData"),
        ({"additionalData": {"k" * 101: 1}}, "additionalData"),
    ],
)
def test_an_entry_that_breaks_a_rule_is_refused_in_the_same_form(
    demo: RunningDemo, bearer: Bearer, change: dict[str, Any], named: str
) -> None:
    answer = demo.post(AUDIT, {**ENTRY, **change}, headers=bearer())
    assert answer.status_code == 400
    assert answer.json()["success"] is False
    assert named in answer.json()["error"]


def test_full_ipv6_and_a_failure_with_its_message_are_taken(demo: RunningDemo, bearer: Bearer) -> None:
    entry = {**ENTRY, "userIp": "2001:db8:0:0:0:0:0:1", "success": False, "errorMessage": "it broke"}
    assert demo.post(AUDIT, entry, headers=bearer()).status_code == 201


def test_a_price_is_the_same_at_every_question_in_both_currencies(demo: RunningDemo) -> None:
    first, second = (demo.get(QUICK, params=ASKED).json() for _ in range(2))
    price = {name: value for name, value in first.items() if name != "latencyMs"}
    assert price == {name: value for name, value in second.items() if name != "latencyMs"}
    assert price["precioSugeridoDop"] == pytest.approx(price["precioSugeridoUsd"] * 58.5, abs=1)
    assert price["precioMinimoDop"] < price["precioSugeridoDop"] < price["precioMaximoDop"]
    assert 5_000 < price["precioSugeridoUsd"] < 40_000


def test_a_price_falls_with_age_and_mileage_and_stays_above_nothing(demo: RunningDemo) -> None:
    def usd(**change: Any) -> float:
        return float(demo.get(QUICK, params={**ASKED, **change}).json()["precioSugeridoUsd"])

    assert usd(year=2018) < usd() < usd(mileage=5_000) < usd(mileage=5_000, condition="new")
    assert usd(year=1990, mileage=900_000) > 1_000
    assert usd(make="Unheard", model="Of") > 1_000


def test_the_twin_says_the_same_price_in_its_own_words(demo: RunningDemo) -> None:
    agent = demo.get(QUICK, params=ASKED).json()
    twin = demo.post(PREDICT, ASKED).json()
    assert twin["suggested_price_usd"] == agent["precioSugeridoUsd"]
    assert twin["suggested_price_dop"] == agent["precioSugeridoDop"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"make": ""}, "make"),
        ({"model": "x" * 101}, "model"),
        ({"year": 1989}, "year"),
        ({"year": "new"}, "year"),
        ({"mileage": -1}, "mileage"),
        ({"condition": "Salvage"}, "condition"),
    ],
)
def test_a_question_that_breaks_a_rule_is_refused_by_field(
    demo: RunningDemo, change: dict[str, Any], field: str
) -> None:
    answer = demo.get(QUICK, params={**ASKED, **change})
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == [field]


def test_the_twin_refuses_as_fastapi_does(demo: RunningDemo) -> None:
    answer = demo.post(PREDICT, {"make": "Toyota", "year": 2021, "mileage": -1})
    assert answer.status_code == 422
    assert {fault["loc"][0] for fault in answer.json()["detail"]} == {"model", "mileage"}
