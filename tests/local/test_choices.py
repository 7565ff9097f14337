"""What the environment chooses is read strictly; each complaint names its variable and the remedy."""

import os
import socket
from pathlib import Path

import pytest

from scheduler_project.local.access import Access
from scheduler_project.local.choices import check_ports, read_choices, service_environment
from scheduler_project.local.errors import StartError
from scheduler_project.local.folder import Folder
from scheduler_project.local.ports import free_port
from scheduler_project.local.servers import check_broker, check_database


def test_nothing_set_means_the_embedded_engines_and_the_usual_ports() -> None:
    choices = read_choices({"DATABASE_URL": ""})
    assert (choices.web_port, choices.flower_port, choices.demo_port) == (5038, 5555, 5039)
    assert choices.database_url is choices.broker_url is None
    assert choices.is_demo


@pytest.mark.parametrize("port", ["0", "65536", "-1", "80a", "８０", "5038.0", " "])
def test_what_is_no_port_is_refused_by_name(port: str) -> None:
    with pytest.raises(StartError, match="SCHEDULER_PORT is"):
        read_choices({"SCHEDULER_PORT": port})


def test_one_port_for_two_servers_is_refused() -> None:
    with pytest.raises(StartError, match="SCHEDULER_PORT and SCHEDULER_FLOWER_PORT are both 5555"):
        read_choices({"SCHEDULER_PORT": "5555"})
    with pytest.raises(StartError, match="SCHEDULER_PORT and SCHEDULER_DEMO_PORT are both 5039"):
        read_choices({"SCHEDULER_PORT": "5039"})
    assert read_choices({"SCHEDULER_PORT": "5039", "SCHEDULER_DEMO": "false"}).web_port == 5039


@pytest.mark.parametrize(
    "given",
    [
        {"SCHEDULER_DEMO": "false"},
        {"SCHEDULER_DEMO": "0"},
        {"DATABASE_URL": "postgresql://me@db.example/x"},
        {"ServiceUrls__NotificationService": "http://notificationservice:8080"},
        {"USERSERVICE_DATABASE_CONNECTION_STRING": "Host=db;Database=x;Username=me"},
        {"SCHEDULER_HEALTH_URLS": "gateway=http://gateway/health"},
        {"SCHEDULER_ENVIRONMENT": "production"},
    ],
)
def test_the_demo_stays_away_when_anything_is_configured(given: dict[str, str]) -> None:
    assert not read_choices(given).is_demo


def test_the_demo_runs_on_ones_own_server_only_when_asked_for() -> None:
    assert read_choices({"DATABASE_URL": "postgresql://me@db.example/x", "SCHEDULER_DEMO": "true"}).is_demo


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"SCHEDULER_DEMO": "perhaps"}, "SCHEDULER_DEMO is 'perhaps'. It must be true or false"),
        (
            {"SCHEDULER_DEMO": "true", "SCHEDULER_SMTP_URL": "smtp://mail"},
            "SCHEDULER_DEMO is true beside SCHEDULER_SMTP_URL",
        ),
        ({"SCHEDULER_DEMO": "true", "SCHEDULER_ENVIRONMENT": "production"}, "never runs in production"),
        ({"SCHEDULER_DEMO_PORT": "x"}, "SCHEDULER_DEMO_PORT is 'x'"),
    ],
)
def test_a_demo_that_cannot_be_is_refused_by_name(given: dict[str, str], told: str) -> None:
    with pytest.raises(StartError) as complaint:
        read_choices(given)
    assert told in str(complaint.value)


def test_a_taken_port_is_told_with_its_holder_and_the_variable_to_set() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        taken = {"SCHEDULER_PORT": str(free_port()), "SCHEDULER_FLOWER_PORT": str(port)}
        with pytest.raises(StartError) as complaint:
            check_ports(read_choices(taken))
    assert f"Port {port}, meant for Flower, is taken by python" in str(complaint.value)
    assert f"process {os.getpid()}" in str(complaint.value)
    assert "SCHEDULER_FLOWER_PORT=" in str(complaint.value)


