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
    assert (choices.web_port, choices.flower_port) == (5038, 5555)
    assert choices.database_url is choices.broker_url is None


@pytest.mark.parametrize("port", ["0", "65536", "-1", "80a", "８０", "5038.0", " "])
def test_what_is_no_port_is_refused_by_name(port: str) -> None:
    with pytest.raises(StartError, match="SCHEDULER_PORT is"):
        read_choices({"SCHEDULER_PORT": port})


def test_one_port_for_two_servers_is_refused() -> None:
    with pytest.raises(StartError, match="are both 5555"):
        read_choices({"SCHEDULER_PORT": "5555"})


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
    choices = read_choices({"SCHEDULER_PORT": "8000"})
    environment = service_environment(choices, folder, database_url="postgresql://x/y", broker_url="redis://z")
    assert environment["SCHEDULER_FLOWER_URL"] == "https://flower.example"
    assert "vehiclessaleservice=http://127.0.0.1:8000/health," in environment["SCHEDULER_HEALTH_URLS"]
    assert len(environment["SCHEDULER_SECRET_KEY"]) >= 50


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
