"""Market prices over real sockets: an answer that is a price, or an error that says what to do about it."""

import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_httpserver import HTTPServer

from jobs.gateways import pricing
from jobs.gateways.errors import NotConfigured
from jobs.gateways.http import Answer
from jobs.gateways.pricing import (
    MarketPrice,
    MarketPrices,
    PriceQuestion,
    PricingAgent,
    PricingError,
    PricingMl,
    UnusablePrice,
)
from tests.jobs.gateways.conftest import RawServer, Retries, saying, wait_for_hang_up

QUESTION = PriceQuestion(make="Mercedes-Benz", model="C 300 & más", year=2024, mileage=25_000)
QUICK = 0.4  # seconds
AGENT, ML = "/api/pricing-agent/quick-check", "/api/pricing/predict"

pytestmark = pytest.mark.usefixtures("without_pauses")


def agent(url: str) -> PricingAgent:
    return PricingAgent(url, timeout_seconds=5)


def refusal(gateway: MarketPrices) -> PricingError:
    with pytest.raises(PricingError) as fault:
        gateway.ask(QUESTION)
    return fault.value


# --- What is asked and understood ------------------------------------------------------------------------------------
def test_the_agent_is_asked_by_its_contract(httpserver: HTTPServer) -> None:
    asked = {"make": "Mercedes-Benz", "model": "C 300 & más", "year": "2024", "mileage": "25000", "condition": "used"}
    answer = {"precioMinimoDop": 1, "precioSugeridoDop": 2_450_000.125, "precioSugeridoUsd": 41_880, "confianza": 0.8}
    httpserver.expect_request(AGENT, method="GET", query_string=asked).respond_with_json(answer)
    price = agent(httpserver.url_for("")).ask(QUESTION)
    assert price == MarketPrice(dop=Decimal("2450000.12"), usd=Decimal("41880.00"), confidence=Decimal("0.8"))


@pytest.mark.parametrize("condition", ["new", "certified"])
def test_a_vehicle_that_is_not_used_is_asked_about_as_what_it_is(httpserver: HTTPServer, condition: str) -> None:
    question = replace(QUESTION, condition=condition)
    httpserver.expect_request(AGENT).respond_with_json({"precioSugeridoDop": 1})
    agent(httpserver.url_for("")).ask(question)
    assert httpserver.log[0][0].args["condition"] == condition
    assert str(question).endswith(f"25000 km, {condition}")


@pytest.mark.parametrize("confidence", [None, "0.8", True, -0.1, 1.1, 82])
def test_a_confidence_that_is_no_share_of_one_spoils_no_price(httpserver: HTTPServer, confidence: Any) -> None:
    httpserver.expect_request(AGENT).respond_with_json({"precioSugeridoDop": 1, "confianza": confidence})
    assert agent(httpserver.url_for("")).ask(QUESTION) == MarketPrice(dop=Decimal(1))


def test_its_twin_is_asked_by_its_contract(httpserver: HTTPServer) -> None:
    asked = {"make": "Mercedes-Benz", "model": "C 300 & más", "year": 2024, "mileage": 25_000, "condition": "used"}
    answer = {"suggested_price_dop": 2_450_000, "suggested_price_usd": 41_880.5}
    httpserver.expect_request(ML, method="POST", json=asked).respond_with_json(answer)
    price = PricingMl(httpserver.url_for("")).ask(QUESTION)
    assert price == MarketPrice(dop=Decimal(2_450_000), usd=Decimal("41880.50"))


def test_each_currency_has_its_own_price_and_others_have_none() -> None:
    price = MarketPrice(dop=Decimal(58), usd=Decimal(1))
    assert price.by_currency == {"DOP": Decimal(58), "USD": Decimal(1)}
    assert MarketPrice(usd=Decimal(1)).by_currency == {"USD": Decimal(1)}


@pytest.mark.parametrize(
    ("body", "price"),
    [
        ('{"precioSugeridoDop": 1}', MarketPrice(dop=Decimal(1))),
        ('{"precioSugeridoDop": null, "precioSugeridoUsd": 9e2}', MarketPrice(usd=Decimal(900))),
        ('{"precioSugeridoDop": 1000000000000}', MarketPrice(dop=Decimal(10) ** 12)),
        ('{"precioSugeridoDop": 0.01, "else": [1]}', MarketPrice(dop=Decimal("0.01"))),
        ('{"precioSugeridoDop": 123456789.99}', MarketPrice(dop=Decimal("123456789.99"))),
    ],
)
def test_a_price_is_understood_to_the_cent(httpserver: HTTPServer, body: str, price: MarketPrice) -> None:
    httpserver.expect_request(AGENT).respond_with_data(body)
    assert agent(httpserver.url_for("")).ask(QUESTION) == price


