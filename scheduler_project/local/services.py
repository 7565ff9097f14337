"""The service's own processes as `bin/up` runs them: command, readiness, and how each is stopped."""

import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from scheduler_project.local import commands
from scheduler_project.local.choices import Choices
from scheduler_project.local.folder import ROOT
from scheduler_project.local.ports import LOCALHOST
from scheduler_project.local.process import Process
from scheduler_project.local.readiness import answers, worker_answers

WORKER_CONCURRENCY = 2
# A worker waits for its runs (SHUTDOWN_SECONDS), then for those that clean up; Flower keeps nothing, and while it
# starts it is deaf.
STOP_SECONDS = {"web": 8, "worker": 20, "beat": 8, "flower": 3, "demo": 6}
# Celery prints this once the scheduler is loaded; beat has no other sign of life.
BEAT_STARTED = "LocalTime"
# Work ends first, then what shows it.
STOP_ORDER = (("beat", "worker"), ("web", "flower", "demo"))


@dataclass(frozen=True)
class Service:
    process: Process
    is_ready_as: Callable[[Process], bool]

    def is_ready(self) -> bool:
        return self.process.is_running and self.is_ready_as(self.process)


def make_services(choices: Choices, environment: Mapping[str, str], log: Path) -> dict[str, Service]:
    """By name, in the order of their start. `environment` is all that they get."""

    def service(name: str, command: tuple[str, ...], is_ready: Callable[[Process], bool]) -> Service:
        return Service(
            Process(
                name=name,
                command=[sys.executable, "-m", *command],
                log=log / f"{name}.log",
                directory=ROOT,
                environment=environment,
                # A worker asked once finishes its runs, with SIGQUIT it drops them.
                stop_signals=(signal.SIGTERM, signal.SIGQUIT) if name == "worker" else (signal.SIGTERM,),
                stop_seconds=STOP_SECONDS[name],
            ),
            is_ready,
        )

    web, flower, demo = choices.web_port, choices.flower_port, choices.demo_port
    services = [
        service("web", commands.web(LOCALHOST, web), lambda _: answers(web, "/health/ready")),
        service(
            "worker", commands.worker(WORKER_CONCURRENCY), lambda _: worker_answers(environment["CELERY_BROKER_URL"])
        ),
        service("beat", commands.beat(), lambda beat: BEAT_STARTED in beat.said()),
        service("flower", commands.flower(LOCALHOST, flower), lambda _: answers(flower, "/healthcheck")),
    ]
    if choices.is_demo:
        services.append(service("demo", commands.demo(LOCALHOST, demo), lambda _: answers(demo, "/health")))
    return {service.process.name: service for service in services}
