"""Real peers of the three channels, and time that passes without anybody waiting for it."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from django.db.models import F
from django.utils import translation
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from executions.enums import AlertRule, Severity
from executions.models import Alert, Notice
from executions.notices import courier
from jobs import gateways
from jobs.clock import database_now
from jobs.models import ScheduledJob
from tests.jobs.gateways.conftest import free_port, without_pauses  # noqa: F401 - fixtures

SECRET = "a secret of the webhook"


@pytest.fixture(autouse=True)
def nothing_configured(settings: Any) -> Iterator[None]:
    """But the addresses of the administrators."""
    settings.SCHEDULER_ALERT_EMAILS = ["admin@okla.com.do"]
    gateways.current.cache_clear()
    yield
    gateways.current.cache_clear()


@dataclass
class Service:
    """NotificationService, asked on its internal route: each e-mail it gets, in order. It can be away."""

    server: HTTPServer
    told: list[dict[str, Any]] = field(default_factory=list)
    tries: int = 0
    answers: Callable[[dict[str, Any]], Response | None] = lambda _email: None

    @property
    def subjects(self) -> list[str]:
        return [email["subject"] for email in self.told]

    def answer(self, request: Request) -> Response:
        self.tries += 1
        email = json.loads(request.data)
        if (answer := self.answers(email)) is not None:
            return answer
        self.told.append(email)
        body = {"notificationId": "1f1b0f7e-3f0a-4a6c-9d7a-000000000001", "status": "Sent", "message": "m"}
        return Response(json.dumps(body), content_type="application/json")


@pytest.fixture
def service(settings: Any, free_port: int) -> Iterator[Service]:  # noqa: F811
    """One that is there; `service.server.stop()` and `start()` make it go and come back at its address."""
    server = HTTPServer("127.0.0.1", free_port)
    service = Service(server)
    server.expect_request("/api/internal/notifications/email").respond_with_handler(service.answer)
    server.start()
    settings.SCHEDULER_NOTIFICATION_SERVICE_URL = f"http://127.0.0.1:{free_port}"
    settings.SCHEDULER_INTERNAL_API_KEY = "secret"
    gateways.current.cache_clear()
    yield service
    if server.is_running():
        server.stop()
    server.clear()


@dataclass
class Hook:
    """Whatever listens to the webhook: each request it gets. `status`: what it answers."""

    got: list[Request] = field(default_factory=list)
    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(request.data) for request in self.got]

    @property
    def deliveries(self) -> list[str]:
        return [request.headers["X-Scheduler-Delivery"] for request in self.got]

    def answer(self, request: Request) -> Response:
        self.got.append(request)
        return Response(status=self.status, headers=self.headers)


@pytest.fixture
def hook(settings: Any, httpserver: HTTPServer) -> Hook:
    hook = Hook()
    httpserver.expect_request("/hook").respond_with_handler(hook.answer)
    settings.SCHEDULER_ALERT_WEBHOOK_URL = httpserver.url_for("/hook")
    settings.SCHEDULER_ALERT_WEBHOOK_SECRET = SECRET
    gateways.current.cache_clear()
    return hook


class Postbox:
    """A mail server's: takes every message but those to addresses that it answers otherwise."""

    def __init__(self) -> None:
        self.contents: list[bytes] = []
        self.replies: dict[str, str] = {}

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:
        if address in self.replies:
            return self.replies[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        self.contents.append(envelope.content)
        return "250 OK"

    @property
    def messages(self) -> list[EmailMessage]:
        return [message_from_bytes(content, policy=policy.default) for content in self.contents]

    @property
    def subjects(self) -> list[str]:
        return [message["Subject"].strip() for message in self.messages]

    @property
    def recipients(self) -> list[str]:
        return [message["To"] for message in self.messages]

    def texts(self) -> list[str]:
        return [message.get_body(("plain",)).get_content().replace("\r\n", "\n") for message in self.messages]


@pytest.fixture
def postbox(settings: Any, free_port: int) -> Iterator[Postbox]:  # noqa: F811
    """Mail goes to a server that listens."""
    postbox = Postbox()
    controller = Controller(postbox, hostname="127.0.0.1", port=free_port)
    controller.start()
    settings.SCHEDULER_SMTP_URL = f"smtp://127.0.0.1:{free_port}"
    gateways.current.cache_clear()
    yield postbox
    controller.stop()


def an_alert(subject: str = "auth", job: ScheduledJob | None = None, **about: Any) -> Alert:
    """Open from now on: said by the job, or about the queue of that name. Nobody has been asked to tell it."""
    rule = AlertRule.JOB if job else AlertRule.NO_WORKER
    about = {"rule": rule, "severity": Severity.ERROR, "message": "HTTP 503", **about}
    return Alert.objects.create(job=job, subject=subject, opened_at=database_now(), **about)


def closed(alert: Alert) -> Alert:
    Alert.objects.filter(pk=alert.pk).update(closed_at=database_now())
    alert.refresh_from_db()
    return alert


def time_passes(seconds: float) -> None:
    """For all notices."""
    names = ("created_at", "next_try_at", "sent_at")
    Notice.objects.update(**{name: F(name) - timedelta(seconds=seconds) for name in names})


def deliver_for(seconds: int, every: int = 5) -> int:
    """As a courier that comes by every few seconds does it; how many messages went out."""
    sent = 0
    for _visit in range(0, seconds, every):
        sent += courier.deliver()
        time_passes(every)
    return sent


def in_both(text: str, **values: Any) -> str:
    """A subject in English and Spanish."""
    texts = []
    for code in ("en", "es"):
        with translation.override(code):
            texts.append(translation.gettext(text) % values)
    return " / ".join(dict.fromkeys(texts))


def states() -> dict[str, int]:
    """How many notices are in each state."""
    found: dict[str, int] = {}
    for state in Notice.objects.values_list("state", flat=True):
        found[state] = found.get(state, 0) + 1
    return found
