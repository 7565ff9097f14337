"""Services' health endpoints: one question, one answer, within its time, whatever the other side does."""

import json
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError, ReadTimeoutError

# OKLA's services answer with one word or a small JSON object; more is not read.
ANSWER_MAX_BYTES = 16_384
HEALTHY, DEGRADED, UNHEALTHY, UNREACHABLE = "Healthy", "Degraded", "Unhealthy", "Unreachable"


@dataclass(frozen=True)
class Health:
    """What one service said. `is_healthy` is judged by HTTP 2xx alone; the word is for people."""

    service: str
    url: str
    status: str
    is_healthy: bool
    http_status: int | None
    milliseconds: int
    error: str | None = None


@dataclass(frozen=True)
class HealthTargets:
    """`addresses` redirects a service by name to another URL than the template gives."""

    addresses: Mapping[str, str] = field(default_factory=dict)

    def url_of(self, service: str, template: str) -> str:
        return self.addresses.get(service) or template.replace("{service}", service)

    def ask(self, service: str, *, url: str, timeout_seconds: float) -> Health:
        """Ask once. Never raises: a service that cannot be reached is an answer too."""
        began = time.monotonic()
        http_status, status, error = None, UNREACHABLE, None
        deadline = _Deadline(timeout_seconds)
        try:
            with requests.Session() as session:
                session.trust_env = False
                session.mount("http://", deadline)
                session.mount("https://", deadline)
                with (
                    deadline,
                    session.get(url, timeout=timeout_seconds, stream=True, allow_redirects=False) as response,
                ):
                    http_status = response.status_code
                    body = _read(response, until=began + timeout_seconds)
                    if deadline.has_come:  # an answer that was cut may look like a whole one
                        raise requests.Timeout("the answer did not end in time")
                    status = _word(body) or (HEALTHY if response.ok else UNHEALTHY)
        except (requests.RequestException, HTTPError, HTTPException, ValueError, OSError) as fault:
            status, error = UNREACHABLE, _explain(fault, timeout_seconds)
            if deadline.has_come:
                error = _explain(requests.Timeout(), timeout_seconds)
        is_healthy = error is None and http_status is not None and 200 <= http_status < 300
        return Health(
            service=service,
            url=url,
            status=status if is_healthy or status == UNREACHABLE else UNHEALTHY,
            is_healthy=is_healthy,
            http_status=http_status,
            milliseconds=round(1000 * (time.monotonic() - began)),
            error=error or (None if is_healthy else f"HTTP {http_status}"),
        )


class _Deadline(HTTPAdapter):
    """Cuts its connections once the time is up: the timeout of a socket counts anew with every byte that drips in."""

    def __init__(self, seconds: float) -> None:
        self.connections: list[Any] = []
        self.timer = threading.Timer(seconds, self.cut)
        self.timer.daemon = True
        self.has_come = False
        super().__init__()

    def __enter__(self) -> None:
        self.timer.start()

    def __exit__(self, *_fault: object) -> None:
        self.timer.cancel()

    def get_connection_with_tls_context(self, *args: Any, **options: Any) -> Any:
        pool: Any = super().get_connection_with_tls_context(*args, **options)
        opened, plain = self.connections, pool.ConnectionCls

        def connection(*args: Any, **options: Any) -> Any:
            opened.append(plain(*args, **options))
            return opened[-1]

        pool.ConnectionCls = connection
        return pool

    def cut(self) -> None:
        self.has_come = True
        for connection in self.connections:
            with suppress(OSError, AttributeError):  # not open yet, or closed already
                connection.sock.shutdown(socket.SHUT_RDWR)


def _read(response: requests.Response, *, until: float) -> bytes:
    """At most ANSWER_MAX_BYTES, and no longer than `until`: a service that drips must not hold the job."""
    body = b""
    # What has come, not 1,024 bytes: those would be waited for, each with a timeout of its own.
    while len(body) < ANSWER_MAX_BYTES and (part := response.raw.read1(1_024, decode_content=True)):
        body += part
        if time.monotonic() > until:
            raise requests.Timeout("the answer did not end in time")
    return body


def _word(body: bytes) -> str | None:
    """Healthy, Degraded or Unhealthy, from plain text or from JSON's `status`, in any case."""
    text = body.decode(errors="replace").strip()
    if text.startswith("{"):
        try:
            text = str(json.loads(text).get("status", ""))
        except (ValueError, RecursionError):
            return None
    return {word.lower(): word for word in (HEALTHY, DEGRADED, UNHEALTHY)}.get(text.lower())


def _explain(fault: Exception, timeout_seconds: float) -> str:
    if isinstance(fault, requests.Timeout | TimeoutError | ReadTimeoutError):
        return f"no answer within {timeout_seconds:g} s"
    if isinstance(fault, requests.ConnectionError):
        reason = getattr(fault.args[0], "reason", None) if fault.args else None
        return f"no connection: {str(reason or fault).rsplit(': ', 1)[-1][:200]}"
    return f"{type(fault).__name__}: {str(fault)[:200]}"
