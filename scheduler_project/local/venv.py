"""The virtual environment in `.venv`, made and kept up to date: run by bin/_env with the machine's own Python.

    python3 scheduler_project/local/venv.py [dev]

Only the standard library is there yet. Says nothing when there is nothing to do.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOCK = ROOT / "var" / "venv.lock"
SAY_EVERY_SECONDS = 4
LAST_LINES = 25
NO_ENSUREPIP = """\
This Python has no `ensurepip`, so it cannot make a virtual environment.
On Debian and Ubuntu: apt install python3-venv"""


def main() -> int:
    lists = ["requirements.txt", *(["requirements-dev.txt"] if "dev" in sys.argv[1:] else [])]
    LOCK.parent.mkdir(mode=0o711, exist_ok=True)
    with LOCK.open("w") as lock:
        if not take(lock.fileno()):
            say("Another start from this folder installs the packages; waiting for it.")
            fcntl.flock(lock, fcntl.LOCK_EX)
        missing = [name for name in lists if not is_installed(name)]
        return install(missing) if missing else 0


def install(lists: Sequence[str]) -> int:
    if find_spec("ensurepip") is None and not PYTHON.exists():
        return complain(NO_ENSUREPIP)
    began = time.monotonic()
    say(f"Installing into {VENV} with Python {sys.version.split()[0]} (only when the list of packages has changed)")
    if not fits():
        shutil.rmtree(VENV, ignore_errors=True)
        if step("virtual environment", [sys.executable, "-m", "venv", str(VENV)]):
            return complain("The virtual environment could not be made; the lines above say why.")
    for name in lists:
        count = sum(line[:1].isalnum() for line in (ROOT / name).read_text().splitlines())
        pip = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--progress-bar", "off"]
        if step(f"up to {count} packages of {name}", [*pip, "--require-hashes", "-r", name]):
            return complain(f"pip could not install {name}; its lines above say why.")
        stamp(name).write_text(fingerprint(name))
    say(f"Installed in {time.monotonic() - began:.0f} s.")
    return 0


def step(title: str, command: Sequence[str]) -> int:
    """Run it, saying now and then where it is; when it fails, what it said last. Returns its exit code."""
    began = said = time.monotonic()
    say(f"  {title} ...")
    lines: list[str] = []
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        for line in process.stdout or ():
            lines.append(line.rstrip())
            place = where(line)
            if place and (time.monotonic() - said > SAY_EVERY_SECONDS or "unpacking" in place):
                said = time.monotonic()
                say(f"  {said - began:4.0f} s  {place}")
    if process.returncode:
        say("\n".join(lines[-LAST_LINES:]))
    else:
        say(f"  {time.monotonic() - began:4.0f} s  done")
    return process.returncode


def where(line: str) -> str | None:
    """What a line of pip's says to a person who waits; most say nothing."""
    if line.startswith("Collecting "):
        return f"downloading {line.split()[1].partition('==')[0]}"
    if line.startswith("Installing collected packages"):
        return "unpacking and compiling all of them ..."
    return None


def fits() -> bool:
    """Whether the environment there is this Python's and was made in this place: its scripts name their path."""
    configuration = VENV / "pyvenv.cfg"
    if not PYTHON.exists() or not configuration.exists():
        return False
    lines = configuration.read_text().splitlines()
    version = ".".join(map(str, sys.version_info[:3]))
    return f"version = {version}" in lines and any(line.endswith(f" {VENV}") for line in lines if "command" in line)


def is_installed(name: str) -> bool:
    return PYTHON.exists() and stamp(name).exists() and stamp(name).read_text() == fingerprint(name)


def fingerprint(name: str) -> str:
    """Of the list, the Python and the place: any other one needs another environment."""
    return hashlib.sha256(f"{ROOT}\n{sys.version}\n{(ROOT / name).read_text()}".encode()).hexdigest()


def stamp(name: str) -> Path:
    return VENV / f"{name}.installed"


def take(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def complain(text: str) -> int:
    say(text)
    return 1


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    os.environ.pop("PIP_REQUIRE_VIRTUALENV", None)
    sys.exit(main())
