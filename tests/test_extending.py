"""docs/extending.md keeps its word: the job that it prints is built as printed, registered, run and tested."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db.models.functions import Now
from psycopg.conninfo import make_conninfo

from executions.claims import Claim
from executions.executor import JobExecutor
from executions.models import JobExecution
from executions.output import RunOutput
from jobs import gateways, registry
from scheduler_project import connection_strings
from scheduler_project.demo.databases import drop_database
from tests.conftest import Caller
from tests.factories import a_job, a_run, claimed

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "extending.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
MODULE = "okla_jobs.cleanup_read_notifications"
JOB = "CleanupReadNotificationsJob"
TABLE = "CREATE TABLE user_notifications (id serial PRIMARY KEY, is_read boolean, read_at timestamptz)"
READ_LONG_AGO = (
    "INSERT INTO user_notifications (is_read, read_at) SELECT true, '2025-01-01' FROM generate_series(1, 25)"
)


def printed(beginning: str) -> str:
    """The one Python block that begins so."""
    (block,) = [text for language, text in BLOCKS if language == "python" and text.startswith(beginning)]
    return block


def build(folder: Path) -> None:
    """Lay the page's files into a project's folder, where it says that they are."""
    job, test = re.findall(r"^`(okla_jobs/\w+\.py|tests/jobs/\w+\.py)`", PAGE, re.MULTILINE)
    for path, beginning in ((job, f'"""{JOB}: '), (test, f'"""{JOB} on ')):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(printed(beginning))


def python(*arguments: str, cwd: Path = ROOT, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs Python in this process's environment, without what belongs to this run of pytest."""
    ours = ("PYTEST_", "TEST_", "DJANGO_SETTINGS_MODULE", "SCHEDULER_EXTRA_JOB_TYPES", "PYTHONPATH")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return subprocess.run(
        [sys.executable, *arguments], cwd=cwd, env={**inherited, **variables}, capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A folder with the page's files in it."""
    build(tmp_path)
    return tmp_path


@pytest.fixture
def registered(elsewhere: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The job type is known to this process."""
    monkeypatch.syspath_prepend(str(elsewhere))
    settings.SCHEDULER_JOB_TYPES = [*settings.SCHEDULER_JOB_TYPES, f"{MODULE}.{JOB}"]
    registry._by_name.cache_clear()
    yield
    registry._by_name.cache_clear()
    for name in (MODULE, "okla_jobs"):
        sys.modules.pop(name, None)


@pytest.fixture
def notifications(settings: Any) -> Iterator[psycopg.Connection[Any]]:
    """A database of NotificationService on the suite's server: 25 notifications read long ago, one unread."""
    server = connection_strings.parse("DATABASE_URL", os.environ["DATABASE_URL"])
    name = f"extending_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
    address = {**server, "dbname": name}
    with psycopg.connect(make_conninfo(**server), autocommit=True) as admin:
        drop_database(admin, name)
        admin.execute(f"CREATE DATABASE {name}")
        settings.SCHEDULER_SERVICE_DATABASES = {"notificationservice": address}
        gateways.current.cache_clear()
        with psycopg.connect(make_conninfo(**address), autocommit=True) as connection:
            connection.execute(TABLE)
            connection.execute(READ_LONG_AGO)
            connection.execute("INSERT INTO user_notifications (is_read) VALUES (false)")
            yield connection
        gateways.current.cache_clear()
        drop_database(admin, name)


@pytest.fixture
def run(registered: None, db: None) -> Callable[..., Any]:
    """Runs it as a worker does; its outcome and its output."""

    def run_now(*, is_cancelled: bool = False, **parameters: Any) -> tuple[Any, str]:
        execution = claimed(a_run(a_job(str(parameters), job_type=JOB, parameters=parameters)))
        if is_cancelled:
            JobExecution.objects.filter(pk=execution.pk).update(cancel_requested_at=Now())
        output = RunOutput(execution)
        return JobExecutor(Claim(execution, output)).execute(), output.close()

    return run_now


def left(connection: psycopg.Connection[Any]) -> int:
    return int(connection.execute("SELECT count(*) FROM user_notifications").fetchone()[0])


# --- The page --------------------------------------------------------------------------------------------------------
def test_every_piece_of_python_on_the_page_is_python() -> None:
    pieces = [text for language, text in BLOCKS if language == "python"]
    assert len(pieces) == 4
    for text in pieces:
        ast.parse(text)


def test_the_page_tells_every_member_of_the_context() -> None:
    from jobs.base import JobContext

    told = set(re.findall(r"^\| `(\w+)", PAGE, re.MULTILINE))
    members = {name for name in {**vars(JobContext), **JobContext.__annotations__} if not name.startswith("_")}
    assert members <= told, members - told


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:jobs|tests|docs)/[\w/]+(?:\.py|/))`", PAGE))))
def test_the_files_that_the_page_points_to_are_there(path: str) -> None:
    assert (ROOT / path).exists() or path == "tests/jobs/test_cleanup_read_notifications.py"


# --- The job ---------------------------------------------------------------------------------------------------------
def test_the_printed_job_passes_the_check_and_is_a_task_of_its_name(elsewhere: Path) -> None:
    variables = {"SCHEDULER_EXTRA_JOB_TYPES": f"{MODULE}.{JOB}", "PYTHONPATH": str(elsewhere)}
    check = python("manage.py", "check", **variables)
    assert check.returncode == 0, check.stdout + check.stderr
    told = "from executions import tasks; from celery import current_app; print(sorted(current_app.tasks))"
    assert f"'{JOB}'" in python("manage.py", "shell", "-c", told, **variables).stdout


def test_a_path_with_a_mistake_in_it_fails_the_check_and_is_named(elsewhere: Path) -> None:
    path = f"{MODULE}.NoSuchJob"
    check = python("manage.py", "check", SCHEDULER_EXTRA_JOB_TYPES=path, PYTHONPATH=str(elsewhere))
    assert check.returncode != 0
    assert path in check.stdout + check.stderr


def test_the_printed_job_does_its_work_in_batches_and_finds_nothing_more_the_second_time(
    run: Callable[..., Any], notifications: psycopg.Connection[Any]
) -> None:
    dry, _output = run(dryRun=True)
    assert (dry.result, left(notifications)) == ({"found": 25, "deleted": 0, "dryRun": True}, 26)
    outcome, output = run(batchSize=10)
    assert outcome.status == "Completed", outcome
    assert (outcome.result, left(notifications)) == ({"found": 25, "deleted": 25, "dryRun": False}, 1)
    assert "25 notifications were read before" in output and "25 notifications deleted" in output
    again, _output = run(batchSize=20)
    assert again.result == {"found": 0, "deleted": 0, "dryRun": False}


def test_the_printed_job_ends_between_batches_when_it_is_cancelled(
    run: Callable[..., Any], notifications: psycopg.Connection[Any]
) -> None:
    outcome, _output = run(is_cancelled=True, batchSize=10)
    assert (outcome.status, left(notifications)) == ("Cancelled", 16)


def test_the_printed_job_waits_for_nobody_who_holds_a_row(
    run: Callable[..., Any], notifications: psycopg.Connection[Any]
) -> None:
    with notifications.transaction():
        notifications.execute("SELECT * FROM user_notifications WHERE is_read ORDER BY id LIMIT 5 FOR UPDATE")
        outcome, _output = run(batchSize=7)
        assert outcome.result["deleted"] == 20
    assert run(batchSize=8)[0].result["deleted"] == 5


def test_the_printed_job_says_which_variable_is_missing(run: Callable[..., Any], settings: Any) -> None:
    settings.SCHEDULER_SERVICE_DATABASES = {}
    gateways.current.cache_clear()
    outcome, _output = run()
    gateways.current.cache_clear()
    assert (outcome.status, outcome.can_retry) == ("Failed", False)
    assert "NOTIFICATIONSERVICE_DATABASE_CONNECTION_STRING" in outcome.error_message


def test_the_requests_of_the_page_work_in_its_order(registered: None, api: Caller) -> None:
    """The bodies of the curl commands, against the API itself."""
    (commands,) = [text for language, text in BLOCKS if language == "sh" and "curl" in text]
    define, dry_run = (json.loads(body) for body in re.findall(r"-d '(\{.*?\})'", commands, re.DOTALL))
    (offered,) = [each for each in api.get("/job-types").json() if each["name"] == JOB]
    assert set(offered["parametersSchema"]["properties"]) == {"days", "batchSize", "dryRun"}
    created = api.post("/jobs", define)
    assert created.status_code == 201, created.content
    path = f"/jobs/{created.json()['id']}"
    tried = api.post(f"{path}/run-now", dry_run)
    assert (tried.status_code, tried.json()["parameters"]) == (202, {"days": 90, "dryRun": True})
    row = JobExecution.objects.get(pk=tried.json()["id"])
    JobExecution.objects.filter(pk=row.pk).update(status="Completed", completed_at=datetime.now(UTC))
    assert api.post(f"{path}/run-now").status_code == 202
    assert api.put(f"{path}/resume").json()["status"] == "Enabled"


# --- Its tests -------------------------------------------------------------------------------------------------------
def test_the_printed_tests_pass_in_a_project_where_the_page_was_followed(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    for name in ("jobs", "executions", "dashboard", "scheduler_project", "tests"):
        shutil.copytree(ROOT / name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("conftest.py", "manage.py", "pyproject.toml"):
        shutil.copy(ROOT / name, project)
    build(project)
    test = "tests/jobs/test_cleanup_read_notifications.py"
    ran = python(
        "-m", "pytest", "-q", "-p", "no:cacheprovider", test, cwd=project, SCHEDULER_EXTRA_JOB_TYPES=f"{MODULE}.{JOB}"
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "4 passed" in ran.stdout
