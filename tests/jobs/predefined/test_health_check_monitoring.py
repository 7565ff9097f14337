"""HealthCheckMonitoringJob with the real gateway against real sockets, run as a worker runs it."""

import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from pytest_httpserver import HTTPServer
from werkzeug import Response

from executions.claims import Claim
from executions.executor import JobExecutor
from executions.ledger import Outcome
from executions.models import Alert, Notice
from executions.output import RunOutput
from jobs import gateways, registry
from jobs.enums import ExecutionStatus
from jobs.models import ScheduledJob
from jobs.predefined.health_check_monitoring import HealthCheckMonitoringJob
from tests.factories import a_job, started
from tests.jobs.conftest import Ran

pytestmark = pytest.mark.django_db


@pytest.fixture
def job() -> ScheduledJob:
    return a_job("Health", job_type="HealthCheckMonitoringJob")


@pytest.fixture
def dead() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    yield f"http://127.0.0.1:{port}/{{service}}"


def checked(job: ScheduledJob, **parameters: Any) -> tuple[Outcome, str]:
    job = job.redefine(by=job.created_by_user_id, parameters=parameters, overlap_policy="Allow")
    run = started(job)
    output = RunOutput(run)
    return JobExecutor(Claim(run, output)).execute(), output.close()


def serve(httpserver: HTTPServer, **services: tuple[str, int]) -> str:
    httpserver.clear()
    for name, (body, status) in services.items():
        httpserver.expect_request(f"/{name}").respond_with_data(body, status)
    return httpserver.url_for("/") + "{service}"


def open_alerts() -> list[str]:
    return sorted(Alert.objects.filter(closed_at=None).values_list("subject", flat=True))


def test_every_service_is_asked_and_its_answer_is_in_the_result(httpserver: HTTPServer, job: ScheduledJob) -> None:
    template = serve(httpserver, a=("Healthy", 200), b=("Degraded", 200), c=("Unhealthy", 503))
    outcome, output = checked(job, services=["a", "b", "c", "a"], urlTemplate=template)
    assert outcome.status == ExecutionStatus.COMPLETED
    assert (outcome.result["healthy"], outcome.result["unhealthy"]) == (2, 1)
    assert [(one["service"], one["status"], one["isHealthy"]) for one in outcome.result["services"]] == [
        ("a", "Healthy", True), ("b", "Degraded", True), ("c", "Unhealthy", False),
    ]  # fmt: skip
    assert "INFO a is Healthy" in output and "WARNING b is Degraded" in output and "ERROR c is Unhealthy" in output
    assert sorted(request.path for request, _response in httpserver.log) == ["/a", "/b", "/c"]


def test_a_dead_service_does_not_hide_the_others(
    httpserver: HTTPServer, job: ScheduledJob, dead: str, settings: Any
) -> None:
    template = serve(httpserver, b=("Healthy", 200))
    settings.SCHEDULER_HEALTH_URLS = {"a": dead.format(service="a")}
    gateways.current.cache_clear()
    try:
        outcome, _output = checked(job, services=["a", "b"], urlTemplate=template)
    finally:
        gateways.current.cache_clear()
    assert outcome.status == ExecutionStatus.COMPLETED
    assert [one["status"] for one in outcome.result["services"]] == ["Unreachable", "Healthy"]


def test_services_are_asked_at_the_same_time(job: ScheduledJob) -> None:
    names = ["a", "b", "c", "d"]
    together = threading.Barrier(len(names))

    def wait_for_the_others(_request: Any) -> Any:
        together.wait(10)  # broken, and an error, unless all four are asked before one is answered
        return Response("Healthy")

    with HTTPServer(threaded=True) as server:
        for name in names:
            server.expect_request(f"/{name}").respond_with_handler(wait_for_the_others)
        outcome, _output = checked(job, services=names, urlTemplate=server.url_for("/") + "{service}")
    assert outcome.result["healthy"] == 4


def test_an_alert_opens_once_an_episode_and_closes_with_the_recovery(httpserver: HTTPServer, job: ScheduledJob) -> None:
    sick = serve(httpserver, a=("Unhealthy", 503))
    for _ in range(3):
        checked(job, services=["a"], urlTemplate=sick)
    assert open_alerts() == ["Service a is unhealthy!"]
    assert Alert.objects.count() == 1
    checked(job, services=["a"], urlTemplate=serve(httpserver, a=("Healthy", 200)))
    assert open_alerts() == []
    checked(job, services=["a"], urlTemplate=serve(httpserver, a=("", 500)))
    assert open_alerts() == ["Service a is unhealthy!"]
    assert Alert.objects.count() == 2


def test_what_is_open_about_a_service_that_is_not_asked_any_more_is_over(
    httpserver: HTTPServer, job: ScheduledJob
) -> None:
    """It stayed open for ever. One run that asks for less, as somebody may ask for by hand, ends nothing yet."""
    template = serve(httpserver, a=("", 500), b=("", 500), c=("Healthy", 200))
    checked(job, services=["a", "b", "c"], urlTemplate=template)
    assert open_alerts() == ["Service a is unhealthy!", "Service b is unhealthy!"]
    for services in (["b", "c"], ["a", "b"], ["b"], ["b"]):
        checked(job, services=services, urlTemplate=template)
        assert len(open_alerts()) == 2
    checked(job, services=["b"], urlTemplate=template)
    assert open_alerts() == ["Service b is unhealthy!"]
    checked(job, services=["a", "b"], urlTemplate=template)
    assert len(open_alerts()) == 2


