"""The image without Docker: its tree as .dockerignore leaves it and nobody may write to, its packages, its user."""

import importlib.metadata
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scheduler_project.local.account import Account, launch_words
from scheduler_project.local.process import Process

ROOT = Path(__file__).resolve().parent.parent.parent
UID = 1000  # Dockerfile's USER


@dataclass(frozen=True)
class Image:
    """`folder` holds the tree and the packages; whoever runs it needs to reach them."""

    folder: Path

    @property
    def tree(self) -> Path:
        return self.folder / "app"

    @property
    def account(self) -> Account:
        """The image's user where the tests may become it, else whoever runs them."""
        return Account(UID) if os.geteuid() == 0 else Account()

    @property
    def needs(self) -> tuple[Path, ...]:
        return (Path(sys.executable).resolve(), _installed(), self.folder)

    def variables(self, given: Mapping[str, str], tmp: Path) -> dict[str, str]:
        """`tmp`: the container's /tmp, made here."""
        if not tmp.exists():
            tmp.mkdir(mode=0o700)
            self.account.take(tmp)
        path = f"{self.folder / 'venv' / 'bin'}:{os.environ['PATH']}"
        return {"PATH": path, "HOME": "/nonexistent", "PYTHONDONTWRITEBYTECODE": "1", **given, "TMPDIR": str(tmp)}

    def process(self, name: str, command: Sequence[str], given: Mapping[str, str], folder: Path) -> Process:
        return Process(
            name=name, command=command, log=folder / f"{name}.log", directory=self.tree,
            environment=self.variables(given, folder / f"{name}.tmp"), account=self.account, needs=self.needs,
        )  # fmt: skip

    def run(self, command: Sequence[str], environment: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
        """A further process in a container: `docker exec`, or its health check."""
        words = launch_words(parent_death=subprocess.signal.SIGTERM, account=self.account, needs=self.needs)  # type: ignore[attr-defined]
        return subprocess.run(
            [*words, *command], cwd=self.tree, env=dict(environment), capture_output=True, text=True, check=False
        )

    def content(self) -> dict[str, float]:
        return {str(path): path.lstat().st_mtime for path in self.tree.rglob("*")}


def build(folder: Path) -> Image:
    image = Image(folder)
    for name in (line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")):
        source, target = ROOT / name, image.tree / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, target)
    subprocess.run([sys.executable, "-m", "compileall", "-q", image.tree], check=True)
    _install(folder / "venv")
    for path in (image.tree, *image.tree.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    return image


def packages() -> list[str]:
    script = [sys.executable, "deploy/runtime_requirements.py", "requirements.in", "requirements.txt"]
    listed = subprocess.run(script, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [line.partition("==")[0] for line in listed.splitlines() if "==" in line]


def _install(venv: Path) -> None:
    """An environment with links to what this one has of the image's packages, and to nothing else."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    (site,) = venv.glob("lib/python*/site-packages")
    for package in _distributions():
        for top in {file.parts[0] for file in package.files or () if file.parts[0] != ".."}:
            link = site / top
            if not link.exists():
                link.symlink_to(Path(str(package.locate_file(top))))
        for command in package.entry_points.select(group="console_scripts"):
            path = venv / "bin" / command.name
            path.write_text(f"#!{venv}/bin/python\nimport sys\nfrom {command.module} import {command.attr} as main\n")
            with path.open("a") as script:
                script.write("sys.exit(main())\n")
            path.chmod(0o755)


def _distributions() -> Iterator[importlib.metadata.Distribution]:
    for name in packages():
        try:
            yield importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            assert name == "async-timeout", f"{name} is not installed here"  # for older versions of Python only


def _installed() -> Path:
    return Path(str(importlib.metadata.distribution("django").locate_file("")))
