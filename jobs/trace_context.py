"""Whose span comes next: what is said of it to others (W3C Trace Context), and what others say."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from jobs import tracing

NAMES = ("traceparent", "tracestate")

_w3c = TraceContextTextMapPropagator()


def headers() -> dict[str, str]:
    """What lets somebody else go on under the current span; none where spans are off."""
    found: dict[str, str] = {}
    if tracing.is_on():
        _w3c.inject(found)
    return found


def given_by(message: Mapping[str, Any]) -> SpanContext | None:
    """The span that these headers name, whoever wrote them; None when they name none."""
    given = {name: message.get(name) for name in NAMES}
    read = _w3c.extract({name: text for name, text in given.items() if isinstance(text, str)}, context=Context())
    named = trace.get_current_span(read).get_span_context()
    return named if named.is_valid else None


def known_as(trace_id: int, span_id: int) -> SpanContext:
    """A span of which nothing but its ids is known."""
    return SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def under(parent: SpanContext) -> Context:
    return trace.set_span_in_context(NonRecordingSpan(parent), Context())


@contextmanager
def done_for(caller: SpanContext | None) -> Iterator[None]:
    """What happens in here is done for that span. None: for nobody in particular."""
    if caller is None or not tracing.is_on():
        yield
        return
    token = contexts.attach(under(caller))
    try:
        yield
    finally:
        contexts.detach(token)