def test_a_degraded_service_opens_no_alert(httpserver: HTTPServer, job: ScheduledJob) -> None:
    checked(job, services=["a"], urlTemplate=serve(httpserver, a=("Degraded", 200)))
    assert not Alert.objects.exists()


def test_a_name_longer_than_an_alerts_subject_still_opens_one_and_closes_it(
    httpserver: HTTPServer, job: ScheduledJob
) -> None:
    name = "s" * 300
    checked(job, services=[name], urlTemplate=serve(httpserver, **{name: ("", 500)}))
    checked(job, services=[name], urlTemplate=serve(httpserver, **{name: ("", 500)}))
    assert len(open_alerts()) == 1
    checked(job, services=[name], urlTemplate=serve(httpserver, **{name: ("", 200)}))
    assert open_alerts() == []


def test_the_defaults_are_the_originals() -> None:
    parameters = registry.parse_parameters(HealthCheckMonitoringJob, None)
    assert parameters.services == ["vehiclessaleservice", "authservice", "gateway"]
    assert parameters.url_template == "http://{service}:8080/health"


@pytest.mark.parametrize(
    "template",
    ["http://host/health", "ftp://{service}/", "{service}", "http://{service}/{other}", "http://{service}/{}",
     "http://{service.name}/{service}", "http://{service}/{service.nothing}", "http://{service}{", "http://{service}}",
     "http://{service:>9999999999}/{service}", "http://{service!r}/{service}", "http://{service[0]}/{service}",
     "http://ana:pw@host/{service}", "http://{service}@host/", "http://ana@{service}/", "http://host:x/{service}",
     "http://h\xf6st/{service}", "http://ho st/{service}", "http://169.254.169.254/{service}", "http://0.0.0.0/{service}",
     "http://[fe80::1]/{service}", "http://224.0.0.1/{service}", "http://[::ffff:169.254.169.254]/{service}"],
)  # fmt: skip
def test_a_template_that_is_none_is_refused(template: str) -> None:
    with pytest.raises(ValidationError) as refused:
        registry.parse_parameters(HealthCheckMonitoringJob, {"urlTemplate": template})
    assert "urlTemplate" in refused.value.messages[0]


@pytest.mark.parametrize("template", ["http://127.0.0.1:5000/{service}", "https://10.0.0.1/{service}/health"])
def test_a_template_of_this_machine_or_a_private_network_is_fine(template: str) -> None:
    assert registry.parse_parameters(HealthCheckMonitoringJob, {"urlTemplate": template}).url_template == template


@pytest.mark.parametrize(
    "service",
    ["127.0.0.1:5000/admin/delete-all?x=", "a/../b", "a@b", "a b", "a#", "a?b", "[::1]", ".hidden", "-x", "", "a\n",
     "\xe1", "s" * 301],
)  # fmt: skip
def test_a_service_that_is_a_piece_of_a_url_and_no_name_is_refused(service: str) -> None:
    """`127.0.0.1:5000/admin/delete-all?x=` sent a GET wherever its author liked."""
    with pytest.raises(ValidationError) as refused:
        registry.parse_parameters(HealthCheckMonitoringJob, {"services": ["gateway", service]})
    assert "services" in refused.value.messages[0]


def test_a_service_named_by_an_address_that_is_never_called_is_refused() -> None:
    with pytest.raises(ValidationError) as refused:
        registry.parse_parameters(HealthCheckMonitoringJob, {"services": ["169.254.169.254"]})
    assert "169.254.169.254, which is link-local" in refused.value.messages[0]


def test_a_name_that_leads_where_nothing_may_be_called_is_an_ill_service(
    configured: Callable[..., None], run_job: Callable[..., Ran]
) -> None:
    configured(SCHEDULER_HEALTH_URLS={"x": "http://2852039166/health"})
    ran = run_job("HealthCheckMonitoringJob", services=["x"])
    assert (ran.status, ran.result["unhealthy"]) == ("Completed", 1)
    assert "never called" in ran.result["services"][0]["error"]


# --- Telling the administrators --------------------------------------------------------------------------------------
def test_each_episode_is_to_be_told_once_and_so_is_its_end(httpserver: HTTPServer, run_job: Callable[..., Ran]) -> None:
    url = httpserver.url_for("/service/") + "{service}"
    for code in (500, 503, 200, 200, 500):
        httpserver.expect_oneshot_request("/service/x").respond_with_data("", code)
        run_job("HealthCheckMonitoringJob", services=["x"], urlTemplate=url)
    first, second = Alert.objects.order_by("opened_at")
    assert {first.subject, second.subject} == {"Service x is unhealthy!"}
    assert first.closed_at is not None and second.closed_at is None
    assert Notice.objects.filter(alert=first, kind="Recovered").count() == 1
    assert [notice.kind for notice in Notice.objects.filter(alert=second)] == ["Opened"]


def test_a_service_that_stays_ill_is_one_alert(httpserver: HTTPServer, run_job: Callable[..., Ran]) -> None:
    httpserver.expect_request("/service/x").respond_with_data("", 500)
    for _ in range(3):
        run_job("HealthCheckMonitoringJob", services=["x"], urlTemplate=httpserver.url_for("/service/") + "{service}")
    assert Alert.objects.count() == Notice.objects.count() == 1
