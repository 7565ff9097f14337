"""HealthCheckMonitoringJob: asks each service for its health, all at once; a dead one does not hide the others.

Each episode of ill health is told once, and so is its end. A NotificationService that is ill itself fails nothing here:
what could not be told is told by a later run, while it is still true.
"""

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict
from typing import Annotated, Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _
from pydantic import Field, StringConstraints, ValidationInfo, field_validator
from pydantic.alias_generators import to_camel

from jobs.base import Job, JobContext, JobParameters
from jobs.failpoints import failpoint
from jobs.gateways import pinned
from jobs.gateways.errors import GatewayError
from jobs.gateways.health import DEGRADED, Health
from jobs.gateways.notifications import AlertMessage, MessageRefused
from jobs.messages import SUBJECT_MAX_LENGTH, MessageStatus, Subject

MOST_AT_ONCE = 16
FELL_ILL, RECOVERED = "ill", "well"
# A run must end before the next one is due, however slowly each of 200 messages is taken or refused.
FAILURES_IN_A_ROW, TELLING_SECONDS = 2, 60.0
# A name and no piece of a URL: nothing that the template puts it into means anything else for it.
ServiceName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=300)]


class HealthCheckMonitoringParameters(JobParameters):
    services: list[ServiceName] = Field(
        ["vehiclessaleservice", "authservice", "gateway"],
        min_length=1,
        max_length=200,
        description="The services to ask, by name.",
    )
    url_template: str = Field(
        "http://{service}:8080/health",
        max_length=500,
        validate_default=True,
        description="Where a service is asked; {service} stands for its name.",
    )
    timeout_seconds: float = Field(5.0, gt=0, le=60, description="How long a service may take to answer, in seconds.")

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
        found: dict[str, Health] = {}
        claimed: dict[Subject, Health] = {}
        with ThreadPoolExecutor(min(MOST_AT_ONCE, len(services)), thread_name_prefix="health") as pool:
            questions = [pool.submit(self._ask, context, service) for service in services]
            for answer in as_completed(questions):
                health = answer.result()
                found[health.service] = health
                claimed |= dict.fromkeys(self._note(context, health), health)
                failpoint("health.after_note")
                context.progress(len(found), len(services), health.service)
        answers = [found[service] for service in services]
        return {
            "healthy": sum(answer.is_healthy for answer in answers),
            "unhealthy": sum(not answer.is_healthy for answer in answers),
            "alertsSent": self._tell(context, found, claimed),
            "services": [{to_camel(name): value for name, value in asdict(answer).items()} for answer in answers],
        }

    def _ask(self, context: JobContext[HealthCheckMonitoringParameters], service: str) -> Health:
        targets, wanted = context.gateways.health, context.parameters
        url = targets.url_of(service, wanted.url_template)
        health: Health = targets.ask(service, url=url, timeout_seconds=wanted.timeout_seconds)
        return health

    def _note(self, context: JobContext[HealthCheckMonitoringParameters], health: Health) -> set[Subject]:
        """A line for each answer; an alert kept open, or closed, and what is to be told of it, claimed."""
        if health.is_healthy:
            level = "WARNING" if health.status == DEGRADED else "INFO"
            context.log(f"{health.service} is {health.status} ({health.milliseconds} ms)", level=level)
        else:
            context.log(f"{health.service} is {health.status}: {health.error} ({health.url})", level="ERROR")
        # Both or neither: of an episode that has ended, and whose end is not claimed, no later run would know.
        with transaction.atomic():
            episode = context.alert(
                f"Service {health.service} is unhealthy!",
                open=not health.is_healthy,
                message=f"{health.url}: {health.error}",
            )
            return context.messages.claim([_subject(health, episode)]) if episode else set()

    # --- Telling the administrators ----------------------------------------------------------------------------------
    def _tell(
        self,
        context: JobContext[HealthCheckMonitoringParameters],
        found: Mapping[str, Health],
        claimed: Mapping[Subject, Health],
    ) -> int:
        """Tell each episode and each recovery once, and what an earlier run could not tell if it is still so."""
        by_id = {_subject_id(service): health for service, health in found.items()}
        left = {subject for subject in context.messages.abandoned() if subject.id in by_id}
        still_so = {subject: by_id[subject.id] for subject in left if _is_still_so(subject, by_id[subject.id])}
        context.messages.release(left - still_so.keys())
        told = self._tell_all(context, {**still_so, **claimed})
        context.messages.prune()
        return told

    def _tell_all(self, context: JobContext[HealthCheckMonitoringParameters], untold: Mapping[Subject, Health]) -> int:
        """How many were told. The rest stays claimed: the next run takes it over, once this one has ended."""
        until = time.monotonic() + TELLING_SECONDS
        told = failures = 0
        for done, (subject, health) in enumerate(untold.items()):
            if failures == FAILURES_IN_A_ROW or time.monotonic() > until:
                context.log(f"{len(untold) - done} more messages are left to the next run", level="WARNING")
                break
            fault = self._fault_of_telling(context, health)
            failpoint("health.after_tell")
            self._write_down(context, subject, fault)
            told += fault is None
            if not isinstance(fault, MessageRefused):  # that one is at fault, and others may well be taken
                failures = failures + 1 if fault else 0
        return told

    def _fault_of_telling(
        self, context: JobContext[HealthCheckMonitoringParameters], health: Health
    ) -> GatewayError | None:
        try:
            context.gateways.notifications.alert(_message(health))
        except GatewayError as fault:
            context.log(f"The administrators could not be told about {health.service}: {fault}", level="WARNING")
            return fault
        return None

    def _write_down(
        self, context: JobContext[HealthCheckMonitoringParameters], subject: Subject, fault: GatewayError | None
    ) -> None:
        """Only now, and also where nobody knows: an alert is rather told twice than never (SPEC §8)."""
        status = MessageStatus.FAILED if fault else MessageStatus.SENT
        with transaction.atomic():
            if context.messages.begin(subject):
                context.messages.end(subject, status, str(fault or ""))


def _subject(health: Health, episode: UUID) -> Subject:
    return Subject(_subject_id(health.service), f"{RECOVERED if health.is_healthy else FELL_ILL} {episode}")


def _subject_id(service: str) -> str:
    return service[:SUBJECT_MAX_LENGTH]


def _is_still_so(subject: Subject, health: Health) -> bool:
    return subject.episode.partition(" ")[0] == (RECOVERED if health.is_healthy else FELL_ILL)


def _message(health: Health) -> AlertMessage:
    if health.is_healthy:
        text = f"{health.url} answers again: {health.status}, {health.milliseconds} ms."
        return AlertMessage(f"Service {health.service} has recovered", text, severity="Info")
    return AlertMessage(f"Service {health.service} is unhealthy!", f"{health.url}: {health.error}", severity="Error")
