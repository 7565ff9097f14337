"""What the environment chooses for `bin/up`, read strictly, and what stands in for what it leaves open."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from django.core.exceptions import ImproperlyConfigured

from scheduler_project.demo.databases import DemoError, prefix_of
from scheduler_project.demo.environment import SWITCH, environment, neighbours_named
from scheduler_project.local import ports
from scheduler_project.local.errors import StartError
from scheduler_project.local.folder import Folder
from scheduler_project.local.process import eventually

PATIENCE_WITH_PORTS_SECONDS = 3
SHUTDOWN_SECONDS = 5  # at Ctrl-C somebody waits
WEB_PORT, FLOWER_PORT, DEMO_PORT = 5038, 5555, 5039
WORDS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}


@dataclass(frozen=True)
class Choices:
    """Presets are None when not given; `database_url` and `broker_url` then mean the embedded engines."""

    web_port: int
    flower_port: int
    demo_port: int
    is_demo: bool
    database_url: str | None
    broker_url: str | None
    admin_password: str | None
    api_token: str | None

    @property
    def web_address(self) -> str:
        return f"http://{ports.LOCALHOST}:{self.web_port}"

    @property
    def flower_address(self) -> str:
        return f"http://{ports.LOCALHOST}:{self.flower_port}"

    @property
    def demo_address(self) -> str:
        return f"http://{ports.LOCALHOST}:{self.demo_port}"

    @property
    def named_ports(self) -> tuple[tuple[str, str, int], ...]:
        """Of each: its variable, what it is for, the port."""
        demo = (("SCHEDULER_DEMO_PORT", "the demo", self.demo_port),) if self.is_demo else ()
        return (
            ("SCHEDULER_PORT", "the web server", self.web_port),
            ("SCHEDULER_FLOWER_PORT", "Flower", self.flower_port),
            *demo,
        )


def read_choices(given: Mapping[str, str] = os.environ) -> Choices:
    """Raises StartError that names the variable at fault."""
    choices = Choices(
        web_port=read_port(given, "SCHEDULER_PORT", WEB_PORT),
        flower_port=read_port(given, "SCHEDULER_FLOWER_PORT", FLOWER_PORT),
        demo_port=read_port(given, "SCHEDULER_DEMO_PORT", DEMO_PORT),
        is_demo=read_demo(given),
        database_url=given.get("DATABASE_URL") or None,
        broker_url=given.get("CELERY_BROKER_URL") or None,
        admin_password=given.get("SCHEDULER_ADMIN_PASSWORD") or None,
        api_token=given.get("SCHEDULER_API_TOKEN") or None,
    )
    taken: dict[int, str] = {}
    for name, _use, port in choices.named_ports:
        if port in taken:
            raise StartError(f"{taken[port]} and {name} are both {port}. Give one another port.")
        taken[port] = name
    return choices


def read_demo(given: Mapping[str, str]) -> bool:
    """Whether the demo runs along: when SCHEDULER_DEMO says so; without it, when no server and no neighbour is named.

    Beside real neighbours there is none: its people would get mail through them.
    """
    text = given.get(SWITCH, "").strip()
    wanted = WORDS.get(text.lower())
    if text and wanted is None:
        raise StartError(f"{SWITCH} is {text!r}. It must be true or false.")
    neighbours = neighbours_named(given)
    is_production = given.get("SCHEDULER_ENVIRONMENT") == "production"
    if not wanted:
        return not text and not neighbours and not given.get("DATABASE_URL") and not is_production
    if is_production:
        raise StartError(f"{SWITCH} is true and SCHEDULER_ENVIRONMENT production. The demo never runs in production.")
    if neighbours:
        raise StartError(
            f"{SWITCH} is true beside {', '.join(neighbours)}. The demo stands in for all neighbours or for none:"
            f" unset those, or set {SWITCH}=false."
        )
    return True


def read_port(given: Mapping[str, str], name: str, default: int) -> int:
    text = given.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise StartError(f"{name} is {text!r}. It must be a port: a whole number from 1 to 65535.")
    return int(text)


def check_ports(choices: Choices) -> None:
    """Raises StartError when somebody else has one of them, and keeps it: a process that ends may take a moment."""
    for name, use, port in choices.named_ports:
        if not eventually(partial(ports.is_free, port), PATIENCE_WITH_PORTS_SECONDS):
            by = ports.holder(port)
            raise StartError(
                f"Port {port}, meant for {use}, is taken{f' by {by}' if by else ''}. "
                f"Free it, or choose another one: {name}={port + 1000} bin/up"
            )


def service_environment(choices: Choices, folder: Folder, *, database_url: str, broker_url: str) -> dict[str, str]:
    """What the processes need and commands beside them read from var/environment. What the caller has set stays."""
    defaults = {
        "SCHEDULER_SECRET_KEY": folder.secret("secret-key") + folder.secret("secret-key-2"),
        "SCHEDULER_FLOWER_URL": choices.flower_address,
        "SCHEDULER_SHUTDOWN_SECONDS": str(SHUTDOWN_SECONDS),
        **neighbours(choices, folder, database_url),
    }
    given = {name: os.environ[name] for name in defaults if os.environ.get(name)}
    return {"DATABASE_URL": database_url, "CELERY_BROKER_URL": broker_url, **defaults, **given}


def neighbours(choices: Choices, folder: Folder, database_url: str) -> dict[str, str]:
    """The demo in the place of OKLA's services; or, without any, health checks that look at this very system.

    Raises StartError.
    """
    if not choices.is_demo:
        health = f"{choices.web_address}/health"
        flower = f"{choices.flower_address}/healthcheck"
        return {"SCHEDULER_HEALTH_URLS": f"vehiclessaleservice={health},authservice={health},gateway={flower}"}
    cold_storage = folder.path / "cold-storage"
    cold_storage.mkdir(mode=0o700, exist_ok=True)
    try:
        return environment(
            database_url=database_url,
            base_url=choices.demo_address,
            cold_storage=cold_storage,
            internal_key=folder.secret("internal-api-key"),
            jwt_key=folder.secret("jwt-key"),
            prefix=prefix_of(os.environ),
        )
    except (DemoError, ImproperlyConfigured) as fault:
        raise StartError(str(fault)) from fault
