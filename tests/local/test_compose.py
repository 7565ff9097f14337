"""docker-compose.yml and Dockerfile without Docker: read as Docker reads them, and every command run for real."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from executions.vitals.file import KINDS
from scheduler_project import connection_strings
from scheduler_project.demo import population
from scheduler_project.demo.databases import DemoDatabases, drop_database
from scheduler_project.demo.environment import environment, neighbours_named
from scheduler_project.env import DEVELOPMENT_PASSWORDS
from scheduler_project.local import commands
from scheduler_project.local.ports import free_port
from scheduler_project.local.process import Process, eventually, stop_together
from scheduler_project.local.readiness import answers, worker_answers
from scheduler_project.local.valkey import Valkey

pytestmark = pytest.mark.journey

ROOT = Path(__file__).resolve().parent.parent.parent
PATIENCE_SECONDS = 90
OURS = ("migrate", "web", "worker", "beat", "flower")
DEMO_PREFIX = f"compose_{os.getpid()}_"


def example() -> dict[str, str]:
    """.env.example as `docker compose` reads it: a value may speak of those above it."""
    lines = (ROOT / ".env.example").read_text().splitlines()
    variables: dict[str, str] = {}
    for name, value in (line.split("=", 1) for line in lines if line and not line.startswith("#")):
        variables[name] = interpolated(value, variables)
    return variables


def interpolated(text: str, variables: dict[str, str]) -> str:
    """${NAME}, ${NAME:-default} and ${NAME:?complaint} as `docker compose` replaces them."""

    def value(match: re.Match[str]) -> str:
        given = variables.get(match["name"], "")
        if not given and match["kind"] == "?":
            raise LookupError(match["rest"])
        return given or match["rest"] or ""

    return re.sub(r"\$\{(?P<name>\w+)(:(?P<kind>[-?])(?P<rest>[^}]*))?\}", value, text)


def compose(variables: dict[str, str]) -> dict[str, Any]:
    """The services, with the variables put into each text after the file was read: an empty one stays a text."""

    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: filled(each) for key, each in value.items()}
        if isinstance(value, list):
            return [filled(each) for each in value]
        return interpolated(value, variables) if isinstance(value, str) else value

    services: dict[str, Any] = filled(yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"])
    return services


def dockerfile(instruction: str) -> list[str]:
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    return re.findall(rf"^{instruction} +(.*)$", text, re.MULTILINE)


def test_the_commands_are_those_of_bin_up() -> None:
    services = compose(example())
    assert tuple(services["web"]["command"]) == commands.web("0.0.0.0", 5038)
    assert tuple(services["worker"]["command"]) == commands.worker(4)
    assert tuple(services["beat"]["command"]) == commands.beat()
    assert tuple(services["flower"]["command"]) == commands.flower("0.0.0.0", 5555)
    assert tuple(services["demo"]["command"]) == commands.demo("0.0.0.0", 5039)
    assert json.loads(dockerfile("CMD")[-1]) == list(commands.web("0.0.0.0", 5038))
    prepared = services["migrate"]["command"][-1].split("; ")
    assert [tuple(shlex.split(command)) for command in prepared] == [("python", *words) for words in commands.PREPARE]


def test_everything_restarts_but_the_migrations_which_all_of_ours_wait_for() -> None:
    services = compose(example())
    assert set(services) == {"postgres", "redis", "demo", *OURS}
    for name, service in services.items():
        assert service["restart"] == ("no" if name == "migrate" else "unless-stopped"), name
        if name in OURS and name != "migrate":
            assert service["depends_on"] == {
                "postgres": {"condition": "service_healthy"},
                "redis": {"condition": "service_healthy"},
                "migrate": {"condition": "service_completed_successfully"},
            }
    assert services["postgres"]["image"] == "postgres:16"
    assert services["web"]["ports"] == ["127.0.0.1:5038:5038"]


def test_worker_and_beat_are_healthy_by_their_sign_of_life() -> None:
    services = compose(example())
    for kind in KINDS:
        assert services[kind]["healthcheck"]["test"] == ["CMD", "python", "-m", "executions.vitals", kind]
        assert services[kind]["healthcheck"]["start_period"] == "60s"
    assert {name for name, service in services.items() if service.get("healthcheck", {}).get("disable")} == {"migrate"}
    assert "/health/ready" in dockerfile("HEALTHCHECK")[0]


def test_the_demo_is_a_profile_that_the_example_switches_on() -> None:
    services = compose(example())
    assert {name for name, service in services.items() if "profiles" in service} == {"demo"}
    assert services["demo"]["profiles"] == [example()["COMPOSE_PROFILES"]] == ["demo"]
    assert services["demo"]["ports"] == ["127.0.0.1:5039:5039"]
    assert services["demo"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert "demo" in services["demo"]["environment"]["SCHEDULER_ALLOWED_HOSTS"].split(",")


def test_the_example_leads_to_the_demo_and_nothing_does_without_it() -> None:
    ours = compose(example())["worker"]["environment"]
    password = example()["POSTGRES_PASSWORD"]
    expected = environment(
        database_url=f"postgresql://schedulerservice:{password}@postgres:5432/schedulerservice",
        base_url="http://demo:5039",
        cold_storage=Path("/var/lib/schedulerservice/cold-storage"),
        internal_key=example()["Security__InternalApiKey"],
        jwt_key=example()["Jwt__Key"],
    )
    given = connection_strings.of_services(ours)
    assert given == connection_strings.of_services(expected)
    others = {name for name in expected if not name.endswith(("_CONNECTION_STRING", "_PREFIX"))}
    assert {name: ours[name] for name in others} == {name: expected[name] for name in others}
    demanded = {name: value for name, value in example().items() if name.endswith(("PASSWORD", "_KEY", "_TOKEN"))}
    bare = compose(demanded)["worker"]["environment"]
    assert neighbours_named(bare) == ["SCHEDULER_HEALTH_URLS"]
    assert bare["SCHEDULER_DEMO"] == "false"


def test_cold_storage_is_a_volume_that_the_images_user_owns() -> None:
    services = compose(example())
    mounted = {
        name
        for name, service in services.items()
        if "cold-storage:/var/lib/schedulerservice" in service.get("volumes", [])
    }
    assert mounted == {"worker", "demo"}
    assert "install --directory --owner=1000 --group=1000 --mode=700 /var/lib/schedulerservice" in dockerfile("RUN")[0]


def test_without_an_env_file_the_remedy_is_told() -> None:
    with pytest.raises(LookupError, match="first do cp"):
        compose({})


def test_every_variable_of_the_example_is_used_and_every_demanded_one_is_in_it() -> None:
    used = set(re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text()))
    # What Docker itself reads is in no file of ours.
    assert set(example()) - {"COMPOSE_PROFILES"} == used


def test_the_image_runs_as_an_ordinary_user_and_installs_by_hash() -> None:
    assert dockerfile("FROM")[0].startswith("python:3.12-slim")
    assert dockerfile("USER") == ["1000:1000"]
    assert dockerfile("RUN")[-1] == "pip install --require-hashes -r requirements.txt"
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert {".env", "var", ".venv", ".git"} <= set(ignored)


def test_the_image_has_a_client_with_ssl_that_is_not_older_than_oklas_servers() -> None:
    """The embedded PostgreSQL's has none; of Debian's, trixie's is 17, bookworm's was 15 and the servers are 16."""
    assert dockerfile("FROM") == ["python:3.12-slim-trixie"]
    (installed,) = [command for command in dockerfile("RUN") if "apt-get install" in command]
    assert "--no-install-recommends postgresql-client " in installed and "rm -rf /var/lib/apt/lists/*" in installed


def test_production_refuses_the_demo() -> None:
    given = compose(example() | {"SCHEDULER_ENVIRONMENT": "production"})["demo"]
    own = {
        "SCHEDULER_SECRET_KEY": "only-for-this-test-0123456789-abcdefghijklmnop",
        "DATABASE_URL": "postgresql://me:a-good-password@db.example/x",
        "CELERY_BROKER_URL": "redis://:a-good-password@broker.example/0",
    }
    variables = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", **given["environment"], **own}
    done = subprocess.run(given["command"], cwd=ROOT, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode
    complaint = done.stderr.splitlines()[-1]
    assert "SCHEDULER_DEMO must be off (in compose, also `demo` out of COMPOSE_PROFILES)" in complaint


def test_production_refuses_the_passwords_of_the_example() -> None:
    passwords = {name: value for name, value in example().items() if name.endswith("_PASSWORD")}
    assert set(passwords.values()) <= DEVELOPMENT_PASSWORDS
    variables = {
        "PATH": os.environ["PATH"],
        **compose(example() | {"SCHEDULER_ENVIRONMENT": "production"})["web"]["environment"],
    }
    done = subprocess.run(
        [sys.executable, "manage.py", "check"], cwd=ROOT, env=variables, capture_output=True, text=True, check=False
    )
    assert done.returncode
    for name in ("SCHEDULER_SECRET_KEY", "DATABASE_URL", "CELERY_BROKER_URL"):
        assert name in done.stderr.splitlines()[-1]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What the containers `postgres` and `redis` are to the others: a database and a broker of their own."""
    server, _, _ = os.environ["DATABASE_URL"].rpartition("/")
    name = f"compose_{os.getpid()}"
    valkey = Valkey(tmp_path_factory.mktemp("redis"), is_durable=False)
    valkey.start()
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield {
            "DATABASE_URL": f"{server}/{name}",
            "CELERY_BROKER_URL": valkey.url(),
            "SCHEDULER_DEMO_PREFIX": DEMO_PREFIX,
        }
        drop_database(connection, name)
    own = connection_strings.parse("DATABASE_URL", os.environ["DATABASE_URL"])
    population.remove(DemoDatabases(own, DEMO_PREFIX))
    valkey.kill()


