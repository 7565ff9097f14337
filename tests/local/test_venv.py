"""bin/_env: the right Python, and packages installed only when their list has changed."""

import subprocess
import sys
from pathlib import Path

import pytest

from scheduler_project.local import venv

ROOT = Path(__file__).resolve().parent.parent.parent


def test_a_python_that_is_too_old_is_told_with_the_remedy(tmp_path: Path) -> None:
    for name in ("python3", "python3.13", "python3.12", "python3.11"):
        (tmp_path / name).write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    done = subprocess.run(
        [ROOT / "bin" / "up"], env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "Python 3.11 or newer is needed" in done.stderr


def test_an_older_python3_gives_way_to_a_newer_one_beside_it(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "_env").write_text((ROOT / "bin" / "_env").read_text())
    (tmp_path / "bin" / "x").write_text('. "$(dirname -- "$0")/_env"; echo "$base"\n')
    (tmp_path / "path").mkdir()
    for name, code in (("python3", 1), ("python3.13", 1), ("python3.12", 0), ("python3.11", 0)):
        (tmp_path / "path" / name).write_text(f"#!/bin/sh\nexit {code}\n")
        (tmp_path / "path" / name).chmod(0o755)
    path = {"PATH": f"{tmp_path}/path:/usr/bin:/bin"}
    done = subprocess.run(["sh", "bin/x"], cwd=tmp_path, env=path, capture_output=True, text=True, check=True)
    assert done.stdout == "python3.12\n"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose environment is complete."""
    monkeypatch.setattr(venv, "ROOT", tmp_path)
    monkeypatch.setattr(venv, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(venv, "PYTHON", Path(sys.executable))
    (tmp_path / ".venv").mkdir()
    (tmp_path / "requirements.txt").write_text("django==5.2\n")
    venv.stamp("requirements.txt").write_text(venv.fingerprint("requirements.txt"))
    return tmp_path


def test_a_list_that_is_installed_is_not_installed_again(installed: Path) -> None:
    assert venv.is_installed("requirements.txt")


def test_a_changed_list_is_installed(installed: Path) -> None:
    (installed / "requirements.txt").write_text("django==5.2.1\n")
    assert not venv.is_installed("requirements.txt")


def test_a_folder_that_was_moved_gets_a_new_environment(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (installed / ".venv" / "pyvenv.cfg").write_text(
        f"version = {sys.version.split()[0]}\ncommand = python -m venv {installed / '.venv'}\n"
    )
    assert venv.fits()
    monkeypatch.setattr(venv, "VENV", installed / "moved")
    (installed / "moved").mkdir()
    (installed / "moved" / "pyvenv.cfg").write_text((installed / ".venv" / "pyvenv.cfg").read_text())
    assert not venv.fits()


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("Collecting django==5.2.19 (from -r requirements.txt (line 5))", "downloading django"),
        ("Installing collected packages: a, b", "unpacking and compiling all of them ..."),
        ("Requirement already satisfied: a", None),
    ],
)
def test_pips_lines_become_progress(line: str, shown: str | None) -> None:
    assert venv.where(line) == shown


def test_what_fails_says_its_last_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert venv.step("something", [sys.executable, "-c", "print('the reason'); raise SystemExit(2)"]) == 2
    assert "the reason" in capsys.readouterr().err
