"""Traces as a collector gets them: one for each run, from its firing to whom its job asks; and nothing without one."""

import os
import socket
import subprocess
import sys
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.trace import sampling
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from executions import ids
from executions.models import JobExecution
from jobs import trace_context
from jobs.models import ScheduledJob
from scheduler_project import spans, tracing
from tests.journey.conftest import ROOT, Api, System, api, empty_broker, make_due, system, until
from tests.test_logs import TALKING, make, run_now

__all__ = ["api", "empty_broker", "system"]

CALLER = "4bf92f3577b34da6a3ce929d0e0e4736"
IS_SDK_LOADED = """
import sys, django
django.setup()
from django.core.management import call_command
call_command("check")
import scheduler_project.asgi
print([name for name in sys.modules if name.startswith(("opentelemetry.sdk.trace", "opentelemetry.exporter"))])
"""  # that of metrics is loaded by redis-py, wherever it is installed


@dataclass
class Collector:
    """Speaks OTLP over HTTP. `spans` has what came, each with the name of its service."""

    server: HTTPServer
    spans: list[tuple[str, Span]] = field(default_factory=list)

    def take(self, request: Request) -> Response:
        sent = ExportTraceServiceRequest.FromString(request.get_data())
        for of_process in sent.resource_spans:
            about = {each.key: each.value.string_value for each in of_process.resource.attributes}
            for scope in of_process.scope_spans:
                self.spans += [(about["service.name"], span) for span in scope.spans]
        return Response(b"", content_type="application/x-protobuf")


@pytest.fixture
def collector(httpserver: HTTPServer) -> Collector:
    collector = Collector(httpserver)
    httpserver.expect_request("/v1/traces", method="POST").respond_with_handler(collector.take)
    httpserver.expect_request("/asked").respond_with_data("fine")
    return collector


@pytest.fixture
def traced(system: System, collector: Collector) -> None:
    endpoint = collector.server.url_for("").rstrip("/")
    system.environment |= {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "SCHEDULER_LOG_FORMAT": "json", **TALKING}


@pytest.mark.journey
def test_all_attempts_of_a_run_are_one_trace_that_is_found_by_the_id_of_the_first(
    system: System, collector: Collector, traced: None, api: Api
) -> None:
    worker, beat = system.start_worker(), system.start_beat()
    job = make(api, "traced", url=collector.server.url_for("/asked"), fails=True)
    given = {"traceparent": f"00-{CALLER}-00f067aa0ba902b7-01"}
    first = uuid.UUID(run_now(api, job, "order-42", **given)[0])
    second = ids.of_retry(first, 1)
    ended = JobExecution.objects.filter(id__in=[first, second], status="Failed")
    until(lambda: ended.count() == 2, worker, beat)
    system.stop()

    assert {service for service, _span in collector.spans} == {"schedulerservice"}
    assert {span.trace_id.hex() for _service, span in collector.spans} == {first.hex}
    fired_first, parent = span_id_of_firing(first), b""
    for execution, correlation in ((first, "order-42"), (second, str(first))):
        spans = [span for _service, span in collector.spans if told(span, "execution_id") == str(execution)]
        [fire] = [span for span in spans if span.name == "fire TalkingJob"]
        assert (fire.span_id.hex(), fire.parent_span_id) == (span_id_of_firing(execution), parent)
        published = [
            span.span_id for span in spans if span.name == "publish default" if span.parent_span_id == fire.span_id
        ]
        [run] = [span for span in spans if span.name == "run TalkingJob"]
        assert run.parent_span_id in published
        assert (told(run, "status"), told(run, "reason"), told(run, "job_id")) == ("Failed", "error", job)
        [asked] = [span for _service, span in collector.spans if span.parent_span_id == run.span_id]
        assert (asked.name.split()[0], asked.kind) == ("GET", Span.SPAN_KIND_CLIENT)
        [heard] = [
            request.headers for request, _ in collector.server.log if asked.span_id.hex() in str(request.headers)
        ]
        assert heard["traceparent"].startswith(f"00-{first.hex}-{asked.span_id.hex()}-")
        assert heard["X-Correlation-Id"] == correlation
        assert fire.start_time_unix_nano <= fire.end_time_unix_nano <= run.end_time_unix_nano
        parent = bytes.fromhex(fired_first)
    [link] = [link for _service, span in collector.spans for link in span.links]
    assert link.trace_id.hex() == CALLER


def told(span: Span, name: str) -> str | None:
    values = {each.key: each.value.string_value for each in span.attributes}
    return values.get(f"scheduler.{name}")


def span_id_of_firing(execution: uuid.UUID) -> str:
    return execution.hex[16:]


@pytest.mark.journey
def test_a_collector_that_never_answers_holds_up_neither_a_run_nor_an_end(system: System, api: Api) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        address = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        worker = system.start_worker(OTEL_EXPORTER_OTLP_ENDPOINT=address)
        beat = system.start_beat(OTEL_EXPORTER_OTLP_ENDPOINT=address)
        until(lambda: "beat: Starting" in beat.said(), beat)
        job = api.call("POST", "/jobs", {"name": "job", "jobType": "NoOpJob", "cronExpression": "0 0 1 1 *"}).json()
        for _ in range(3):
            key, _answer = run_now(api, job["id"], "order-42")
            until(lambda key=key: JobExecution.objects.get(id=key).status == "Completed", worker)
        make_due(ScheduledJob.objects.get(id=job["id"]))
        system.stop()
        # They ended by themselves, before anybody lost patience.
        assert (worker.exit_code, beat.exit_code) == (0, 0), worker.last_lines()


def test_without_an_endpoint_nothing_of_the_sdk_is_loaded() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    environment["DJANGO_SETTINGS_MODULE"] = "scheduler_project.settings"
    said = subprocess.check_output([sys.executable, "-c", IS_SDK_LOADED], env=environment, text=True, cwd=ROOT)
    assert said.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": " "}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_SDK_DISABLED": "true"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_TRACES_EXPORTER": "none"}, False),
    ],
)
def test_traces_are_wanted_where_an_endpoint_is_named_and_no_switch_is_off(
    variables: dict[str, str], expected: bool
) -> None:
    assert tracing.is_wanted(variables) is expected


def test_a_share_of_the_traces_is_a_share_of_the_runs_and_whole_traces() -> None:
    sampler = spans.OfTrace(sampling.TraceIdRatioBased(0.25))
    runs = [ids.of_due_time(uuid.UUID(int=job), datetime(2026, 1, 1, tzinfo=UTC)).int for job in range(2_000)]
    taken = [sampler.should_sample(None, run, "fire").decision.is_sampled() for run in runs]
    assert 450 < sum(taken) < 550
    again = [sampler.should_sample(trace_context.under(trace_context.known_as(run, 1)), run, "run") for run in runs]
    assert [each.decision.is_sampled() for each in again] == taken


@pytest.mark.parametrize("given", [None, 7, "", "garbage", "00-" + "0" * 32 + "-00f067aa0ba902b7-01", "ff-" + CALLER])
def test_a_header_that_names_no_span_is_none(given: Any) -> None:
    assert trace_context.given_by({"traceparent": given, "tracestate": given}) is None
