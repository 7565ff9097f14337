"""What follows a run from its firing to its end: the ids in the lines of the log, and its spans.

All attempts of a run are one trace, whose id is that of the first attempt; the span of an attempt's firing has the
second half of the attempt's id. So whoever has the row knows what its spans are part of, whatever became of a message.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from opentelemetry.trace import SpanContext, SpanKind

from executions.models import JobExecution
from jobs import log_context, trace_context, tracing
from jobs.enums import ExecutionStatus, Trigger

_SPAN_ID_BITS = 64  # of them, the first of a uuid is 1: never all zero, which would be no id

_span: tracing.RunSpan | None = None


def log_ids(execution: JobExecution) -> dict[str, Any]:
    """What each line about this run carries."""
    return {
        "trace_id": execution.first_attempt.hex,
        "job_id": str(execution.job_id),
        "job_name": execution.job_name,
        "execution_id": str(execution.id),
        "attempt": execution.retry_attempt + 1,
        "user_id": execution.triggered_by and str(execution.triggered_by),
    }


# --- Where it is fired -----------------------------------------------------------------------------------------------
@contextmanager
def publishing(execution: JobExecution) -> Iterator[dict[str, str]]:
    """The headers that its message should have."""
    # A due run that is published while somebody changes the job is not run for that request.
    correlation = log_context.current().get("correlation_id") if execution.trigger == Trigger.MANUAL else None
    asked = {log_context.CORRELATION_HEADER: str(correlation)} if correlation else {}
    if not tracing.is_on():
        yield asked
        return
    with tracing.span(
        f"publish {execution.queue}",
        kind=SpanKind.PRODUCER,
        parent=trace_context.under(_firing(execution)),
        attributes=_attributes(execution),
    ):
        yield {**asked, **trace_context.headers()}


def fired(executions: Iterable[JobExecution]) -> None:
    """They were published just now. The first time that ends the firing, which began when they became free to start."""
    if not tracing.is_on():
        return
    now = time.time_ns()
    for execution in executions:
        if execution.rings == 0:
            ours = _firing(execution)
            tracing.past_span(
                f"fire {execution.job_type}",
                ids=(ours.trace_id, ours.span_id),
                parent=trace_context.under(_first_firing(execution)) if execution.is_retry else None,
                # The instant is of the database's clock, which may be ahead.
                start_ns=min(now, _nanoseconds(execution.available_at) or now),
                end_ns=now,
                attributes=_attributes(execution),
            )


# --- Where it runs ---------------------------------------------------------------------------------------------------
def begin(execution: JobExecution, message: Mapping[str, Any], *, worker_name: str) -> None:
    """This process has claimed it. `message`: the headers of what rang for it, which anybody may have written."""
    global _span  # noqa: PLW0603 - a process runs one job at a time
    published = trace_context.given_by(message)
    is_ours = published is not None and published.trace_id == execution.first_attempt.int
    parent = published if published and is_ours else _firing(execution)
    correlation = log_context.sane_correlation_id(message.get(log_context.CORRELATION_HEADER))
    _span = tracing.begin_run(
        f"run {execution.job_type}", parent=trace_context.under(parent), attributes=_attributes(execution)
    )
    log_context.begin_run(
        correlation_id=correlation or str(execution.first_attempt),
        **{**log_ids(execution), **(tracing.ids_of(_span.span) if _span else {})},
        worker=worker_name,
    )


def end(status: ExecutionStatus | None, reason: str = "") -> None:
    """None: this process knows of no end that it came to."""
    global _span
    ended, _span = _span, None
    log_context.end_run()
    if ended is None:
        return
    ended.span.set_attributes({"scheduler.status": status or "unknown", "scheduler.reason": reason})
    if status in (None, ExecutionStatus.FAILED):
        tracing.fail(ended.span, reason or "unknown")
    ended.end()


# --- Ids -------------------------------------------------------------------------------------------------------------
def _firing(execution: JobExecution) -> SpanContext:
    return trace_context.known_as(execution.first_attempt.int, execution.id.int & (1 << _SPAN_ID_BITS) - 1)


def _first_firing(execution: JobExecution) -> SpanContext:
    first = execution.first_attempt.int
    return trace_context.known_as(first, first & (1 << _SPAN_ID_BITS) - 1)


def _attributes(execution: JobExecution) -> dict[str, Any]:
    about = {
        "job_id": str(execution.job_id),
        "job_name": execution.job_name,
        "execution_id": str(execution.id),
        "attempt": execution.retry_attempt + 1,
        "trigger": str(execution.trigger),
        "scheduled_for": execution.scheduled_for and execution.scheduled_for.isoformat(),
        "correlation_id": log_context.current().get("correlation_id"),
    }
    return {f"scheduler.{name}": value for name, value in about.items() if value is not None}


def _nanoseconds(instant: datetime | None) -> int | None:
    return None if instant is None else int(instant.timestamp() * 1_000_000) * 1_000
