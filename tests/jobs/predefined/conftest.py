"""The neighbours of a job under test: a NotificationService and a market-price service that do as they are told."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from tests.okla import Okla

FAST = {"requestsPerSecond": 1_000}  # of SyncVehiclePricesJob


@pytest.fixture
def schema(every_schema: str) -> str:
    """What a predefined job does holds for the tables of every mapping."""
    return every_schema


@dataclass
class NotificationPeer:
    """Speaks NotificationService's contract and writes down what it took. `answers`: by recipient, else `answer`."""

    answer: Response | Callable[[], Response] | None = None
    answers: dict[str, Callable[[], Response]] = field(default_factory=dict)
    asked: list[dict[str, Any]] = field(default_factory=list)
    sent: list[dict[str, Any]] = field(default_factory=list)
    alerts: list[dict[str, Any]] = field(default_factory=list)

    def email(self, request: Request) -> Response:
        mail = json.loads(request.data)
        self.asked.append(mail)
        answer = self.answers.get(mail["to"])
        if answer:
            return answer()
        self.sent.append(mail)
        return saying("Sent")

    def admin_alert(self, request: Request) -> Response:
        self.alerts.append(json.loads(request.data))
        return Response(json.dumps({"success": True}), content_type="application/json")

    @property
    def recipients(self) -> list[str]:
        return sorted(mail["to"] for mail in self.sent)


def saying(status: str, code: int = 200) -> Response:
    body = {"notificationId": "8d6d3a2e-0000-4000-8000-000000000001", "status": status, "message": status}
    return Response(json.dumps(body), code, content_type="application/json")


@pytest.fixture(scope="session")
def make_httpserver() -> Iterator[HTTPServer]:
    """One that answers several at a time: a run may come while another one is being answered."""
    with HTTPServer(host="127.0.0.1", port=0, threaded=True) as server:
        yield server


@pytest.fixture
def notifications(httpserver: HTTPServer, configured: Callable[..., None]) -> Iterator[NotificationPeer]:
    """The gateways pointed at a NotificationService."""
    peer = NotificationPeer()
    httpserver.expect_request("/api/internal/notifications/email", method="POST").respond_with_handler(peer.email)
    httpserver.expect_request("/api/notifications/admin-alert", method="POST").respond_with_handler(peer.admin_alert)
    configured(
        SCHEDULER_NOTIFICATION_SERVICE_URL=httpserver.url_for("").rstrip("/"),
        SCHEDULER_INTERNAL_API_KEY="an-internal-key",
        SCHEDULER_JWT={"key": "a key of at least thirty-two letters", "issuer": "OkApp", "audience": "OKLA"},
        SCHEDULER_SMTP_URL="",
    )
    yield peer


@dataclass
class Market:
    """Says what each model costs; `scripted` answers come first, one a question. `before` is called with each."""

    asked: list[dict[str, str]] = field(default_factory=list)
    before: Callable[[], object] = lambda: None
    scripted: list[Response] = field(default_factory=list)
    by_model: dict[str, Response] = field(default_factory=dict)

    def answer(self, request: Request) -> Response:
        self.before()
        self.asked.append(dict(request.args))
        if self.scripted:
            return self.scripted.pop(0)
        return self.by_model.get(request.args["model"]) or price(1_170_000, 20_000)

    @property
    def models(self) -> list[str]:
        return [question["model"] for question in self.asked]


def price(dop: Any, usd: Any, **more: Any) -> Response:
    return Response(
        json.dumps({"precioSugeridoDop": dop, "precioSugeridoUsd": usd, **more}), content_type="application/json"
    )


@pytest.fixture
def market(httpserver: HTTPServer, configured: Callable[..., None], okla: Okla) -> Market:
    """The gateways pointed at a market-price service."""
    market = Market()
    httpserver.expect_request("/api/pricing-agent/quick-check").respond_with_handler(market.answer)
    configured(SCHEDULER_PRICING_AGENT_URL=httpserver.url_for("").rstrip("/"), SCHEDULER_PRICING_ML_URL="")
    return market