def test_servers_that_cannot_be_reached_are_named_without_their_passwords() -> None:
    port = free_port()
    for check, url, variable in (
        (check_database, f"postgresql://me:hush@127.0.0.1:{port}/x", "DATABASE_URL"),
        (check_broker, f"redis://:hush@127.0.0.1:{port}/0", "CELERY_BROKER_URL"),
    ):
        with pytest.raises(StartError) as complaint:
            check(url)
        assert str(complaint.value).startswith(f"{variable}: no connection to 127.0.0.1:{port}: ")
        assert "refused" in str(complaint.value)
        assert "hush" not in str(complaint.value)


def test_a_broker_url_of_another_kind_is_refused_by_name() -> None:
    with pytest.raises(StartError, match="CELERY_BROKER_URL"):
        check_broker("amqp://guest@127.0.0.1//")


def test_what_the_caller_has_set_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCHEDULER_FLOWER_URL", "https://flower.example")
    monkeypatch.delenv("SCHEDULER_HEALTH_URLS", raising=False)
    folder = Folder(tmp_path / "var")
    folder.open()
    choices = read_choices({"SCHEDULER_PORT": "8000", "SCHEDULER_DEMO": "false"})
    environment = service_environment(choices, folder, database_url="postgresql://x/y", broker_url="redis://z")
    assert environment["SCHEDULER_FLOWER_URL"] == "https://flower.example"
    assert "vehiclessaleservice=http://127.0.0.1:8000/health," in environment["SCHEDULER_HEALTH_URLS"]
    assert len(environment["SCHEDULER_SECRET_KEY"]) >= 50
    assert "SCHEDULER_ARCHIVE_URL" not in environment


def test_with_the_demo_every_neighbour_is_the_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SCHEDULER_DEMO_PREFIX", raising=False)
    folder = Folder(tmp_path / "a folder")
    folder.open()
    choices = read_choices({"SCHEDULER_DEMO_PORT": "8039"})
    url = "postgresql://me:hush@db.example/own"
    first, second = (service_environment(choices, folder, database_url=url, broker_url="redis://z") for _ in range(2))
    assert first == second
    assert first["SCHEDULER_DEMO"] == "true"
    assert first["ServiceUrls__AuditService"] == "http://127.0.0.1:8039/auditservice"
    assert first["AUTHSERVICE_DATABASE_CONNECTION_STRING"].endswith("@db.example:5432/demo_authservice")
    assert first["SCHEDULER_ARCHIVE_URL"] == f"file://{tmp_path}/a%20folder/cold-storage"
    assert len(first["Jwt__Key"]) >= 32 and len(first["Security__InternalApiKey"]) >= 20
    assert (folder.path / "cold-storage").stat().st_mode & 0o777 == 0o700


def test_a_server_that_the_demo_cannot_use_is_refused_by_name(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "var")
    folder.open()
    choices = read_choices({})
    with pytest.raises(StartError, match="DATABASE_URL names no user name"):
        service_environment(choices, folder, database_url="postgresql://db.example/own", broker_url="redis://z")


def test_presets_are_used_and_not_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLOWER_BASIC_AUTH", raising=False)
    folder = Folder(tmp_path / "var")
    folder.open()
    preset = Access(read_choices({"SCHEDULER_ADMIN_PASSWORD": "a,b", "SCHEDULER_API_TOKEN": "t" * 20}), folder)
    assert preset.environment() == {"SCHEDULER_ADMIN_PASSWORD": "a,b", "SCHEDULER_API_TOKEN": "t" * 20}
    # Flower would read two logins out of a password with a comma.
    assert "," not in preset.flower_login
    assert preset.rows() == {
        "Sign in": "admin / as in SCHEDULER_ADMIN_PASSWORD",
        "API token": "as in SCHEDULER_API_TOKEN",
        "Flower login": preset.flower_login.replace(":", " / "),
    }
    generated = Access(read_choices({}), folder)
    assert generated.flower_login == f"admin:{generated.admin_password}"
    assert generated.rows()["API token"] == generated.api_token
