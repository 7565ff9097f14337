"""Callers of the API in each role, and how a problem looks. Jobs and executions: `tests.factories`."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from celery import current_app
from django.contrib.auth.models import Group
from django.test import Client

from executions import accounting, turn
from executions.rollups import background
from scheduler_project.identity.models import ApiToken, User

API = "/api/scheduler"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long ones first, so that no process is left with one at the end."""
    items.sort(key=lambda item: item.get_closest_marker("journey") is None)


class Caller:
    """Somebody with an API token, or without one, who speaks JSON. Paths are below /api/scheduler."""

    def __init__(self, user: User | None = None) -> None:
        self.user = user
        # An error in a view is an answer here, as it is for a caller; tests that expect none look at the status.
        self.client = Client(raise_request_exception=False)
        self.headers = {"Authorization": f"Token {ApiToken.issue(owner=user, name='test')[1]}"} if user else {}

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """`body`: a value to send as JSON, or bytes to send as they are. `If_Match="…"` gives that header."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        content_type = named.pop("Content-Type", "application/json")
        url = path if path.startswith(("/api", "/health")) else API + path
        return self.client.generic(method, url, data, content_type=content_type, headers={**self.headers, **named})

    def get(self, path: str, **headers: str) -> Any:
        return self.ask("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.ask("POST", path, body, **headers)

    def put(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.ask("PUT", path, body, **headers)

    def patch(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.ask("PATCH", path, body, **headers)

    def delete(self, path: str, **headers: str) -> Any:
        return self.ask("DELETE", path, **headers)


@pytest.fixture
def api(db: None) -> Caller:
    """An admin."""
    return Caller(User.objects.create_superuser("somebody"))


@pytest.fixture
def caller_in(db: None) -> Callable[[str], Caller]:
    """A caller in the role of that name; "nobody" has no role, "stranger" no identity."""

    def make(role: str) -> Caller:
        if role == "stranger":
            return Caller()
        user = User.objects.create_user(f"a-{role}")
        if role != "nobody":
            user.groups.add(Group.objects.get_or_create(name=role)[0])
        return Caller(user)

    return make


@pytest.fixture(autouse=True)
def nothing_was_done_yet_but_in_the_background(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test's first turn of the schedule does all that a process's first one does, whatever ran before it.

    Save what runs in threads: they write by connections of their own, which no test's transaction takes back.
    """
    actions = (accounting.check_in_background, background.fold_in_background)
    monkeypatch.setattr(turn, "_last_done", {turn.name(each): time.monotonic() for each in actions})


@pytest.fixture
def broker_at() -> Iterator[Callable[[str], None]]:
    """Points this process at another broker for one test."""
    configuration: Any = current_app.conf
    before = configuration.broker_url

    def point(url: str) -> None:
        configuration.broker_url = configuration.broker_write_url = url

    yield point
    point(before)


@pytest.fixture
def deaf_broker(broker_at: Callable[[str], None]) -> Iterator[None]:
    """A broker that takes calls and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        broker_at(f"redis://127.0.0.1:{server.getsockname()[1]}/0")
        yield


def assert_problem(response: Any, status: int, code: str, *fields: str) -> dict[str, Any]:
    """The answer is a problem of this status and code that names exactly these fields; returns its body."""
    body: dict[str, Any] = json.loads(response.content)
    assert (response.status_code, body.get("errorCode")) == (status, code), body
    assert response["Content-Type"] == "application/problem+json"
    assert body["status"] == status
    assert body["type"] and body["title"] and body["detail"] and body["instance"].startswith("/")
    assert body["traceId"] == response["X-Correlation-Id"]
    assert sorted(body.get("errors", {})) == sorted(fields), body
    assert all(sentence for sentences in body.get("errors", {}).values() for sentence in sentences)
    return body
