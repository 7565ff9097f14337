"""An HTTP question as a trace and the other side's log see it: a span, and headers that say whose it is."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from opentelemetry.trace import Span, SpanKind

from jobs import log_context, trace_context, tracing


@dataclass(frozen=True)
class Call:
    """One that goes on. `headers` are to be sent with it, unless the question has its own."""

    headers: Mapping[str, str]
    span: Span

    def answered(self, status: int) -> None:
        self.span.set_attribute("http.response.status_code", status)
        if status >= 400:
            tracing.fail(self.span, str(status))


@contextmanager
def call(method: str, url: str, *, server_name: str | None = None) -> Iterator[Call]:
    """`server_name`: whom it is for, where the URL holds an address in place of the name."""
    correlation = log_context.sane_correlation_id(log_context.current().get("correlation_id"))
    ours = {log_context.CORRELATION_HEADER: correlation} if correlation else {}
    server = _server(url, server_name) if tracing.is_on() else {}
    with tracing.span(
        f"{method} {server.get('server.address', '')}".strip(),
        kind=SpanKind.CLIENT,
        attributes={"http.request.method": method, **server},
    ) as span:
        yield Call({**ours, **trace_context.headers()}, span)


def _server(url: str, name: str | None) -> dict[str, Any]:
    """No path and no query: in the address of a webhook either may be the secret."""
    try:
        place = urlsplit(url)
        port = place.port or {"http": 80, "https": 443}.get(place.scheme)
        return {"server.address": name or place.hostname or "", **({"server.port": port} if port else {})}
    except ValueError:  # an address that is none: whoever asks is about to say so
        return {}
