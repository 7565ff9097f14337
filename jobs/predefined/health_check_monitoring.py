"""HealthCheckMonitoringJob: asks each service for its health, all at once; a dead one does not hide the others.

Each episode of ill health is an alert of the job, which the service tells once, and so is its end. It ends too when the
service is not asked any more.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict
from typing import Annotated, Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop
from pydantic import Field, StringConstraints, ValidationInfo, field_validator
from pydantic.alias_generators import to_camel

from jobs.base import Job, JobContext, JobParameters
from jobs.failpoints import failpoint
from jobs.gateways import pinned
from jobs.gateways.health import DEGRADED, Health

MOST_AT_ONCE = 16
# After so many runs that did not ask for it a service is not watched any more. Fewer may be somebody's own, by hand.
UNASKED_RUNS = 3
ASKED = "asked"  # in the job's state: of each service that may have an alert, how many runs have not asked for it
# A name and no piece of a URL: nothing that the template puts it into means anything else for it.
ServiceName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=300)]


class HealthCheckMonitoringParameters(JobParameters):
    services: list[ServiceName] = Field(
        ["vehiclessaleservice", "authservice", "gateway"],
        min_length=1,
        max_length=200,
        description=gettext_noop("The services to ask, by name."),
    )
    url_template: str = Field(
        "http://{service}:8080/health",
        max_length=500,
        validate_default=True,
        description=gettext_noop("Where a service is asked; {service} stands for its name."),
    )
    timeout_seconds: float = Field(
        5.0, gt=0, le=60, description=gettext_noop("How long a service may take to answer, in seconds.")
    )

    @field_validator("url_template")
    @classmethod
    def _is_a_url_with_a_place(cls, template: str, info: ValidationInfo) -> str:
        if not template.startswith(("http://", "https://")) or "{service}" not in template:
            raise ValueError("must begin with http:// or https:// and hold {service}")
        if set("{}") & set(template.replace("{service}", "")):
            raise ValueError("{service} is the only place that it may hold")
        for service in info.data.get("services", ["service"]):
            # Where a name leads is looked up, and judged, at the moment of asking.
            if fault := pinned.target_of(template.replace("{service}", service)).fault:
                raise ValueError(fault)
        return template


class HealthCheckMonitoringJob(Job[HealthCheckMonitoringParameters]):
    description = _("Asks each service for its health and raises an alert for each unhealthy one.")
    parameters_model = HealthCheckMonitoringParameters

    def execute(self, context: JobContext[HealthCheckMonitoringParameters]) -> Mapping[str, Any]:
        services = list(dict.fromkeys(context.parameters.services))
        _let_go_of_others(context, services)
        found: dict[str, Health] = {}
        with ThreadPoolExecutor(min(MOST_AT_ONCE, len(services)), thread_name_prefix="health") as pool:
            questions = [pool.submit(self._ask, context, service) for service in services]
            for answer in as_completed(questions):
                health = answer.result()
                found[health.service] = health
                self._note(context, health)
                failpoint("health.after_note")
                context.progress(len(found), len(services), health.service)
        answers = [found[service] for service in services]
        return {
            "healthy": sum(answer.is_healthy for answer in answers),
            "unhealthy": sum(not answer.is_healthy for answer in answers),
            "services": [{to_camel(name): value for name, value in asdict(answer).items()} for answer in answers],
        }

    def _ask(self, context: JobContext[HealthCheckMonitoringParameters], service: str) -> Health:
        targets, wanted = context.gateways.health, context.parameters
        url = targets.url_of(service, wanted.url_template)
        health: Health = targets.ask(service, url=url, timeout_seconds=wanted.timeout_seconds)
        return health

    def _note(self, context: JobContext[HealthCheckMonitoringParameters], health: Health) -> None:
        """A line for each answer; an alert kept open, or closed."""
        if health.is_healthy:
            level = "WARNING" if health.status == DEGRADED else "INFO"
            context.log(f"{health.service} is {health.status} ({health.milliseconds} ms)", level=level)
        else:
            context.log(f"{health.service} is {health.status}: {health.error} ({health.url})", level="ERROR")
        message = f"{health.url}: {health.error}"
        context.alert(_subject(health.service), open=not health.is_healthy, message=message)


def _let_go_of_others(context: JobContext[HealthCheckMonitoringParameters], services: Sequence[str]) -> None:
    """Close what is open about services that are not asked any more: no answer of theirs would ever do it."""
    known = context.state.get(ASKED) or {}
    unasked = {service: runs + 1 for service, runs in known.items() if service not in services}
    for service, runs in unasked.items():
        if runs >= UNASKED_RUNS and context.alert(_subject(service), open=False):
            context.log(f"{service} is not asked any more, and its alert is over")
    # Before anything opens: what is not written here would be closed by nobody.
    asked = {service: runs for service, runs in unasked.items() if runs < UNASKED_RUNS} | dict.fromkeys(services, 0)
    if asked != known:
        context.state.set(ASKED, asked)


def _subject(service: str) -> str:
    return f"Service {service} is unhealthy!"
