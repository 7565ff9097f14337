"""`manage.py demo` as a person types it, and that production refuses the demo in every form."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from django.utils import timezone

from jobs import business_days
from scheduler_project.demo import population
from scheduler_project.demo.databases import PREFIX_VARIABLE, DemoDatabases
from scheduler_project.local import commands
from scheduler_project.local.ports import LOCALHOST, free_port
from tests.demo import demo_process
from tests.demo.demo_process import ROOT

PRODUCTION = {
    "SCHEDULER_ENVIRONMENT": "production", "SCHEDULER_SECRET_KEY": "only-for-this-test-0123456789-abcdefghijklmnop",
    "SCHEDULER_ALLOWED_HOSTS": "scheduler.example", "CELERY_BROKER_URL": "redis://:a-good-password@broker.example:6379/0",
    "SCHEDULER_DEBUG": "false", "SCHEDULER_DEMO": "",
}  # fmt: skip


@pytest.fixture
def databases() -> Iterator[DemoDatabases]:
    databases = demo_process.databases()
    yield databases
    population.remove(databases)


def demo(verb: str, databases: DemoDatabases, **more: str) -> subprocess.CompletedProcess[str]:
    return run([sys.executable, "manage.py", "demo", verb], {PREFIX_VARIABLE: databases.prefix, **more})


def run(command: list[str], more: dict[str, str]) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "scheduler_project.settings", **more}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60)


def test_reset_status_ensure_and_remove_say_what_they_did(databases: DemoDatabases) -> None:
    before = demo("status", databases)
    assert before.returncode == 1
    assert f"Not there: {databases.name('authservice')}," in before.stderr
    assert "python manage.py demo reset" in before.stderr
    reset = demo("reset", databases)
    assert reset.returncode == 0, reset.stderr
    assert "   380  Expired tokens (CleanupExpiredTokensJob)\n" in reset.stdout
    assert demo("status", databases).stdout == reset.stdout
    assert demo("ensure", databases).stdout == "Nothing to add.\n"
    assert demo("remove", databases).stdout == "Removed.\n"
    assert demo("status", databases).returncode == 1


def test_with_another_mapping_it_says_what_to_do(databases: DemoDatabases) -> None:
    population.reset(databases, day=business_days.day_of(timezone.now()))
    other = demo("status", databases, SCHEDULER_TABLE_MAPPING="okla")
    assert other.returncode == 1
    assert f"Not there: {databases.name('vehicleintelligenceservice')}, " in other.stderr
    ensured = demo("ensure", databases, SCHEDULER_TABLE_MAPPING="okla")
    assert f"{databases.name('authservice')}: made anew, it was for the mapping original" in ensured.stdout
    former = demo("status", databases)
    assert former.returncode == 1
    assert "Made for another mapping than SCHEDULER_TABLE_MAPPING=original: " in former.stderr
    assert "Make them anew with: python manage.py demo ensure" in former.stderr


def test_a_server_that_is_not_there_is_told_without_a_traceback(databases: DemoDatabases) -> None:
    url = f"postgresql://me:hush@127.0.0.1:{free_port()}/x"
    done = demo("reset", databases, DATABASE_URL=url)
    assert done.returncode == 1
    assert "The server of DATABASE_URL did not do it" in done.stderr
    assert "hush" not in done.stderr and "Traceback" not in done.stderr


def test_production_refuses_the_command(databases: DemoDatabases) -> None:
    for verb in ("reset", "ensure", "status", "remove"):
        done = demo(verb, databases, **PRODUCTION)
        assert done.returncode == 1
        assert "SCHEDULER_ENVIRONMENT is production, and the demo never runs there" in done.stderr
        assert "Traceback" not in done.stderr
    with databases.alone() as server:
        assert not databases.is_made(server, "authservice")


def test_production_refuses_the_process(databases: DemoDatabases) -> None:
    command = [sys.executable, "-m", *commands.demo(LOCALHOST, free_port())]
    done = run(command, {PREFIX_VARIABLE: databases.prefix, **PRODUCTION})
    assert done.returncode
    assert "SCHEDULER_ENVIRONMENT is production, and the demo never runs there" in done.stderr.splitlines()[-1]


def test_a_process_without_its_server_ends_and_says_why(databases: DemoDatabases) -> None:
    url = f"postgresql://me:hush@127.0.0.1:{free_port()}/x"
    command = [sys.executable, "-m", *commands.demo(LOCALHOST, free_port())]
    done = run(command, {PREFIX_VARIABLE: databases.prefix, "DATABASE_URL": url})
    assert done.returncode
    assert "connection failed" in done.stderr and "hush" not in done.stderr
