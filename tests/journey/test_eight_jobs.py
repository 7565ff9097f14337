"""The eight predefined jobs against the demo: real worker, real databases, real HTTP, by run-now as people do it."""

import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import timezone

from executions.models import Artifact, JobExecution
from jobs import business_days, predefined
from jobs.enums import ExecutionStatus
from jobs.models import ScheduledJob
from tests.demo.demo_process import RunningDemo, start_demo
from tests.factories import a_run
from tests.journey.conftest import ROOT, Api, System, until
from tests.okla import Okla

pytestmark = pytest.mark.journey

EIGHT = {line.job_type for line in predefined.SCHEDULE}
FAST: dict[str, dict[str, Any]] = {"SyncVehiclePricesJob": {"requestsPerSecond": 1_000}}
# The client's own example, as it stands in their document.
EXAMPLE = b"""\
{
    "name": "Daily Vehicle Cleanup",
    "description": "Remove expired listings",
    "jobType": "CleanupExpiredListingsJob",
    "cronExpression": "0 3 * * *",
    "isEnabled": true,
    "notifyOnFailure": true,
    "notificationEmails": ["admin@okla.com.do"]
}
"""
DUMP = re.compile(r"backups/(\w+)/\1_\d{8}_\d{6}\.dump")


@pytest.fixture
def schema() -> str:
    """The mapping that the demo's tables are for, and by which the worker finds them."""
    return "original"


@pytest.fixture
def demo(system: System, schema: str) -> Iterator[RunningDemo]:
    demo = start_demo(system.folder, schema=schema)
    yield demo
    system.stop()  # nobody may hold its databases
    demo.end()


def run_all(system: System) -> dict[str, JobExecution]:
    """Run each of the eight now; return the finished executions by job type."""
    runs = {
        job.job_type: a_run(job, parameters=FAST.get(job.job_type))
        for job in ScheduledJob.objects.live().order_by("name")
    }
    ids = [run.id for run in runs.values()]
    open_runs = JobExecution.objects.filter(id__in=ids, status__in=[ExecutionStatus.QUEUED, ExecutionStatus.RUNNING])
    until(lambda: not open_runs.exists(), *system.processes)
    finished = {run.job_type: run for run in JobExecution.objects.filter(id__in=ids)}
    assert finished.keys() == EIGHT
    for run in finished.values():
        assert run.status == ExecutionStatus.COMPLETED, f"{run.job_type}: {run.error_message}\n{run.output}"
    return finished


def figures(runs: dict[str, JobExecution]) -> dict[str, dict[str, Any]]:
    return {job_type: run.result or {} for job_type, run in runs.items()}


def do_their_work(system: System, demo: RunningDemo) -> dict[str, dict[str, Any]]:
    """Run each once; what it says that it did, its figures, is what tables, mailbox and cold storage show."""
    okla = tables_of(demo)
    before = {room: okla.count_of(room) for room in ("refresh_tokens", "verification_tokens", "logs")}
    expired_tokens, expired_listings = expired_tokens_in(okla), expired_listings_in(okla)

    runs = run_all(system)
    did = figures(runs)

    assert did["CleanupExpiredTokensJob"]["deleted"] == expired_tokens > 300
    left = okla.count_of("refresh_tokens") + okla.count_of("verification_tokens")
    assert before["refresh_tokens"] + before["verification_tokens"] - left == expired_tokens
    assert expired_tokens_in(okla) == 0

    logs = did["CleanupOldLogsJob"]
    assert logs["rowsDeleted"] == before["logs"] - okla.count_of("logs") > 2_000
    copied = sum(source["rowsArchived"] for source in logs["sources"] if source["archiveOnly"])
    assert logs["rowsArchived"] - logs["rowsDeleted"] == copied
    assert bool(copied) == (okla.schema == "okla"), "nothing of the audit's goes, and all of it is copied"
    archives = [path for path in demo.cold_storage.rglob("*.jsonl.gz") if path.is_file()]
    assert len(archives) == logs["objects"] >= 10

    listings = did["UpdateVehicleListingStatusJob"]
    assert listings["expired"] == expired_listings_in(okla) - expired_listings > 100
    assert mails(demo, "Listing Expired%") == listings["sent"] > 100

    reminders = did["SendReminderEmailsJob"]
    assert mails(demo, "Reminder: Appointment Tomorrow%") == reminders["sent"] >= 8

    prices = did["SyncVehiclePricesJob"]
    assert prices["asked"] == prices["groups"] >= 80
    assert prices["updated"] > 1_000
    asked = demo.rows("okla", "SELECT count(*) FROM requests WHERE service = 'pricingagent'")[0][0]
    assert asked == prices["asked"]

    report = did["GenerateDailyReportsJob"]
    assert report["day"] == (business_days.day_of(timezone.now()) - business_days.ONE_DAY).isoformat()
    assert set(report["sold"]) == {"DOP", "USD"}
    assert report["newListings"] > 0
    assert mails(demo, "Daily Sales Report%") == report["sent"] == 1
    kept = Artifact.objects.filter(execution_id=runs["GenerateDailyReportsJob"].id)
    assert {artifact.content_type.partition(";")[0] for artifact in kept} == {"text/html", "text/plain"}

    backups = did["BackupDatabaseJob"]
    dumps = sorted(path.relative_to(demo.cold_storage).as_posix() for path in demo.cold_storage.rglob("*.dump"))
    assert [DUMP.fullmatch(name)[1] for name in dumps] == ["authservice", "userservice", "vehiclessaleservice"]
    assert sum((demo.cold_storage / name).stat().st_size for name in dumps) == backups["bytes"]
    assert all((demo.cold_storage / f"{name}.sha256").is_file() for name in dumps)

    health = did["HealthCheckMonitoringJob"]
    assert (health["healthy"], health["unhealthy"]) == (3, 0)
    return did


