"""OpenTelemetry's SDK as this service uses it; imported only where spans are sent (scheduler_project/tracing.py)."""

import atexit
import os
import threading
from typing import Any

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.environment_variables import (
    OTEL_BSP_MAX_QUEUE_SIZE,
    OTEL_BSP_SCHEDULE_DELAY,
    OTEL_RESOURCE_ATTRIBUTES,
    OTEL_SERVICE_NAME,
)
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Sampler, SamplingResult

from jobs import tracing

NAME = "schedulerservice"
# Where the variables say nothing: a thousand jobs may be due in one minute, and who kills a process loses the last.
DEFAULTS = {OTEL_BSP_MAX_QUEUE_SIZE: "16384", OTEL_BSP_SCHEDULE_DELAY: "1000"}
# A collector that is away must not hold up an end.
LAST_WORDS_SECONDS = 2.0
VARIANT_BITS = 2

_ending, _ended = threading.Event(), threading.Event()


def start() -> trace.Tracer:
    """Raises what the SDK raises for a setting that it cannot make sense of."""
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
    provider = TracerProvider(resource=_resource(), id_generator=Ids(), shutdown_on_exit=False)
    provider.sampler = OfTrace(provider.sampler)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)  # for a job's own spans too
    # At an interpreter's end no thread can be started any more.
    threading.Thread(target=_end, args=(provider,), name="traces", daemon=True).start()
    atexit.register(stop)
    return provider.get_tracer(NAME)


def stop() -> None:
    """Send what is left, within LAST_WORDS_SECONDS. What comes later is lost."""
    _ending.set()
    _ended.wait(LAST_WORDS_SECONDS)


class Ids(RandomIdGenerator):
    """The chosen ones where there are any."""

    def generate_trace_id(self) -> int:
        chosen = tracing.chosen_ids.get()
        return chosen[0] if chosen else super().generate_trace_id()

    def generate_span_id(self) -> int:
        chosen = tracing.chosen_ids.get()
        return chosen[1] if chosen else super().generate_span_id()


class OfTrace(Sampler):
    """What OTEL_TRACES_SAMPLER says, decided by the trace alone: a parent may be known by its ids only.

    Of the 64 bits that the SDK compares with a share, the first two are the same in all uuids.
    """

    def __init__(self, configured: Sampler) -> None:
        self.configured = configured

    def should_sample(self, parent_context: Any, trace_id: int, *about: Any, **named: Any) -> SamplingResult:
        return self.configured.should_sample(None, trace_id << VARIANT_BITS, *about, **named)

    def get_description(self) -> str:
        return self.configured.get_description()


def _resource() -> Resource:
    # What is given here would win over the variables.
    is_named = "service.name=" in os.environ.get(OTEL_RESOURCE_ATTRIBUTES, "") or OTEL_SERVICE_NAME in os.environ
    return Resource.create({"process.pid": os.getpid(), **({} if is_named else {SERVICE_NAME: NAME})})


def _end(provider: TracerProvider) -> None:
    _ending.wait()
    provider.shutdown()
    _ended.set()