@pytest.mark.parametrize(
    "body",
    [
        '{"precioSugeridoDop": -1}', '{"precioSugeridoDop": 0}', '{"precioSugeridoDop": 0.001}',
        '{"precioSugeridoDop": NaN}', '{"precioSugeridoDop": Infinity}', '{"precioSugeridoDop": -Infinity}',
        '{"precioSugeridoDop": 1e13}', '{"precioSugeridoDop": 1e999}', '{"precioSugeridoDop": 1e999999999999999999999}',
        '{"precioSugeridoDop": 1' + "0" * 400 + "}", '{"precioSugeridoDop": 1' + "0" * 9_000 + "}",
        '{"precioSugeridoDop": "2450000"}', '{"precioSugeridoDop": true}', '{"precioSugeridoDop": [1]}',
        '{"precioSugeridoDop": {}}', '{"precioSugeridoDop": 5, "precioSugeridoUsd": -1}',
        '{"precioSugeridoDop": null, "precioSugeridoUsd": null}', "{}", "[]", "1", "null", "", "<html>", "{not json",
        '{"a":' * 20_000, "\xff\xfe\x00", '{"suggested_price_dop": 5}',
    ],
)  # fmt: skip
def test_an_answer_that_is_no_price_spoils_only_its_own_question(httpserver: HTTPServer, body: str) -> None:
    httpserver.expect_request(AGENT).respond_with_data(body.encode("latin-1"))
    fault = refusal(agent(httpserver.url_for("")))
    assert isinstance(fault, UnusablePrice) and fault.permanent
    assert len(httpserver.log) == 1


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5), st.lists)


@given(st.dictionaries(st.sampled_from(["precioSugeridoDop", "precioSugeridoUsd", "x"]), JSON) | JSON)
def test_whatever_comes_is_a_price_or_a_refusal(value: Any) -> None:
    answer = Answer(200, {}, json.dumps(value).encode(), 1)
    try:
        price = pricing.price_in(answer, dop="precioSugeridoDop", usd="precioSugeridoUsd")
    except UnusablePrice:
        return
    found = [amount for amount in (price.dop, price.usd) if amount is not None]
    assert found and all(0 < amount <= pricing.PRICE_MAX and amount.is_finite() for amount in found)


# --- What the service refuses ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("status", [400, 404, 422])
def test_a_vehicle_that_it_does_not_know_has_no_price(httpserver: HTTPServer, status: int) -> None:
    httpserver.expect_request(AGENT).respond_with_json({"title": "t", "detail": "El año no existe"}, status)
    fault = refusal(agent(httpserver.url_for("")))
    assert isinstance(fault, UnusablePrice)
    assert f"HTTP {status}: El año no existe" in str(fault)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ('{"title": "Not Found", "status": 404}', "application/problem+json; charset=utf-8"),
        ('{"error": "no such model"}', "application/json"),
        ('{"success": false, "error": {"message": "no such model"}}', "application/json"),
        ('{"detail": [{"loc": ["body", "year"], "msg": "too old"}]}', "application/json"),
        ('{"title": "t", "errors": {"year": ["too old"]}}', "application/json"),
    ],
)
def test_a_refusal_in_any_of_the_services_shapes_is_about_the_vehicle(
    httpserver: HTTPServer, body: str, content_type: str
) -> None:
    httpserver.expect_request(AGENT).respond_with_data(body, 404, content_type=content_type)
    assert isinstance(refusal(agent(httpserver.url_for(""))), UnusablePrice)


@pytest.mark.parametrize("status", [400, 404, 422])
@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("<html>404 Not Found</html>", "text/html"),
        ("404 page not found", "text/plain"),
        ("", "application/problem+json"),
        ('["error"]', "application/json"),
        ("{}", "application/json"),
        ('{"message": "no Route matched"}', "application/json"),
        ('{"detail": "Not Found"}', "application/json"),
    ],
)
@pytest.mark.parametrize("gateway", [PricingAgent, PricingMl])
def test_an_address_at_which_somebody_else_answers_is_no_vehicle_without_a_price(
    httpserver: HTTPServer, gateway: Any, status: int, body: str, content_type: str
) -> None:
    """At a wrong address every vehicle was “unusable” and the run succeeded."""
    httpserver.expect_request(AGENT if gateway is PricingAgent else ML).respond_with_data(
        body, status, content_type=content_type
    )
    fault = refusal(gateway(httpserver.url_for("")))
    assert fault.permanent and not isinstance(fault, UnusablePrice)
    assert f"HTTP {status}" in str(fault) and "ServiceUrls__PricingAgent" in str(fault)


