"""Market prices of vehicles: OKLA's PricingAgent, or its twin PricingAgent.ML (OKLA.md §4)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from jobs.gateways import http
from jobs.gateways.errors import GatewayError, NotConfigured
from jobs.gateways.problems import fields_of, said_in

TIMEOUT_SECONDS = 20.0  # a language model may be asked behind it
TRIES = 2  # the second only where there was no connection
ANSWER_MAX_BYTES = 65_536
PRICE_MAX = Decimal(10) ** 12
CENT = Decimal("0.01")
USED = "used"
NOT_NOW, NO_PRICE = (408, 425, 429, 503), (400, 404, 422)
VARIABLES = "ServiceUrls__PricingAgent and ServiceUrls__PricingMlService"
OWN_WORDS = ("error", "errors", "detail")
# What FastAPI says of a path that it does not have, at any service built with it.
NO_SUCH_PATH = {"detail": "Not Found"}


class PricingError(GatewayError):
    """No price came. `retry_after_seconds`: how long the service wants to be left alone, where it says so."""

    def __init__(self, message: str, *, permanent: bool = False, retry_after_seconds: float | None = None) -> None:
        super().__init__(message, permanent=permanent)
        self.retry_after_seconds = retry_after_seconds


class UnusablePrice(PricingError):
    """The answer to this one question is no price; others may well have one."""

    def __init__(self, message: str) -> None:
        super().__init__(message, permanent=True)


@dataclass(frozen=True)
class PriceQuestion:
    """`mileage` in kilometres; `condition`: new, certified or used."""

    make: str
    model: str
    year: int
    mileage: int
    condition: str = USED

    def __str__(self) -> str:
        condition = "" if self.condition == USED else f", {self.condition}"
        return f"{self.make} {self.model} {self.year}, {self.mileage} km{condition}"


@dataclass(frozen=True)
class MarketPrice:
    """What such a vehicle is worth, in each currency that the service names; never one reckoned from the other.

    `confidence`: the service's own in its answer, from 0 to 1; None where it says none.
    """

    dop: Decimal | None = None
    usd: Decimal | None = None
    confidence: Decimal | None = None

    @property
    def by_currency(self) -> dict[str, Decimal]:
        known = {"DOP": self.dop, "USD": self.usd}
        return {currency: value for currency, value in known.items() if value is not None}


class MarketPrices(Protocol):
    """Whoever knows prices. One question is one request, tried again only where there was no connection."""

    def check(self) -> None:
        """Raise NotConfigured with the variable to set."""

    def ask(self, question: PriceQuestion) -> MarketPrice:
        """Raises UnusablePrice (there is none for this question), PricingError (the service is at fault)."""


def of(*, agent_url: str, ml_url: str) -> MarketPrices:
    """The agent where it is configured, else its twin, else one that says what to set."""
    if agent_url:
        return PricingAgent(agent_url)
    return PricingMl(ml_url) if ml_url else Unconfigured()


class Unconfigured:
    def check(self) -> None:
        raise NotConfigured("The market-price service", "ServiceUrls__PricingAgent", "ServiceUrls__PricingMlService")

    def ask(self, question: PriceQuestion) -> MarketPrice:
        self.check()
        raise AssertionError("unreachable")


@dataclass(frozen=True)
class PricingAgent:
    url: str
    timeout_seconds: float = TIMEOUT_SECONDS

    def check(self) -> None:
        """Its address is all it needs."""

    def ask(self, question: PriceQuestion) -> MarketPrice:
        request = http.Request(
            "GET",
            f"{self.url.rstrip('/')}/api/pricing-agent/quick-check",
            self.timeout_seconds,
            query=_words(question),
            answer_max_bytes=ANSWER_MAX_BYTES,
        )
        return _ask(request, dop="precioSugeridoDop", usd="precioSugeridoUsd", confidence="confianza")


@dataclass(frozen=True)
class PricingMl:
    url: str
    timeout_seconds: float = TIMEOUT_SECONDS

    def check(self) -> None:
        """Its address is all it needs."""

    def ask(self, question: PriceQuestion) -> MarketPrice:
        request = http.Request(
            "POST",
            f"{self.url.rstrip('/')}/api/pricing/predict",
            self.timeout_seconds,
            body=_words(question),
            answer_max_bytes=ANSWER_MAX_BYTES,
        )
        return _ask(request, dop="suggested_price_dop", usd="suggested_price_usd", confidence="confidence_score")


def price_in(answer: http.Answer, *, dop: str, usd: str, confidence: str = "") -> MarketPrice:
    """What the fields of these names say. Raises UnusablePrice."""
    fields = _fields(answer)
    price = MarketPrice(_price(fields, dop), _price(fields, usd), _confidence(fields.get(confidence)))
    if price.dop is None and price.usd is None:
        raise UnusablePrice(f"The answer names no price: neither {dop} nor {usd}.")
    return price


def _words(question: PriceQuestion) -> dict[str, Any]:
    """Both services know these five by these names."""
    return {
        "make": question.make,
        "model": question.model,
        "year": question.year,
        "mileage": question.mileage,
        "condition": question.condition,
    }


def _ask(request: http.Request, *, dop: str, usd: str, confidence: str) -> MarketPrice:
    try:
        answer = http.ask_patiently(request, again_on=lambda _answer: False, is_repeatable=False, tries=TRIES)
    except http.NoAnswer as fault:
        if fault.permanent:
            said = f"The market-price service could not be asked: {fault}. Look at {VARIABLES}."
            raise PricingError(said, permanent=True) from fault
        raise PricingError(f"The market-price service did not answer: {fault}.") from fault
    if not answer.is_success:
        raise _refusal(answer)
    return price_in(answer, dop=dop, usd=usd, confidence=confidence)


def _refusal(answer: http.Answer) -> PricingError:
    said = f"The market-price service answered HTTP {answer.status}"
    if answer.status in NO_PRICE:
        if _speaks_for_itself(answer):
            return UnusablePrice(f"{said}: {said_in(answer)}")
        return PricingError(f"{said}, and not in the service's own words: look at {VARIABLES}.", permanent=True)
    if answer.status in NOT_NOW:
        return PricingError(f"{said}: not now.", retry_after_seconds=answer.retry_after_seconds)
    if answer.status >= 500:
        return PricingError(f"{said}.")
    return PricingError(f"{said}: look at {VARIABLES}.", permanent=True)


def _speaks_for_itself(answer: http.Answer) -> bool:
    """Whether the service refused a question, by a problem or {error} (OKLA.md §7): at a wrong address all are 404."""
    fields = fields_of(answer)
    is_problem = "problem+json" in answer.headers.get("Content-Type", "").lower()
    return fields != NO_SUCH_PATH and bool(fields) and (is_problem or not fields.keys().isdisjoint(OWN_WORDS))


def _fields(answer: http.Answer) -> Mapping[str, Any]:
    if answer.is_cut:
        raise UnusablePrice(f"The answer is longer than {ANSWER_MAX_BYTES} bytes.")
    try:
        fields = json.loads(answer.body, parse_float=Decimal)
    except (ValueError, RecursionError, ArithmeticError) as fault:
        raise UnusablePrice("The answer is no JSON.") from fault
    if not isinstance(fields, dict):
        raise UnusablePrice("The answer is no JSON object.")
    return fields


def _price(fields: Mapping[str, Any], name: str) -> Decimal | None:
    """None where it is missing or null. One that is no price spoils the other too: such an answer is not trusted."""
    value = fields.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | Decimal):  # NaN and Infinity come as floats
        raise UnusablePrice(f"{name} is no number: {str(value)[:50]!r}.")
    if not CENT <= value <= PRICE_MAX:
        raise UnusablePrice(f"{name} is no price: {str(value)[:50]}.")
    return Decimal(value).quantize(CENT)


def _confidence(value: Any) -> Decimal | None:
    """None also for what is no share of one: the price is none the worse for it."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not 0 <= value <= 1:
        return None
    return Decimal(value)
