"""Services' health endpoints: one question, one answer, within its time, whatever the other side does."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from jobs.gateways import http, pinned
from jobs.gateways.addresses import of_host

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
    """`addresses` redirects a service by name to another URL than the template gives.

    `resolve` gives the addresses of a host and a port; one that nothing of ours may call is not asked.
    """

    addresses: Mapping[str, str] = field(default_factory=dict)
    resolve: pinned.Resolve = of_host

    def url_of(self, service: str, template: str) -> str:
        return self.addresses.get(service) or template.replace("{service}", service)

    def ask(self, service: str, *, url: str, timeout_seconds: float) -> Health:
        """Ask once. Never raises: a service that cannot be reached is an answer too."""
        request = http.Request("GET", url, timeout_seconds, answer_max_bytes=ANSWER_MAX_BYTES)
        try:
            answer = pinned.ask(request, resolve=self.resolve)
        except http.NoAnswer as fault:
            return Health(
                service,
                url,
                UNREACHABLE,
                is_healthy=False,
                http_status=None,
                milliseconds=fault.milliseconds,
                error=str(fault),
            )
        status = _word(answer.body) or HEALTHY
        return Health(
            service=service,
            url=url,
            status=status if answer.is_success else UNHEALTHY,
            is_healthy=answer.is_success,
            http_status=answer.status,
            milliseconds=answer.milliseconds,
            error=None if answer.is_success else f"HTTP {answer.status}",
        )


def _word(body: bytes) -> str | None:
    """Healthy, Degraded or Unhealthy, from plain text or from JSON's `status`, in any case."""
    text = body.decode(errors="replace").strip()
    if text.startswith("{"):
        try:
            text = str(json.loads(text).get("status", ""))
        except (ValueError, RecursionError):
            return None
    return {word.lower(): word for word in (HEALTHY, DEGRADED, UNHEALTHY)}.get(text.lower())