def test_an_address_that_is_none_is_to_be_mended(retries: Retries) -> None:
    fault = refusal(agent("http://[::1"))
    assert fault.permanent and "ServiceUrls__PricingAgent" in str(fault)
    assert retries.count == 0


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("headers", "seconds"), [({"Retry-After": "7"}, 7.0), ({}, None), ({"Retry-After": "soon"}, None)]
)
def test_not_now_is_told_at_once_with_the_pause_that_it_wants(
    httpserver: HTTPServer, status: int, headers: dict[str, str], seconds: float | None
) -> None:
    httpserver.expect_request(AGENT).respond_with_data("", status, headers)
    fault = refusal(agent(httpserver.url_for("")))
    assert (fault.permanent, fault.retry_after_seconds) == (False, seconds)
    assert not isinstance(fault, UnusablePrice)
    assert len(httpserver.log) == 1


@pytest.mark.parametrize(
    ("status", "is_permanent"), [(500, False), (502, False), (504, False), (401, True), (403, True), (405, True)]
)
def test_other_refusals_are_the_services(httpserver: HTTPServer, status: int, is_permanent: bool) -> None:
    httpserver.expect_request(AGENT).respond_with_data("", status)
    fault = refusal(agent(httpserver.url_for("")))
    assert (fault.permanent, isinstance(fault, UnusablePrice)) == (is_permanent, False)
    assert len(httpserver.log) == 1
    assert not is_permanent or "ServiceUrls__PricingAgent" in str(fault)


def test_a_redirect_is_not_followed(httpserver: HTTPServer) -> None:
    httpserver.expect_request(AGENT).respond_with_data("", 302, {"Location": httpserver.url_for("/elsewhere")})
    assert refusal(agent(httpserver.url_for(""))).permanent
    assert len(httpserver.log) == 1


# --- What broken peers do --------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "behave",
    [
        wait_for_hang_up,
        saying(b""),
        saying(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"precioSugeridoDop": 5}'),
        saying(b"garbage\r\n\r\n"),
    ],
    ids=["silence", "hangs up", "half an answer", "garbage"],
)
@pytest.mark.parametrize("gateway", [PricingAgent, PricingMl])
def test_a_question_that_may_have_arrived_is_not_asked_twice(
    raw_server: Callable[..., RawServer], behave: Any, gateway: Any
) -> None:
    server = raw_server(behave)
    fault = refusal(gateway(server.url, timeout_seconds=QUICK))
    assert not fault.permanent and not isinstance(fault, UnusablePrice)
    assert len(server.seen) == 1


def test_an_endless_answer_is_no_price(raw_server: Callable[..., RawServer]) -> None:
    def pour(connection: Any) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(b"[" * 65_536)

    fault = refusal(PricingAgent(raw_server(pour).url, timeout_seconds=5))
    assert isinstance(fault, UnusablePrice) and "longer than 65536 bytes" in str(fault)


def test_a_service_that_cannot_be_reached_is_tried_twice(free_port: int, retries: Retries) -> None:
    fault = refusal(agent(f"http://127.0.0.1:{free_port}"))
    assert not fault.permanent and "did not answer" in str(fault)
    assert retries.count == 1


# --- Which one is asked ----------------------------------------------------------------------------------------------
def test_the_agent_goes_before_its_twin() -> None:
    assert pricing.of(agent_url="http://a", ml_url="http://b") == PricingAgent("http://a")
    assert pricing.of(agent_url="", ml_url="http://b") == PricingMl("http://b")
    for url in ("http://a", ""):
        pricing.of(agent_url=url, ml_url="http://b").check()


def test_without_either_it_names_the_variables() -> None:
    nobody = pricing.of(agent_url="", ml_url="")
    for use in (nobody.check, lambda: nobody.ask(QUESTION)):
        with pytest.raises(NotConfigured, match="ServiceUrls__PricingAgent or ServiceUrls__PricingMlService") as fault:
            use()
        assert fault.value.permanent
