"""`var/`: one runner at a time, passwords that stay, ports that give way."""

import os
import socket
from pathlib import Path

import pytest
from environs import Env

from scheduler_project.local.errors import StartError
from scheduler_project.local.folder import Folder


@pytest.fixture
def folder(long_folder: Path) -> Folder:
    folder = Folder(long_folder / "var")
    folder.open()
    return folder


def test_a_second_runner_is_told_who_has_the_folder(folder: Folder) -> None:
    with pytest.raises(StartError, match=f"already runs from this folder \\(process {os.getpid()}\\)"):
        Folder(folder.path).open()


def test_a_closed_folder_can_be_opened_again(folder: Folder) -> None:
    folder.close()
    Folder(folder.path).open()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_the_folder_of_another_account_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    os.chown(tmp_path / "var", 65534, 65534)
    with pytest.raises(StartError, match="belongs to nobody"):
        Folder(tmp_path / "var").open()


def test_a_secret_stays_the_same_and_is_the_owners_alone(folder: Folder) -> None:
    secret = folder.secret("api-token")
    assert len(secret) >= 20
    assert folder.secret("api-token") == secret != folder.secret("admin-password")
    assert (folder.path / "secrets" / "api-token").stat().st_mode & 0o777 == 0o600
    assert (folder.path / "secrets").stat().st_mode & 0o777 == 0o700


def test_a_port_is_remembered_until_somebody_else_has_it(folder: Folder) -> None:
    port = folder.port("postgres")
    assert folder.port("postgres") == port
    with socket.create_server(("127.0.0.1", port)):
        assert folder.port("postgres") != port


def test_the_environment_reads_back_as_written_and_is_gone_after_the_stop(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = {"DATABASE_URL": "postgresql://a:b@c/d?e=f", "ODD": """it's a "$quoted" \\ #value""", "EMPTY": ""}
    folder.write_environment(odd)
    assert folder.environment_file.stat().st_mode & 0o777 == 0o600
    for name in odd:
        monkeypatch.delenv(name, raising=False)
    env = Env()
    env.read_env(str(folder.environment_file), recurse=False)
    assert {name: env.str(name) for name in odd} == odd
    folder.close()
    assert not folder.environment_file.exists()
