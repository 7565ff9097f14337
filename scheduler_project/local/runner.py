"""The runner behind `bin/up`: engines, migrations, then the service's processes; watched until told to stop."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from types import FrameType
from typing import NoReturn

from scheduler_project.local import console
from scheduler_project.local.access import Access
from scheduler_project.local.account import launch_words
from scheduler_project.local.choices import Choices, check_ports, service_environment
from scheduler_project.local.engine import Engine
from scheduler_project.local.errors import StartError
from scheduler_project.local.folder import ROOT, Folder
from scheduler_project.local.leftovers import stop_leftovers
from scheduler_project.local.postgres import Postgres
from scheduler_project.local.process import MARK, Process, stop_together
from scheduler_project.local.servers import check_broker, check_database
from scheduler_project.local.services import STOP_ORDER, Service, make_services
from scheduler_project.local.supervisor import Supervised, trim
from scheduler_project.local.valkey import Valkey

BESIDE_MIGRATIONS = ("demo", "web", "flower")
AFTER_MIGRATIONS = ("worker", "beat")
READY_SECONDS = 90
DEATHS_TO_GIVE_UP = 3
ASK_SECONDS = 0.1
TEND_SECONDS = 0.2
TRIM_SECONDS = 60


class Stop(BaseException):
    """Ctrl-C or SIGTERM; unwinds whatever the start is doing."""


@dataclass
class Runner:
    folder: Folder
    choices: Choices
    engines: list[Supervised] = field(default_factory=list)
    services: dict[str, Supervised] = field(default_factory=dict)
    is_stopping: bool = False
    is_hurried: bool = False

    def __post_init__(self) -> None:
        self.access = Access(self.choices, self.folder)

    def run(self) -> None:
        """From nothing to ready, then until told to stop. Raises StartError when it does not get ready."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self.on_signal)
        try:
            self.folder.open()
            self.begin()
            self.watch()
        except Stop:
            console.say("\nStopping (once more to hurry) ...")
        finally:
            self.is_stopping = True
            self.end()

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.is_stopping:
            self.is_hurried = True
        else:
            self.is_stopping = True
            raise Stop

    def begin(self) -> None:
        began = time.monotonic()
        if names := stop_leftovers(self.folder.path):
            console.say(f"  Stopped what an earlier run left behind: {', '.join(names)}")
        check_ports(self.choices)
        shared = service_environment(
            self.choices, self.folder, database_url=self.database_url(), broker_url=self.broker_url()
        )
        self.folder.write_environment(shared)
        environment = {
            **os.environ,
            **shared,
            "FLOWER_BASIC_AUTH": self.access.flower_login,
            "PYTHONUNBUFFERED": "1",
            MARK: str(self.folder.path),
        }
        self.start_services(environment)
        self.say_ready(time.monotonic() - began)

    def database_url(self) -> str:
        """Of the server that was chosen, once reached; or of ours, once started."""
        if url := self.choices.database_url:
            with console.step("PostgreSQL of DATABASE_URL"):
                check_database(url)
            return url
        password, port = self.folder.secret("postgres"), self.folder.port("postgres")
        postgres = Postgres(self.folder.path, password=password, port=port)
        is_new = not postgres.data.exists()
        self.start_engine(f"PostgreSQL{', new data,' if is_new else ''} on port {port}", postgres)
        return postgres.url()

    def broker_url(self) -> str:
        if url := self.choices.broker_url:
            with console.step("Broker of CELERY_BROKER_URL"):
                check_broker(url)
            return url
        password, port = self.folder.secret("valkey"), self.folder.port("valkey")
        valkey = Valkey(self.folder.path, password=password, port=port)
        self.start_engine(f"Valkey on port {port}", valkey)
        return valkey.url()

    def start_engine(self, title: str, engine: Engine) -> None:
        supervised = Supervised(engine.process, engine.launch)
        self.engines.append(supervised)
        with console.step(title):
            supervised.begin()
            engine.wait_until_ready()

    def start_services(self, environment: dict[str, str]) -> None:
        """Web and Flower start beside the migrations, which keep one processor busy; what works waits for them.

        The demo too, and its databases: no job of a worker should look for them before they are there.
        """
        services = make_services(self.choices, environment, self.folder.log)
        self.start_together(services, BESIDE_MIGRATIONS)
        with console.step("Migrations, predefined jobs, access"):
            self.prepare(environment)
        if demo := services.get("demo"):
            with console.step("Demo: databases, services, mailbox"):
                self.wait_until_ready(demo)
        with console.step("Web, worker, beat, Flower"):
            self.start_together(services, AFTER_MIGRATIONS)
            for service in services.values():
                self.wait_until_ready(service)

    def start_together(self, services: dict[str, Service], names: tuple[str, ...]) -> None:
        for name in names:
            if name in services:
                process = services[name].process
                self.services[name] = Supervised(process, process.start)
                self.services[name].begin()

    def prepare(self, environment: dict[str, str]) -> None:
        log = self.folder.log / "prepare.log"
        with log.open("wb") as output:
            done = subprocess.run(
                [
                    *launch_words(parent_death=signal.SIGTERM),
                    *(sys.executable, "-m", "scheduler_project.local.prepare"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env=environment | self.access.environment(),
                start_new_session=True,
                check=False,
            )
        if done.returncode:
            raise StartError(f"The database could not be prepared. {log} ends:\n{log.read_text()[-3000:]}")

    def wait_until_ready(self, service: Service) -> None:
        """Raises StartError when one of the services dies again and again, or this one is not ready in time."""
        deadline = time.monotonic() + READY_SECONDS
        while not service.is_ready():
            now = time.monotonic()
            for supervised in self.services.values():
                supervised.tend(now)
                if supervised.deaths == DEATHS_TO_GIVE_UP:
                    self.give_up(supervised.process, "ends while it starts")
            if now > deadline:
                self.give_up(service.process, f"is not ready after {READY_SECONDS} s")
            time.sleep(ASK_SECONDS)

    def give_up(self, process: Process, why: str) -> NoReturn:
        raise StartError(f"{process.name} {why}. {process.log} ends:\n{process.last_lines()}")

    def say_ready(self, seconds: float) -> None:
        web = self.choices.web_address
        address = f"{self.choices.demo_address}/   e-mails sent, services to break"
        demo = {"Demo": address} if self.choices.is_demo else {}
        rows = {
            "Admin": f"{web}/admin/",
            "API": f"{web}/api/scheduler/docs",
            "Flower": f"{self.choices.flower_address}/",
            **demo,
            **self.access.rows(),
            "Logs": f"{self.folder.log}/",
            "Stop": "Ctrl-C",
        }
        console.say_table(f"SchedulerService is ready after {seconds:.1f} s.", rows)

    def watch(self) -> None:
        trim_again_at = 0.0
        while True:
            now = time.monotonic()
            everything = (*self.engines, *self.services.values())
            for supervised in everything:
                supervised.tend(now)
            if now >= trim_again_at:
                trim_again_at = now + TRIM_SECONDS
                for supervised in everything:
                    trim(supervised.process.log)
            time.sleep(TEND_SECONDS)

    def end(self) -> None:
        """Services in their order, then the engines they stand on, then whatever a broken start left."""
        if self.folder.lock is None:
            return  # the folder is not ours
        tiers = [[self.services[name].process for name in tier if name in self.services] for tier in STOP_ORDER]
        for tier in (*tiers, [engine.process for engine in self.engines]):
            stop_together(tier, is_hurried=lambda: self.is_hurried)
        stop_leftovers(self.folder.path)
        self.folder.close()
