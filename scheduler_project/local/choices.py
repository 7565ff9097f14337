"""What the environment chooses for `bin/up`, read strictly, and what stands in for what it leaves open."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from scheduler_project.local import ports
from scheduler_project.local.errors import StartError
from scheduler_project.local.folder import Folder
from scheduler_project.local.process import eventually

PATIENCE_WITH_PORTS_SECONDS = 3
WEB_PORT, FLOWER_PORT = 5038, 5555


@dataclass(frozen=True)
class Choices:
    """Presets are None when not given; `database_url` and `broker_url` then mean the embedded engines."""

    web_port: int
    flower_port: int
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


def read_choices(given: Mapping[str, str] = os.environ) -> Choices:
    """Raises StartError that names the variable at fault."""
    choices = Choices(
        web_port=read_port(given, "SCHEDULER_PORT", WEB_PORT),
        flower_port=read_port(given, "SCHEDULER_FLOWER_PORT", FLOWER_PORT),
        database_url=given.get("DATABASE_URL") or None,
        broker_url=given.get("CELERY_BROKER_URL") or None,
        admin_password=given.get("SCHEDULER_ADMIN_PASSWORD") or None,
        api_token=given.get("SCHEDULER_API_TOKEN") or None,
    )
    if choices.web_port == choices.flower_port:
        raise StartError(
            f"SCHEDULER_PORT and SCHEDULER_FLOWER_PORT are both {choices.web_port}. Give one another port."
        )
    return choices


def read_port(given: Mapping[str, str], name: str, default: int) -> int:
    text = given.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise StartError(f"{name} is {text!r}. It must be a port: a whole number from 1 to 65535.")
    return int(text)


def check_ports(choices: Choices) -> None:
    """Raises StartError when somebody else has one of them, and keeps it: a process that ends may take a moment."""
    for name, use, port in (
        ("SCHEDULER_PORT", "the web server", choices.web_port),
        ("SCHEDULER_FLOWER_PORT", "Flower", choices.flower_port),
    ):
        if not eventually(partial(ports.is_free, port), PATIENCE_WITH_PORTS_SECONDS):
            by = ports.holder(port)
            raise StartError(
                f"Port {port}, meant for {use}, is taken{f' by {by}' if by else ''}. "
                f"Free it, or choose another one: {name}={port + 1000} bin/up"
            )


def service_environment(choices: Choices, folder: Folder, *, database_url: str, broker_url: str) -> dict[str, str]:
    """What the processes need and commands beside them read from var/environment. What the caller has set stays."""
    health = f"{choices.web_address}/health"
    defaults = {
        "SCHEDULER_SECRET_KEY": folder.secret("secret-key") + folder.secret("secret-key-2"),
        "SCHEDULER_FLOWER_URL": choices.flower_address,
        # The original's three services do not stand here: their checks look at this very system.
        "SCHEDULER_HEALTH_URLS": f"vehiclessaleservice={health},authservice={health},"
        f"gateway={choices.flower_address}/healthcheck",
    }
    given = {name: os.environ[name] for name in defaults if os.environ.get(name)}
    return {"DATABASE_URL": database_url, "CELERY_BROKER_URL": broker_url, **defaults, **given}