def test_all_eight_do_their_work_and_run_again_find_nothing_more_to_do(system: System, demo: RunningDemo) -> None:
    predefined.install()
    worker = system.start_worker(**demo.environment)
    did = do_their_work(system, demo)
    assert did["SendReminderEmailsJob"]["refused"] >= 1

    sent = mails(demo)
    again = figures(run_all(system))
    assert again["CleanupExpiredTokensJob"]["deleted"] == 0
    assert again["CleanupOldLogsJob"]["rowsDeleted"] == 0
    assert again["UpdateVehicleListingStatusJob"]["expired"] == 0
    assert again["SyncVehiclePricesJob"]["updated"] == 0
    assert again["GenerateDailyReportsJob"]["knownBefore"] == 1
    assert mails(demo) == sent

    registered = subprocess.run(
        [sys.executable, "-m", "celery", "-A", "scheduler_project", "inspect", "registered", "--timeout", "20"],
        cwd=ROOT, env=worker.environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert set(re.findall(r"\w+Job\b", registered.stdout)) >= EIGHT


@pytest.mark.parametrize("schema", ["okla"])
def test_all_eight_do_their_work_in_oklas_own_tables(system: System, demo: RunningDemo) -> None:
    predefined.install()
    system.start_worker(**demo.environment)
    do_their_work(system, demo)


def test_a_notification_service_that_hangs_up_is_left_alone_and_nobody_is_told_twice(
    system: System, demo: RunningDemo
) -> None:
    """It hangs up before anybody can know whether it sent: three are in doubt, the others wait until it is well."""
    predefined.install()
    system.start_worker(**demo.environment)
    demo.tell("notificationservice", "cut")
    job = ScheduledJob.objects.get(key="send-reminder-emails")
    stopped = finished(system, a_run(job))
    assert stopped.status == ExecutionStatus.FAILED
    assert (stopped.result["uncertain"], stopped.result["sent"]) == (3, 0)
    demo.tell("notificationservice", "normal")
    rest = finished(system, a_run(job))
    assert (rest.status, rest.result["uncertain"]) == (ExecutionStatus.COMPLETED, 0)
    assert rest.result["sent"] >= 5
    told = demo.rows("okla", "SELECT recipient, count(*) FROM emails GROUP BY 1 HAVING count(*) > 1")
    assert told == []
    assert rest.result["sent"] <= mails(demo) <= rest.result["sent"] + 3


def test_the_originals_example_body_makes_a_job_that_runs(system: System, demo: RunningDemo, api: Api) -> None:
    system.start_worker(**demo.environment)
    made = api.request(
        "POST", f"{api.root}/api/scheduler/jobs", data=EXAMPLE, headers={"Content-Type": "application/json"}, timeout=30
    )
    assert (made.status_code, made.json()["jobType"]) == (201, "CleanupExpiredListingsJob")
    asked = api.call("POST", f"/jobs/{made.json()['id']}/run-now")
    assert asked.status_code == 202
    run = finished(system, JobExecution.objects.get(id=asked.json()["id"]))
    assert (run.status, run.job_type) == (ExecutionStatus.COMPLETED, "CleanupExpiredListingsJob")
    assert run.result["expired"] > 100


def finished(system: System, run: JobExecution) -> JobExecution:
    rows = JobExecution.objects.filter(id=run.id)
    until(lambda: rows.get().is_finished, *system.processes)
    return rows.get()


def tables_of(demo: RunningDemo) -> Okla:
    """Its databases, by words that fit every mapping."""
    addresses = {service: demo.databases.address(service) for service in demo.databases.services}
    return Okla(addresses, demo.databases.schema)


def expired_tokens_in(okla: Okla) -> int:
    tables = ("refresh_tokens", "verification_tokens")
    return sum(okla.count_of(room, f"{okla[room]['at']} < now()") for room in tables)


def expired_listings_in(okla: Okla) -> int:
    return okla.count_of("vehicles", f"{okla['vehicles']['status']} = '{okla.expired}'")


def mails(demo: RunningDemo, subject: str = "%") -> int:
    """How many were sent under such a subject."""
    rows = demo.rows("okla", "SELECT count(*) FROM emails WHERE subject LIKE %s AND status = 'Sent'", [subject])
    return int(rows[0][0])
