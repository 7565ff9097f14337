"""The variables that lead the service's processes to the demo, and our gateways speaking with it through them."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from scheduler_project import connection_strings
from scheduler_project.demo.environment import environment, neighbours_named
from scheduler_project.demo.schemas import EVERY_SERVICE
from tests.demo.demo_process import ROOT, RunningDemo

ODD_PASSWORD = "a;b=c\"d'e @/:%ñ"
ODD_URL = "postgresql://me:a%3Bb%3Dc%22d%27e%20%40%2F%3A%25%C3%B1@db.example:6543/own?sslmode=require"


def made(**change: Any) -> dict[str, str]:
    given = {
        "database_url": ODD_URL, "base_url": "http://127.0.0.1:5039", "cold_storage": Path("/a folder/cold"),
        "internal_key": "k", "jwt_key": "j" * 32,
    }  # fmt: skip
    return environment(**{**given, **change})


def test_every_database_has_its_address_whatever_the_password_holds() -> None:
    read = connection_strings.of_services(made())
    expected = {"host": "db.example", "port": "6543", "user": "me", "password": ODD_PASSWORD, "sslmode": "require"}
    assert read == {service: {**expected, "dbname": f"demo_{service}"} for service in EVERY_SERVICE}


def test_one_address_is_written_as_dotnet_writes_it() -> None:
    forms = [text.partition("=")[0] for name, text in made().items() if name.endswith("_CONNECTION_STRING")]
    assert forms.count("Host") == 1


def test_without_a_password_none_is_made_up() -> None:
    read = connection_strings.of_services(made(database_url="postgresql://me@db.example/own"))
    assert all("password" not in address for address in read.values())


def test_folders_with_spaces_and_relative_ones_become_whole_addresses() -> None:
    assert made()["SCHEDULER_ARCHIVE_URL"] == "file:///a%20folder/cold"
    assert made(cold_storage=Path("cold"))["SCHEDULER_ARCHIVE_URL"] == f"{Path.cwd().as_uri()}/cold"


def test_a_neighbour_is_noticed_by_any_of_its_variables_and_an_empty_one_is_none() -> None:
    given = {
        "PATH": "/bin", "DATABASE_URL": "x", "SCHEDULER_PORT": "1", "Jwt__Key": " ", "SCHEDULER_DEMO": "true",
        "ServiceUrls__AuditService": "http://audit", "CRM_DATABASE_CONNECTION_STRING": "x", "SCHEDULER_SMTP_URL": "x",
    }  # fmt: skip
    assert neighbours_named(given) == [
        "CRM_DATABASE_CONNECTION_STRING",
        "SCHEDULER_SMTP_URL",
        "ServiceUrls__AuditService",
    ]
    no_neighbours = {"SCHEDULER_DEMO", "SCHEDULER_DEMO_PREFIX", "SCHEDULER_TABLE_MAPPING"}
    assert set(neighbours_named(made())) == set(made()) - no_neighbours


# Run in a process of its own: settings are read once.
CONVERSATION = """
import django; django.setup()
from jobs import gateways
from jobs.gateways.health import HEALTHY
from jobs.gateways.notifications import AlertMessage, Email

worlds = gateways.current()
print(worlds.notifications.send(Email("ana@correo.example", "Hola", "<p>Hola</p>", "Hola")).value)
print(worlds.notifications.send(Email("baja@sin-avisos.example", "Hola", "<p>Hola</p>", "Hola")).value)
worlds.notifications.alert(AlertMessage("Service gateway is unhealthy!", "HTTP 503"))
for service in ("vehiclessaleservice", "authservice", "gateway"):
    url = worlds.health.url_of(service, "http://{service}:8080/health")
    print(worlds.health.ask(service, url=url, timeout_seconds=5).status == HEALTHY)
for source in worlds.logs.sources:
    with worlds.logs.open(source):
        print(source)
for world in (worlds.tokens, worlds.appointments, worlds.vehicles, worlds.users):
    with world.open():
        print(type(world).__name__)
"""


def test_our_gateways_and_the_demo_understand_one_another(demo: RunningDemo) -> None:
    variables = {**os.environ, "DJANGO_SETTINGS_MODULE": "scheduler_project.settings", **demo.environment}
    done = subprocess.run(
        [sys.executable, "-c", CONVERSATION], cwd=ROOT, env=variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    worlds = ["errorservice.Logs", "Tokens", "Appointments", "Vehicles", "Users"]
    assert done.stdout.split() == ["sent", "blocked", "True", "True", "True", *worlds]
    kept = demo.rows("okla", "SELECT recipient, status FROM emails ORDER BY number")
    assert kept[:2] == [("ana@correo.example", "Sent"), ("baja@sin-avisos.example", "ConsentBlocked")]
    assert kept[2] == ("admin@okla.com.do", "Sent")