def service(name: str, servers: dict[str, str], folder: Path, ports: dict[str, str]) -> Process:
    """A service as a local process: its command and its environment, nothing else, but for the addresses."""
    described = compose(example())[name]
    command = [ports.get(word, word) for word in described["command"]]
    command = [re.sub(r"^--port=(\d+)$", lambda found: f"--port={ports[found[1]]}", word) for word in command]
    return Process(
        name=name,
        command=command,
        log=folder / f"{name}.log",
        directory=ROOT,
        environment={
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            **{key: str(value) for key, value in described["environment"].items()},
            **servers,
            "TMPDIR": str(folder),  # a container has one of its own
        },
    )


def is_healthy(name: str, process: Process) -> bool:
    """As Docker asks: by a further process in the container."""
    check = compose(example())[name]["healthcheck"]["test"][1:]
    return not subprocess.run(check, cwd=ROOT, env=process.environment, capture_output=True, check=False).returncode


def test_every_service_starts_becomes_ready_and_stops_when_asked(servers: dict[str, str], tmp_path: Path) -> None:
    ports = {"5038": str(free_port()), "5555": str(free_port()), "5039": str(free_port())}
    processes = {name: service(name, servers, tmp_path, ports) for name in (*OURS, "demo")}
    migrate = processes.pop("migrate")
    migrate.start()
    assert eventually(lambda: not migrate.is_running, PATIENCE_SECONDS)
    assert migrate.exit_code == 0, migrate.last_lines()
    assert "User 'admin' created." in migrate.last_lines()

    are_ready: dict[str, Callable[[], bool]] = {
        "web": lambda: answers(int(ports["5038"]), "/health/ready"),
        "worker": lambda: worker_answers(servers["CELERY_BROKER_URL"]) and is_healthy("worker", processes["worker"]),
        "beat": lambda: is_healthy("beat", processes["beat"]),
        "flower": lambda: answers(int(ports["5555"]), "/healthcheck"),
        "demo": lambda: answers(int(ports["5039"]), "/vehiclessaleservice/health"),
    }
    try:
        for process in processes.values():
            process.start()
        for name, is_ready in are_ready.items():
            assert eventually(is_ready, PATIENCE_SECONDS), processes[name].last_lines()
        for process in processes.values():
            process.send(signal.SIGTERM)
        for name, process in processes.items():
            assert eventually(lambda process=process: not process.is_running, PATIENCE_SECONDS), name  # type: ignore[misc]
    finally:
        stop_together(list(processes.values()))
