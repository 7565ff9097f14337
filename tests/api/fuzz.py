"""`bin/fuzz`: the API of a real web process, asked at random by its own schema for some minutes."""

import argparse
import json
import os
import secrets
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from scheduler_project.local import commands
from scheduler_project.local.folder import ROOT
from scheduler_project.local.ports import LOCALHOST, free_port
from scheduler_project.local.process import Process, eventually
from scheduler_project.local.readiness import answers
from tests import engines, environment
from tests.api import known

START_SECONDS = 60
LOG_SHOWN = 20_000  # characters
CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
    "response_schema_conformance", "unsupported_method", "use_after_free", "ensure_resource_availability",
)  # fmt: skip


def main() -> int:
    asked = arguments()
    environment.prepare()
    engines.start_engines()
    key = secrets.token_urlsafe(32)
    os.environ |= {"SCHEDULER_API_TOKEN": key, "SCHEDULER_RATE_API": "off", "SCHEDULER_LOG_LEVEL": "ERROR"}
    for command in commands.PREPARE:
        subprocess.run([sys.executable, *command], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    things = subprocess.run([sys.executable, "-m", "tests.api.things"], cwd=ROOT, check=True, stdout=subprocess.PIPE)
    os.environ |= {known.KNOWN: things.stdout.decode().splitlines()[-1], "PYTHONPATH": str(ROOT)}
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        web = Process(
            name="web",
            command=[sys.executable, "-m", *commands.web(LOCALHOST, port)],
            log=Path(folder) / "web.log",
            directory=ROOT,
            environment=os.environ,
        )
        web.start()
        try:
            eventually(lambda: answers(port, "/health/live"), START_SECONDS)
            code = fuzzed(f"http://{LOCALHOST}:{port}", key, Path(folder), asked)
        finally:
            web.stop()
        print(web.log.read_text()[-LOG_SHOWN:] if code else "", end="")
        return code


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bin/fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**31))
    return parser.parse_args()


def fuzzed(url: str, key: str, folder: Path, asked: argparse.Namespace) -> int:
    """schemathesis's exit code, after a table of what was answered."""
    report = folder / "events.ndjson"
    run = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run", str(ROOT / "docs" / "openapi.yaml"), "--url", url),
            *("--header", f"Authorization: Token {key}", "--checks", ",".join(CHECKS), "--seed", str(asked.seed)),
            *("--max-time", str(round(60 * asked.minutes)), "--continue-on-failure", "--request-timeout", "30"),
            *("--report-ndjson-path", str(report)),
        ],
        cwd=folder,
        check=False,
        env=os.environ | {"SCHEMATHESIS_HOOKS": "tests.api.known"},
    )
    print(f"Seed {asked.seed}. Answers:")
    for status, count in sorted(statuses(report).items()):
        print(f"  {status}  {count}")
    return run.returncode


def statuses(report: Path) -> Counter[int]:
    """How often each status was answered."""
    found: Counter[int] = Counter()
    for line in report.read_text().splitlines():
        _count(json.loads(line), found)
    return found


def _count(node: object, found: Counter[int]) -> None:
    if isinstance(node, dict):
        if isinstance(node.get("response"), dict) and isinstance(node["response"].get("status_code"), int):
            found[node["response"]["status_code"]] += 1
        for part in node.values():
            _count(part, found)
    elif isinstance(node, list):
        for part in node:
            _count(part, found)


if __name__ == "__main__":
    sys.exit(main())
