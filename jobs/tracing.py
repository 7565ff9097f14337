"""Spans (OpenTelemetry) for whoever has named a place to send them to; for all others each of these does nothing."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar, Token
from dataclasses import dataclass
from typing import Any

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, Span, SpanKind, StatusCode

from jobs import log_context

Attributes = Mapping[str, Any]

# The ids (trace, span) of the next span that begins, where they are not to be chance.
chosen_ids: ContextVar[tuple[int, int] | None] = ContextVar("chosen_ids", default=None)

_tracer: trace.Tracer | None = None
_run: Context | None = None


def use(tracer: trace.Tracer) -> None:
    """From now on, in this process. It takes the `chosen_ids` where there are any."""
    global _tracer  # noqa: PLW0603 - one per process
    _tracer = tracer


def is_on() -> bool:
    return _tracer is not None


@contextmanager
def span(
    name: str,
    *,
    kind: SpanKind = SpanKind.INTERNAL,
    parent: Context | None = None,
    attributes: Attributes | None = None,
) -> Iterator[Span]:
    """Under `parent`; without one under the current span, or in a thread that has none under that of the run."""
    if _tracer is None:
        yield INVALID_SPAN
        return
    parent = parent or (None if trace.get_current_span().get_span_context().is_valid else _run)
    begun = _tracer.start_span(name, context=parent, kind=kind, attributes=attributes)
    # What was raised is not recorded: its words may hold a secret, and the history has them anyway.
    quietly = trace.use_span(begun, end_on_exit=True, record_exception=False, set_status_on_exception=False)
    with log_context.bound(**ids_of(begun)), quietly:
        try:
            yield begun
        except BaseException as fault:
            fail(begun, type(fault).__name__)
            raise


def past_span(
    name: str, *, ids: tuple[int, int], parent: Context | None, start_ns: int, end_ns: int, attributes: Attributes
) -> None:
    """One that is over, with its ids (trace, span). The span that goes on at this moment is linked to it."""
    if _tracer is None:
        return
    asking = trace.get_current_span().get_span_context()
    links = [trace.Link(asking)] if asking.is_valid else []
    token = chosen_ids.set(ids)
    try:
        begun = _tracer.start_span(
            name, context=parent or Context(), attributes=attributes, links=links, start_time=start_ns
        )
    finally:
        chosen_ids.reset(token)
    begun.end(end_ns)


def ids_of(begun: Span) -> dict[str, str]:
    """As the log's lines have them."""
    known = begun.get_span_context()
    return {"trace_id": trace.format_trace_id(known.trace_id), "span_id": trace.format_span_id(known.span_id)}


def fail(failed: Span, error_type: str) -> None:
    failed.set_attribute("error.type", error_type)
    failed.set_status(StatusCode.ERROR)


@dataclass(frozen=True)
class RunSpan:
    """Goes on from `begin_run` until `end`, which is for the same thread to call."""

    span: Span
    token: Token[Context]

    def end(self) -> None:
        global _run  # noqa: PLW0603
        _run = None
        contexts.detach(self.token)
        self.span.end()


def begin_run(name: str, *, parent: Context, attributes: Attributes) -> RunSpan | None:
    """None where spans are off."""
    global _run  # noqa: PLW0603 - as of the log's ids: a process runs one job at a time
    if _tracer is None:
        return None
    begun = _tracer.start_span(name, context=parent, kind=SpanKind.CONSUMER, attributes=attributes)
    _run = trace.set_span_in_context(begun)
    return RunSpan(begun, contexts.attach(_run))
