"""OKLA's HTTP services as the crash tests need them: they count what really reached them."""

import json
import logging
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

DOP_PER_USD = 60
# What the service answers for an address instead of sending.
NO_CONSENT, NO_ANSWER = "no-consent", "no-answer"


@dataclass
class Peers:
    """NotificationService, the market's prices and the health of services, at one address."""

    mails: Counter[str] = field(default_factory=Counter)  # recipient -> how many reached him
    alerts: Counter[str] = field(default_factory=Counter)  # title -> how many reached the administrators
    ill: set[str] = field(default_factory=set)
    questions: Counter[str] = field(default_factory=Counter)  # model -> how often it was asked about
    url: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def forget(self) -> None:
        for counted in (self.mails, self.alerts, self.questions):
            counted.clear()
        self.ill.clear()

    @property
    def settings(self) -> dict[str, Any]:
        """Of the service, to find them."""
        return {
            "SCHEDULER_NOTIFICATION_SERVICE_URL": self.url,
            "SCHEDULER_INTERNAL_API_KEY": "an-internal-key",
            "SCHEDULER_JWT": {"key": "a key of at least thirty-two letters", "issuer": "OkApp", "audience": "OKLA"},
            "SCHEDULER_SMTP_URL": "",
            "SCHEDULER_PRICING_AGENT_URL": self.url,
            "SCHEDULER_PRICING_ML_URL": "",
        }

    def email(self, request: Request) -> Response:
        """Counted before it is answered: who is killed while he waits for the answer has sent it."""
        to = str(json.loads(request.data)["to"])
        if to.startswith(NO_CONSENT):
            return _json(notificationId="-", status="ConsentBlocked", message="-")
        with self._lock:
            self.mails[to] += 1
        if to.startswith(NO_ANSWER):
            return Response("the gateway in between has given up", 502)
        return _json(notificationId="-", status="Sent", message="-")

    def admin_alert(self, request: Request) -> Response:
        with self._lock:
            self.alerts[str(json.loads(request.data)["title"])] += 1
        return _json(success=True)

    def price(self, request: Request) -> Response:
        with self._lock:
            self.questions[request.args["model"]] += 1
        dop = price_of(request.args["model"])
        return _json(precioSugeridoDop=float(dop), precioSugeridoUsd=float(dop / DOP_PER_USD))

    def health(self, request: Request) -> Response:
        is_ill = request.path.rpartition("/")[2] in self.ill
        return Response("Unhealthy" if is_ill else "Healthy", 503 if is_ill else 200)


def price_of(model: str) -> Decimal:
    """In DOP; models are numbered: "Model 7"."""
    return Decimal(600_000) + 6_000 * int(model.rpartition(" ")[2])


@contextmanager
def serving() -> Iterator[Peers]:
    peers = Peers()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line for each request is too many
    with HTTPServer(host="127.0.0.1", port=0, threaded=True) as server:
        peers.url = server.url_for("").rstrip("/")
        for path, answer in {
            "/api/internal/notifications/email": peers.email,
            "/api/notifications/admin-alert": peers.admin_alert,
            "/api/pricing-agent/quick-check": peers.price,
        }.items():
            server.expect_request(path).respond_with_handler(answer)
        for name in ("a", "b", "c"):
            server.expect_request(f"/health/{name}").respond_with_handler(peers.health)
        yield peers


def _json(**fields: Any) -> Response:
    return Response(json.dumps(fields), content_type="application/json")
