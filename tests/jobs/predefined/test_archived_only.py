"""CleanupOldLogsJob and tables that are archived and never deleted from: OKLA's audit logs."""

import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from jobs import gateways
from jobs.gateways.errors import GatewayError
from tests.jobs.conftest import Ran
from tests.jobs.predefined.test_cleanup_old_logs import EndsAt, archived, names, rows, stored_in
from tests.okla import Okla
from tests.s3 import REGION, Between, Bucket, Reply, S3Server

JOB = "CleanupOldLogsJob"
NOW = datetime(2026, 11, 25, 5, 0, tzinfo=UTC)  # 01:00 in Santo Domingo
FIRST_KEPT = datetime(2026, 8, 27, 4, 0, tzinfo=UTC)  # midnight there, 90 days ago
LOGS, EVENTS = "auditservice.audit.audit_logs", "auditservice.audit.audit_events"
FOLDER = "logs/auditservice/audit.audit_logs"
ONE_DAY = timedelta(days=1)
Run = Callable[..., Ran]

pytestmark = pytest.mark.usefixtures("s3_key")


@pytest.fixture
def schema() -> str:
    return "okla"


@pytest.fixture
def cold(tmp_path: Path, okla: Okla, configured: Callable[..., None]) -> Path:
    configured(SCHEDULER_ARCHIVE_URL=(tmp_path / "cold").as_uri(), SCHEDULER_WORK_DIR=str(tmp_path / "work"))
    return tmp_path / "cold"


@pytest.fixture
def bucket(s3_server: S3Server, tmp_path: Path, okla: Okla, configured: Callable[..., None]) -> Bucket:
    bucket = s3_server.new_bucket()
    configured(SCHEDULER_ARCHIVE_URL=bucket.url, SCHEDULER_WORK_DIR=str(tmp_path / "work"))
    return bucket


def fill(okla: Okla, *, days: int = 3, each: int = 4, before: datetime = FIRST_KEPT, room: str = "audit_logs") -> None:
    """Rows of so many days before an instant, the newest right before it."""
    for day in range(days):
        for number in range(each):
            okla.add(room, at=before - day * ONE_DAY - timedelta(seconds=number, microseconds=1))


def figures(ran: Ran, source: str = LOGS) -> dict[str, Any]:
    return next(each for each in ran.result["sources"] if each["source"] == source)


def stored_days(cold: Path) -> list[str]:
    return [path.name.removesuffix(".jsonl.gz") for path in sorted(cold.rglob("*.jsonl.gz"))]


def test_old_rows_are_copied_and_verified_and_all_of_them_stay(okla: Okla, cold: Path, run_job: Run) -> None:
    fill(okla)
    old = rows(okla, "audit_logs")
    fill(okla, before=FIRST_KEPT + 2 * ONE_DAY, days=2, each=1)
    ran = run_job(JOB, at=NOW)
    assert ran.status == "Completed", ran.output
    did = figures(ran)
    assert (did["archiveOnly"], did["archivedThrough"], did["firstKept"]) == (True, "2026-08-26", "2026-08-27")
    assert (did["rowsArchived"], did["rowsDeleted"], did["objects"], did["days"]) == (12, 0, 3, 3)
    assert archived(cold) == old and okla.count_of("audit_logs") == 14
    assert stored_days(cold) == ["2026-08-24", "2026-08-25", "2026-08-26"]
    assert len(names(cold)) == 6, "an object and a manifest each, and nothing left on the move"
    assert f"2026-08-26: archived as {cold}/{FOLDER}/2026/08/2026-08-26.jsonl.gz; its rows stay" in ran.output


def test_no_parameter_makes_it_delete(okla: Okla, cold: Path, run_job: Run) -> None:
    fill(okla, before=NOW - 2 * ONE_DAY)
    ran = run_job(JOB, at=NOW, days=1, sources=[LOGS, EVENTS])
    assert ran.result["rowsArchived"] == 12 and ran.result["rowsDeleted"] == 0
    assert okla.count_of("audit_logs") == 12
    with gateways.current().logs.open(LOGS) as table, pytest.raises(GatewayError, match="only archived"):
        table.delete(NOW.date(), [("x", b"x")])


def test_the_next_runs_copy_new_days_only(okla: Okla, cold: Path, run_job: Run) -> None:
    fill(okla)
    run_job(JOB, at=NOW)
    before = names(cold)
    again = figures(run_job(JOB, at=NOW))
    assert (again["rowsArchived"], again["objects"], again["archivedThrough"]) == (0, 0, "2026-08-26")
    assert names(cold) == before
    fill(okla, before=FIRST_KEPT + ONE_DAY, days=1)
    later = run_job(JOB, at=NOW + 7 * ONE_DAY)
    assert (figures(later)["rowsArchived"], figures(later)["archivedThrough"]) == (4, "2026-08-27")
    assert "archived through 2026-08-26" in later.output
    assert archived(cold) == rows(okla, "audit_logs")


