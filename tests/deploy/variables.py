"""The variables that the code reads, by reading it; and those that docs/operations.md tells of, with their defaults."""

import ast
import re
from collections.abc import Iterator

from tests.deploy.image import ROOT

PACKAGES = ("scheduler_project", "jobs", "executions", "dashboard")
# `bin/up` and the demo have variables of their own, which nobody sets in production; a failpoint is for tests alone.
ELSEWHERE = ("scheduler_project/local", "scheduler_project/demo")
FOR_TESTS = frozenset({"SCHEDULER_FAILPOINT"})
A_NAME = re.compile(r"[A-Z][A-Za-z]+_[A-Za-z_]+")


def read_by_settings() -> dict[str, str | None]:
    """Each with its default as somebody would write it; None where that depends on something."""
    tree = ast.parse((ROOT / "scheduler_project" / "settings.py").read_text())
    return {call[0]: call[1] for node in ast.walk(tree) if isinstance(node, ast.Call) and (call := _call(node))}


def read_elsewhere() -> set[str]:
    """By name from os.environ, anywhere in the service."""
    found: set[str] = set()
    for path in (path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))):
        if not str(path.relative_to(ROOT)).startswith(ELSEWHERE):
            found |= set(re.findall(r"""os\.environ(?:\.get\(|\[)"(\w+)\"""", path.read_text()))
    return {name for name in found if A_NAME.fullmatch(name)} - FOR_TESTS


def documented() -> dict[str, str]:
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| .+ \|$", _operations(), re.MULTILINE)
    return {name: default.strip("` ") for name, default in rows}


def mentioned_in_example() -> set[str]:
    return set(re.findall(r"\b[A-Z]\w+", (ROOT / ".env.example").read_text()))


def _operations() -> str:
    text = (ROOT / "docs" / "operations.md").read_text()
    return text[text.index("\n## Configure") : text.index("\n## Upgrade")].replace("| |", "|  |")


def _call(node: ast.Call) -> tuple[str, str | None] | None:
    """`env.str("NAME", default)` and `environment.server_url(env, "NAME", default)`."""
    reader = ast.unparse(node.func.value) if isinstance(node.func, ast.Attribute) else ""
    words = node.args[1:] if reader == "environment" else node.args
    if reader not in ("env", "environment") or not words or not isinstance(words[0], ast.Constant):
        return None
    return str(words[0].value), "" if len(words) == 1 else _written(words[1])


def _written(default: ast.expr) -> str | None:
    try:
        value = ast.literal_eval(default)
    except ValueError:
        return None
    return ",".join(value) if isinstance(value, list) else str(value).lower() if isinstance(value, bool) else str(value)


def undocumented() -> Iterator[str]:
    yield from sorted((set(read_by_settings()) | read_elsewhere()) - set(documented()))