def test_what_cold_storage_has_is_known_without_any_memory_of_ours(okla: Okla, cold: Path, run_job: Run) -> None:
    """Another job of the type, or one that was made again, copies nothing a second time; an empty archive gets all."""
    fill(okla)
    run_job(JOB, at=NOW)
    first = names(cold)
    run_job("CleanupOldLogsJob", at=NOW, sources=[LOGS])
    assert names(cold) == first
    for path in sorted(cold.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    assert figures(run_job(JOB, at=NOW))["rowsArchived"] == 12
    assert archived(cold) == rows(okla, "audit_logs")


def test_events_whose_own_time_is_unset_are_copied_by_the_time_they_were_consumed(
    okla: Okla, cold: Path, run_job: Run
) -> None:
    for number in range(3):
        consumed = FIRST_KEPT - timedelta(hours=number + 1)
        okla.add("audit_events", at=consumed, EventTimestamp="-infinity", Id=str(number))
    okla.add("audit_events", at="-infinity", EventTimestamp="-infinity")
    ran = run_job(JOB, at=NOW)
    assert ran.status == "Completed", ran.output
    did = figures(ran, EVENTS)
    assert (did["rowsArchived"], did["rowsDeleted"], did["rowsWithoutDay"]) == (3, 0, 1)
    (path,) = cold.rglob("*.jsonl.gz")
    lines = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    assert [(line["Id"], line["EventTimestamp"]) for line in lines] == [(str(n), "-infinity") for n in range(3)]
    assert okla.count_of("audit_events") == 4


def test_a_dry_run_says_what_would_be_copied(okla: Okla, cold: Path, run_job: Run) -> None:
    fill(okla, days=1)
    ran = run_job(JOB, at=NOW, dryRun=True)
    assert figures(ran)["wouldArchive"] == {"2026-08-26": 4}
    assert "2026-08-26: 4 rows would be archived\n" in ran.output + "\n"
    assert not cold.exists()


@pytest.mark.parametrize("is_done", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", [1, 2, 3, 4], ids=["index", "object", "manifest", "index removed"])
def test_wherever_a_run_ends_each_row_is_in_one_object(
    s3_server: S3Server, okla: Okla, bucket: Bucket, configured: Callable[..., None], run_job: Run, step: int,
    is_done: bool,
) -> None:  # fmt: skip
    fill(okla, days=2)
    ends = EndsAt(step, is_done=is_done)
    with Between(s3_server, ends).serving() as url:
        configured(SCHEDULER_ARCHIVE_URL=f"s3://{bucket.name}?endpoint={url}&region={REGION}")
        assert run_job(JOB, at=NOW, sources=[LOGS]).status == "Failed" and ends.seen == step
    configured(SCHEDULER_ARCHIVE_URL=bucket.url)
    for _number in range(2):
        assert run_job(JOB, at=NOW, sources=[LOGS]).status == "Completed"
    assert stored_in(bucket) == rows(okla, "audit_logs")
    assert sum(stored_in(bucket).values()) == okla.count_of("audit_logs") == 8
    assert [key for key in bucket.keys if "unfinished" in key] == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("moment", ["2026-08-26.index.gz", "2026-08-26.jsonl.gz", "2026-08-26.manifest.json"])
def test_two_runs_at_once_copy_each_day_once(
    s3_server: S3Server, okla: Okla, bucket: Bucket, configured: Callable[..., None], run_job: Run, moment: str
) -> None:
    """The second run does all its work while the first one stores something of the last day."""
    fill(okla)
    second: list[Ran] = []

    def run_another(method: str, path: str, pass_on: Callable[[], Reply]) -> Reply:
        if method == "PUT" and path.endswith(moment) and not second:
            second.append(None)  # type: ignore[arg-type]
            second[0] = run_job(JOB, at=NOW, sources=[LOGS])
            connection.close()  # this is a thread of the server
        return pass_on()

    with Between(s3_server, run_another).serving() as url:
        configured(SCHEDULER_ARCHIVE_URL=f"s3://{bucket.name}?endpoint={url}&region={REGION}")
        first = run_job(JOB, at=NOW, sources=[LOGS])
    assert (first.status, second[0].status) == ("Completed", "Completed")
    assert stored_in(bucket) == rows(okla, "audit_logs") and len(bucket.keys) == 6


@pytest.mark.django_db(transaction=True)
def test_a_day_that_another_run_stored_meanwhile_is_not_stored_again(
    s3_server: S3Server, okla: Okla, bucket: Bucket, configured: Callable[..., None], run_job: Run
) -> None:
    """Both have found two days to do. The second run does the second one before the first run comes to it."""
    fill(okla, days=2)
    second: list[Ran] = []

    def run_another(method: str, path: str, pass_on: Callable[[], Reply]) -> Reply:
        reply = pass_on()
        if method == "DELETE" and "2026-08-25" in path and not second:
            second.append(None)  # type: ignore[arg-type]
            second[0] = run_job(JOB, at=NOW, sources=[LOGS])
            connection.close()  # this is a thread of the server
        return reply

    with Between(s3_server, run_another).serving() as url:
        configured(SCHEDULER_ARCHIVE_URL=f"s3://{bucket.name}?endpoint={url}&region={REGION}")
        first = run_job(JOB, at=NOW, sources=[LOGS])
    assert (first.status, second[0].status) == ("Completed", "Completed")
    assert figures(first)["objects"] == figures(second[0])["objects"] == 1
    assert stored_in(bucket) == rows(okla, "audit_logs") and len(bucket.keys) == 4
