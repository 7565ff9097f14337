"""CleanupOldLogsJob on a real database and real cold storage: nothing goes that is not archived, row by row."""

import gzip
import hashlib
import json
import resource
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models.functions import Now

from executions.models import JobExecution
from tests.jobs.conftest import Ran
from tests.okla import Okla
from tests.s3 import REGION, Between, Bucket, Reply, S3Server, problem

JOB, SERVICE = "CleanupOldLogsJob", "errorservice"
NOW = datetime(2026, 11, 25, 5, 0, tzinfo=UTC)  # 01:00 in Santo Domingo
FIRST_KEPT = datetime(2026, 8, 27, 4, 0, tzinfo=UTC)  # midnight there, 90 days ago
COUNTED = ("rowsArchived", "rowsDeleted", "objects", "days", "rowsWithoutDay")
Run = Callable[..., Ran]

pytestmark = pytest.mark.usefixtures("s3_key")


@pytest.fixture
def cold(tmp_path: Path, okla: Okla, configured: Callable[..., None]) -> Path:
    """Cold storage in a folder."""
    work = tmp_path / "work"
    configured(SCHEDULER_ARCHIVE_URL=(tmp_path / "cold").as_uri(), SCHEDULER_WORK_DIR=str(work))
    return tmp_path / "cold"


@pytest.fixture
def bucket(s3_server: S3Server, tmp_path: Path, okla: Okla, configured: Callable[..., None]) -> Bucket:
    bucket = s3_server.new_bucket()
    configured(SCHEDULER_ARCHIVE_URL=bucket.url, SCHEDULER_WORK_DIR=str(tmp_path / "work"))
    return bucket


def source(okla: Okla) -> str:
    return f"{SERVICE}.{okla['logs'].table}"


def folder(okla: Okla) -> str:
    """Where its objects of that month are."""
    return f"logs/{SERVICE}/{okla['logs'].table}/2026/08"


def index(okla: Okla) -> str:
    return f"logs/{SERVICE}/{okla['logs'].table}/unfinished/2026-08-26.index.gz"


def fill(okla: Okla, *, days: int = 3, each: int = 7, before: datetime = FIRST_KEPT) -> None:
    """Rows of so many days before an instant, the newest at the very last moment."""
    logs = okla["logs"]
    more = {"Service": "'gateway'"} if okla.schema == "original" else {"exception_type": "'System.Exception'"}
    columns = {
        logs["at"]: "%(before)s - day * interval '1 day' - n * interval '1 s' - interval '1 us'",
        logs["kind"]: "'Error'",
        logs["message"]: r"E'line\n' || day || ' ñ ' || n",
        logs["more"]: "jsonb_build_object('n', n)",
        **{f'"{name}"': value for name, value in more.items()},
    }
    okla.execute(
        SERVICE,
        f"INSERT INTO {logs} ({', '.join(columns)}) SELECT {', '.join(columns.values())}"
        " FROM generate_series(0, %(days)s - 1) AS day, generate_series(0, %(each)s - 1) AS n",
        {"before": before, "days": days, "each": each},
    )


def rows(okla: Okla, room: str = "logs") -> Counter[str]:
    """What the table holds, row by row as PostgreSQL writes them in UTC."""
    with okla.connect(okla[room].service) as session:
        session.execute("SET timezone = 'UTC'")
        found = session.execute(f"SELECT row_to_json(l)::text FROM {okla[room]} l").fetchall()
        return Counter(line for (line,) in found)


def archived(cold: Path) -> Counter[str]:
    """What cold storage holds, row by row."""
    found: Counter[str] = Counter()
    for path in cold.rglob("*.jsonl.gz"):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            found.update(line.rstrip("\n") for line in lines)
    return found


def names(cold: Path) -> list[str]:
    return sorted(path.relative_to(cold).as_posix() for path in cold.rglob("*") if path.is_file())


# --- What it does ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("batch_size", [1, 3, 5_000])
def test_old_rows_are_archived_day_by_day_and_deleted(okla: Okla, cold: Path, run_job: Run, batch_size: int) -> None:
    fill(okla)
    old = rows(okla)
    fill(okla, days=2, each=2, before=FIRST_KEPT + timedelta(days=2))
    ran = run_job(JOB, at=NOW, batchSize=batch_size)
    assert ran.status == "Completed"
    assert [ran.result[name] for name in COUNTED] == [21, 21, 3, 3, 0]
    assert archived(cold) == old
    assert rows(okla).total() == 4 and not rows(okla) & old
    assert names(cold) == [
        f"{folder(okla)}/2026-08-{day}.{kind}" for day in (24, 25, 26) for kind in ("jsonl.gz", "manifest.json")
    ]
    assert ran.result["bytes"] == sum(path.stat().st_size for path in cold.rglob("*.jsonl.gz"))
    assert ran.result["sources"][0]["source"] == source(okla)
    location = f"{cold}/{folder(okla)}/2026-08-24.jsonl.gz"
    assert f"{source(okla)}, 2026-08-24: 7 rows archived as {location}, 7 deleted" in ran.output


def test_a_second_run_finds_nothing_to_do(okla: Okla, cold: Path, run_job: Run) -> None:
    fill(okla)
    run_job(JOB, at=NOW)
    before = names(cold)
    again = run_job(JOB, at=NOW)
    assert (again.status, again.result["rowsArchived"], again.result["objects"]) == ("Completed", 0, 0)
    assert "0 rows of 0 days" in again.output
    assert names(cold) == before


def test_whole_days_of_santo_domingo_are_kept(okla: Okla, cold: Path, run_job: Run) -> None:
    for instant in (FIRST_KEPT, FIRST_KEPT - timedelta(microseconds=1)):
        okla.add("logs", at=instant)
    assert run_job(JOB, at=NOW).result["rowsDeleted"] == 1
    assert okla.execute(SERVICE, f"SELECT {okla['logs']['at']} FROM {okla['logs']}") == [(FIRST_KEPT,)]
    late_evening_there = datetime(2026, 11, 26, 3, 59, tzinfo=UTC)
    assert run_job(JOB, at=late_evening_there).result["rowsDeleted"] == 0
    assert run_job(JOB, at=late_evening_there + timedelta(minutes=1)).result["rowsDeleted"] == 1


def test_the_manifest_says_what_is_in_the_object(okla: Okla, cold: Path, run_job: Run) -> None:
    fill(okla, days=1)
    run_job(JOB, at=NOW)
    manifest = json.loads((cold / f"{folder(okla)}/2026-08-26.manifest.json").read_text())
    content = (cold / f"{folder(okla)}/2026-08-26.jsonl.gz").read_bytes()
    assert datetime.fromisoformat(manifest.pop("created")).tzinfo
    assert manifest == {
        "source": source(okla), "day": "2026-08-26", "timeZone": "America/Santo_Domingo", "rows": 7,
        "object": f"{folder(okla)}/2026-08-26.jsonl.gz", "bytes": len(content), "firstId": okla.log_id(1),
        "lastId": okla.log_id(7), "sha256": hashlib.sha256(content).hexdigest(),
    }  # fmt: skip


def test_rows_go_to_s3_in_the_storage_class_asked_for(okla: Okla, bucket: Bucket, run_job: Run) -> None:
    fill(okla, days=2)
    old = rows(okla)
    assert run_job(JOB, at=NOW).result["rowsDeleted"] == 14
    kept: Counter[str] = Counter()
    for key in bucket.keys:
        is_rows = key.endswith(".jsonl.gz")
        assert bucket.head(key).get("StorageClass", "STANDARD") == ("GLACIER" if is_rows else "STANDARD")
        if is_rows:
            kept.update(gzip.decompress(bucket.read(key)).decode().splitlines())
    assert kept == old and len(bucket.keys) == 4


def test_rows_without_a_real_time_are_left_alone_and_told_of(okla: Okla, cold: Path, run_job: Run) -> None:
    fill(okla, days=1)
    for instant in ("-infinity", "0001-01-01 00:00+00"):
        okla.add("logs", at=instant)
    ran = run_job(JOB, at=NOW)
    assert (ran.result["rowsDeleted"], ran.result["rowsWithoutDay"]) == (7, 2)
    assert f"WARNING {source(okla)}: 2 rows without a real time are left alone" in ran.output
    assert okla.count_of("logs") == 2


def test_a_dry_run_counts_by_day_and_does_nothing(okla: Okla, cold: Path, run_job: Run) -> None:
    fill(okla, days=2)
    ran = run_job(JOB, at=NOW, dryRun=True)
    assert (ran.result["wouldArchive"], ran.result["rowsDeleted"]) == (14, 0)
    assert ran.result["sources"][0]["wouldArchive"] == {"2026-08-25": 7, "2026-08-26": 7}
    assert "2026-08-25: 7 rows would be archived and deleted" in ran.output
    assert okla.count_of("logs") == 14 and not cold.exists()


def test_only_the_sources_named_are_cleaned(okla: Okla, cold: Path, run_job: Run) -> None:
    fill(okla, days=1)
    assert run_job(JOB, at=NOW, sources=[source(okla)]).result["rowsDeleted"] == 7
    ran = run_job(JOB, at=NOW, sources=["errorservice.Lugs"])
    assert ran.status == "Failed" and not ran.outcome.can_retry
    told = f"sources: errorservice.Lugs is not known; choose from {source(okla)}"
    assert told in str(ran.outcome.error_message)


# --- Days that come back ---------------------------------------------------------------------------------------------
def test_late_rows_of_an_archived_day_become_its_next_part(okla: Okla, cold: Path, run_job: Run) -> None:
    fill(okla, days=1)
    old = rows(okla)
    run_job(JOB, at=NOW)
    for number in (2, 3):
        fill(okla, days=1, each=number)
        old += rows(okla)
        assert run_job(JOB, at=NOW).result["rowsDeleted"] == number
        assert f"{folder(okla)}/2026-08-26.part-{number}.manifest.json" in names(cold)
    assert archived(cold) == old and okla.count_of("logs") == 0


@contextmanager
def deleting_fails_after(okla: Okla, most: int) -> Iterator[None]:
    """The table refuses to let go of more than the first so many rows, and the run ends there."""
    logs = okla["logs"]
    okla.execute(
        SERVICE,
        f"""CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF old.{logs["id"]} > '{okla.log_id(most)}' THEN
                RAISE EXCEPTION 'no more' USING ERRCODE = 'lock_not_available';
            END IF;
            RETURN old; END $$;
        CREATE TRIGGER refuse BEFORE DELETE ON {logs} FOR EACH ROW EXECUTE FUNCTION refuse()""",
    )
    try:
        yield
    finally:
        okla.execute(SERVICE, "DROP FUNCTION refuse CASCADE")


def test_a_run_that_ends_between_archive_and_delete_is_taken_up_where_it_was(
    okla: Okla, cold: Path, run_job: Run
) -> None:
    fill(okla, days=1)
    old = rows(okla)
    with deleting_fails_after(okla, 0):
        ran = run_job(JOB, at=NOW)
    assert (ran.status, ran.outcome.can_retry) == ("Failed", True)
    assert "no more" in str(ran.outcome.error_message)
    assert (ran.result["rowsArchived"], ran.result["rowsDeleted"]) == (7, 0)
    assert rows(okla) == old == archived(cold)
    again = run_job(JOB, at=NOW)
    assert (again.status, again.result["rowsDeleted"], again.result["objects"]) == ("Completed", 7, 0)
    assert f"taking up {folder(okla)}/2026-08-26.jsonl.gz where a run has ended" in again.output
    assert archived(cold) == old and okla.count_of("logs") == 0
    assert names(cold) == [f"{folder(okla)}/2026-08-26.jsonl.gz", f"{folder(okla)}/2026-08-26.manifest.json"]


def test_a_run_that_ends_among_its_deletes_archives_no_row_a_second_time(okla: Okla, cold: Path, run_job: Run) -> None:
    """It did: what was left of the day became its part 2."""
    fill(okla, days=1)
    old = rows(okla)
    with deleting_fails_after(okla, 4):
        ran = run_job(JOB, at=NOW, batchSize=2)
    assert (ran.status, ran.result["rowsDeleted"]) == ("Failed", 4)
    assert archived(cold) == old
    again = run_job(JOB, at=NOW, batchSize=2)
    assert (again.status, again.result["rowsDeleted"]) == ("Completed", 3)
    assert archived(cold) == old and okla.count_of("logs") == 0
    assert names(cold) == [f"{folder(okla)}/2026-08-26.jsonl.gz", f"{folder(okla)}/2026-08-26.manifest.json"]
    assert ran.result["rowsDeleted"] + again.result["rowsDeleted"] == old.total()


def test_a_manifest_that_describes_something_else_stops_the_run_before_it_deletes(
    okla: Okla, cold: Path, run_job: Run
) -> None:
    fill(okla, days=1)
    manifest = cold / f"{folder(okla)}/2026-08-26.manifest.json"
    manifest.parent.mkdir(parents=True)
    for content in ("{}", "[]", "no JSON", '{"created": 1, "rows": 3}'):
        manifest.write_text(content)
        ran = run_job(JOB, at=NOW)
        assert ran.status == "Failed" and not ran.outcome.can_retry
        assert "describes something else than its object" in str(ran.outcome.error_message)
    assert okla.count_of("logs") == 7


def test_a_row_that_changes_while_it_is_archived_stays_and_is_archived_as_it_then_is(
    s3_server: S3Server, okla: Okla, bucket: Bucket, configured: Callable[..., None], run_job: Run
) -> None:
    fill(okla, days=1)

    def change_a_row(method: str, path: str, pass_on: Callable[[], Reply]) -> Reply:
        if method == "PUT" and path.endswith(".jsonl.gz"):
            okla.change("logs", okla.log_id(3), message="resolved")
        return pass_on()

    with Between(s3_server, change_a_row).serving() as url:
        configured(SCHEDULER_ARCHIVE_URL=f"s3://{bucket.name}?endpoint={url}&region={REGION}")
        ran = run_job(JOB, at=NOW)
    assert (ran.status, ran.result["rowsArchived"], ran.result["rowsDeleted"]) == ("Completed", 7, 6)
    assert "1 had changed, were in use or gone" in ran.output
    configured(SCHEDULER_ARCHIVE_URL=bucket.url)
    assert run_job(JOB, at=NOW).result["rowsDeleted"] == 1
    kept = gzip.decompress(bucket.read(f"{folder(okla)}/2026-08-26.part-2.jsonl.gz")).decode()
    assert json.loads(kept)[okla["logs"].columns["message"]] == "resolved"


def stored_in(bucket: Bucket) -> Counter[str]:
    """What the bucket holds, row by row."""
    objects = [bucket.read(key) for key in bucket.keys if key.endswith(".jsonl.gz")]
    return Counter(line for content in objects for line in gzip.decompress(content).decode().splitlines())


class EndsAt:
    """Ends a run at its n-th request that changes something: before it is carried out, or without its answer."""

    def __init__(self, step: int, *, is_done: bool) -> None:
        self.step, self.is_done, self.seen = step, is_done, 0

    def __call__(self, method: str, path: str, pass_on: Callable[[], Reply]) -> Reply:
        if method not in ("PUT", "DELETE") or "uploadId" in path:
            return pass_on()
        self.seen += 1
        if self.seen != self.step:
            return pass_on()
        if self.is_done:
            pass_on()
        return problem(403, "AccessDenied")


@pytest.mark.parametrize("is_done", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", [1, 2, 3, 4], ids=["index", "object", "manifest", "index removed"])
@pytest.mark.parametrize("late", [0, 3])
def test_wherever_a_run_ends_each_row_is_in_one_object(
    s3_server: S3Server, okla: Okla, bucket: Bucket, configured: Callable[..., None], run_job: Run, step: int,
    late: int, is_done: bool,
) -> None:  # fmt: skip
    fill(okla, days=1)
    old = rows(okla)
    ends = EndsAt(step, is_done=is_done)
    with Between(s3_server, ends).serving() as url:
        configured(SCHEDULER_ARCHIVE_URL=f"s3://{bucket.name}?endpoint={url}&region={REGION}")
        assert run_job(JOB, at=NOW, batchSize=2).status == "Failed" and ends.seen == step
    fill(okla, days=1, each=late)
    old |= rows(okla)
    configured(SCHEDULER_ARCHIVE_URL=bucket.url)
    assert run_job(JOB, at=NOW, batchSize=2).status == "Completed"
    assert stored_in(bucket) == old and old.total() == 7 + late
    assert okla.count_of("logs") == 0 and index(okla) not in bucket.keys


@pytest.mark.parametrize("schema", ["okla"])  # the longest of all: the steps are the same in every schema
def test_runs_that_end_one_after_the_other_at_every_step_leave_each_row_in_one_object(
    s3_server: S3Server, okla: Okla, bucket: Bucket, configured: Callable[..., None], run_job: Run
) -> None:
    """Each run ends a step later than the one before, among requests and among deletes, and rows keep coming."""
    ever: Counter[str] = Counter()
    deleted = 0
    for step in range(1, 9):
        for is_done in (False, True):
            fill(okla, days=1, each=5)
            ever |= rows(okla)
            ends = EndsAt(step, is_done=is_done)
            with Between(s3_server, ends).serving() as url, deleting_fails_after(okla, ever.total() - step % 5):
                configured(SCHEDULER_ARCHIVE_URL=f"s3://{bucket.name}?endpoint={url}&region={REGION}")
                deleted += run_job(JOB, at=NOW, batchSize=2).result["rowsDeleted"]
    configured(SCHEDULER_ARCHIVE_URL=bucket.url)
    last = run_job(JOB, at=NOW, batchSize=2)
    assert last.status == "Completed" and deleted + last.result["rowsDeleted"] == ever.total() == 80
    assert stored_in(bucket) == ever and okla.count_of("logs") == 0 and index(okla) not in bucket.keys


def test_a_row_that_is_in_use_goes_with_the_next_run_and_is_not_archived_again(
    okla: Okla, cold: Path, run_job: Run
) -> None:
    fill(okla, days=1)
    old = rows(okla)
    with okla.connect(SERVICE) as session, session.transaction():
        session.execute(f"SELECT 1 FROM {okla['logs']} WHERE {okla['logs']['id']} = %s FOR UPDATE", [okla.log_id(3)])
        for deleted in (6, 0):
            assert run_job(JOB, at=NOW).result["rowsDeleted"] == deleted
        assert index(okla) in names(cold)
    assert run_job(JOB, at=NOW).result["rowsDeleted"] == 1
    assert archived(cold) == old
    assert names(cold) == [f"{folder(okla)}/2026-08-26.jsonl.gz", f"{folder(okla)}/2026-08-26.manifest.json"]


def test_an_object_that_has_vanished_before_its_rows_went_is_made_again(okla: Okla, cold: Path, run_job: Run) -> None:
    fill(okla, days=1)
    old = rows(okla)
    with deleting_fails_after(okla, 0):
        run_job(JOB, at=NOW)
    (cold / f"{folder(okla)}/2026-08-26.jsonl.gz").unlink()
    ran = run_job(JOB, at=NOW)
    assert (ran.status, ran.result["rowsDeleted"]) == ("Completed", 7)
    assert archived(cold) == old


def test_rows_that_change_before_their_object_is_described_are_archived_as_they_then_are(
    s3_server: S3Server, okla: Okla, bucket: Bucket, configured: Callable[..., None], run_job: Run
) -> None:
    fill(okla, days=1)
    with Between(s3_server, EndsAt(3, is_done=False)).serving() as url:
        configured(SCHEDULER_ARCHIVE_URL=f"s3://{bucket.name}?endpoint={url}&region={REGION}")
        run_job(JOB, at=NOW)
    okla.change("logs", okla.log_id(3), message="resolved")
    old = rows(okla)
    configured(SCHEDULER_ARCHIVE_URL=bucket.url)
    ran = run_job(JOB, at=NOW)
    assert (ran.status, ran.result["rowsArchived"], ran.result["rowsDeleted"]) == ("Completed", 7, 7)
    assert f"WARNING {source(okla)}, 2026-08-26: rows have changed since they were read" in ran.output
    kept = gzip.decompress(bucket.read(f"{folder(okla)}/2026-08-26.part-2.jsonl.gz")).decode()
    assert Counter(kept.splitlines()) == old and index(okla) not in bucket.keys


@pytest.mark.parametrize(
    "content",
    [b"", b"no gzip", gzip.compress(b"{}\n"), gzip.compress(b"[]\n")],
    ids=["nothing", "no gzip", "an empty object", "no object"],
)
def test_a_damaged_index_stops_the_run_before_it_deletes(okla: Okla, cold: Path, run_job: Run, content: bytes) -> None:
    fill(okla, days=1)
    (cold / index(okla)).parent.mkdir(parents=True)
    (cold / index(okla)).write_bytes(content)
    ran = run_job(JOB, at=NOW)
    assert ran.status == "Failed" and not ran.outcome.can_retry
    assert f"The index {index(okla)} is damaged" in str(ran.outcome.error_message)
    assert okla.count_of("logs") == 7


# --- Tables that keep their rows -------------------------------------------------------------------------------------
@pytest.fixture
def keeps_91_days(okla: Okla, cold: Path, tmp_path: Path, configured: Callable[..., None]) -> None:
    """A mapping by which no log row may go within 91 days."""
    configured(SCHEDULER_TABLE_MAPPING=keeping_91_days(okla, tmp_path))


def keeping_91_days(okla: Okla, folder: Path) -> str:
    logs, path = okla["logs"], folder / "keeping.toml"
    columns = ", ".join(f'{word} = "{logs.columns[word]}"' for word in ("id", "at"))
    log = f'name = "{logs.table}"\ndatabase = "{SERVICE}"\ncolumns = {{ {columns} }}\nkept_days = 91'
    path.write_text(f'extends = "{okla.schema}"\n\n[[logs]]\n{log}\n')
    return str(path)


@pytest.mark.parametrize(("days", "held_back"), [(90, 1), (1, 1), (91, 0)])
def test_no_parameter_makes_a_table_let_go_of_rows_that_it_has_to_keep(
    okla: Okla, cold: Path, keeps_91_days: None, run_job: Run, days: int, held_back: int
) -> None:
    fill(okla, each=2)
    old = rows(okla)
    for is_dry_run in (True, False):
        ran = run_job(JOB, at=NOW, days=days, dryRun=is_dry_run)
        figures = ran.result["sources"][0]
        assert (figures["firstKept"], figures["daysHeldBack"]) == ("2026-08-26", held_back)
        told = "2 rows of 1 days are held back: this table keeps its rows for 91 days" in ran.output
        assert told == bool(held_back)
    assert (ran.result["rowsDeleted"], ran.result["daysHeldBack"]) == (4, held_back)
    assert archived(cold) == old - rows(okla) and okla.count_of("logs") == 2


def test_a_longer_time_than_the_table_asks_for_is_the_jobs(
    okla: Okla, cold: Path, keeps_91_days: None, run_job: Run
) -> None:
    fill(okla, each=2)
    ran = run_job(JOB, at=NOW, days=92)
    assert (ran.result["rowsDeleted"], ran.result["sources"][0]["firstKept"]) == (2, "2026-08-25")


def test_what_was_begun_before_a_table_had_to_keep_it_stays(
    okla: Okla, cold: Path, configured: Callable[..., None], tmp_path: Path, run_job: Run
) -> None:
    fill(okla, days=1)
    with deleting_fails_after(okla, 4):
        run_job(JOB, at=NOW, batchSize=2)
    configured(SCHEDULER_TABLE_MAPPING=keeping_91_days(okla, tmp_path))
    assert run_job(JOB, at=NOW).result["rowsDeleted"] == 0
    assert run_job(JOB, at=NOW + timedelta(days=1)).result["rowsDeleted"] == 3
    assert archived(cold).total() == 7


# --- Two at once, and an end in between ------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_two_runs_at_once_lose_nothing(
    s3_server: S3Server, okla: Okla, bucket: Bucket, configured: Callable[..., None], run_job: Run
) -> None:
    """The second run does all its work while the first one stores its first object."""
    fill(okla)
    old = rows(okla)
    second: list[Ran] = []

    def run_another(method: str, path: str, pass_on: Callable[[], Reply]) -> Reply:
        if method == "PUT" and path.endswith(".jsonl.gz") and not second:
            second.append(None)  # type: ignore[arg-type]
            second[0] = run_job(JOB, at=NOW)
            connection.close()  # this is a thread of the server
        return pass_on()

    with Between(s3_server, run_another).serving() as url:
        configured(SCHEDULER_ARCHIVE_URL=f"s3://{bucket.name}?endpoint={url}&region={REGION}")
        first = run_job(JOB, at=NOW, batchSize=2)
    assert (first.status, second[0].status) == ("Completed", "Completed")
    assert first.result["rowsDeleted"] + second[0].result["rowsDeleted"] == old.total() == 21
    assert okla.count_of("logs") == 0
    kept: Counter[str] = Counter()
    for key in bucket.keys:
        if key.endswith(".jsonl.gz"):
            kept.update(gzip.decompress(bucket.read(key)).decode().splitlines())
    assert kept == old


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("moment", ["2026-08-26.index.gz", "2026-08-26.jsonl.gz", "2026-08-26.manifest.json"])
def test_two_runs_that_read_a_day_at_different_times_archive_no_row_twice(
    s3_server: S3Server, okla: Okla, bucket: Bucket, configured: Callable[..., None], run_job: Run, moment: str
) -> None:
    """While the first run stores something, a late row comes and the second run does all its work."""
    fill(okla, days=1)
    old = rows(okla)
    second: list[Ran] = []

    def run_another(method: str, path: str, pass_on: Callable[[], Reply]) -> Reply:
        if method == "PUT" and path.endswith(moment) and not second:
            fill(okla, days=1, each=1)
            old.update(rows(okla) - old)
            second.append(None)  # type: ignore[arg-type]
            second[0] = run_job(JOB, at=NOW)
            connection.close()  # this is a thread of the server
        return pass_on()

    with Between(s3_server, run_another).serving() as url:
        configured(SCHEDULER_ARCHIVE_URL=f"s3://{bucket.name}?endpoint={url}&region={REGION}")
        first = run_job(JOB, at=NOW, batchSize=2)
    assert (first.status, second[0].status) == ("Completed", "Completed")
    configured(SCHEDULER_ARCHIVE_URL=bucket.url)
    run_job(JOB, at=NOW)
    assert okla.count_of("logs") == 0 and index(okla) not in bucket.keys
    assert stored_in(bucket) == old and old.total() == 8


@pytest.mark.django_db(transaction=True)
def test_a_run_that_is_cancelled_stops_between_batches(okla: Okla, cold: Path, run_job: Run) -> None:
    fill(okla, days=2, each=10)
    old = rows(okla)
    okla.execute(
        SERVICE,
        "CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql"
        " AS $$ BEGIN PERFORM pg_sleep(0.4); RETURN NULL; END $$;"
        f" CREATE TRIGGER slowly AFTER DELETE ON {okla['logs']} EXECUTE FUNCTION slowly()",
    )

    def cancel_once_it_deletes() -> None:
        while okla.count_of("logs") == old.total():
            pass
        JobExecution.objects.update(cancel_requested_at=Now())
        connection.close()

    somebody = threading.Thread(target=cancel_once_it_deletes)
    somebody.start()
    try:
        ran = run_job(JOB, at=NOW, batchSize=1)
    finally:
        somebody.join()
        okla.execute(SERVICE, "DROP FUNCTION slowly CASCADE")
    left = okla.count_of("logs")
    assert ran.status == "Cancelled" and 0 < left < old.total()
    assert set(old) - set(rows(okla)) <= set(archived(cold))
    assert run_job(JOB, at=NOW).result["rowsDeleted"] == left
    assert archived(cold) == old


# --- Where it must stop ----------------------------------------------------------------------------------------------
def test_without_cold_storage_nothing_is_touched_and_the_variable_is_named(
    okla: Okla, configured: Callable[..., None], run_job: Run
) -> None:
    fill(okla)
    configured(SCHEDULER_ARCHIVE_URL="")
    ran = run_job(JOB, at=NOW)
    assert ran.status == "Failed" and not ran.outcome.can_retry
    assert "Cold storage is not configured: set SCHEDULER_ARCHIVE_URL." in str(ran.outcome.error_message)
    assert okla.count_of("logs") == 21


def test_a_missing_column_stops_the_run_before_it_touches_a_row(okla: Okla, cold: Path, run_job: Run) -> None:
    fill(okla)
    logs = okla["logs"]
    okla.execute(SERVICE, f"ALTER TABLE {logs} RENAME COLUMN {logs['at']} TO elsewhere")
    try:
        ran = run_job(JOB, at=NOW)
    finally:
        okla.execute(SERVICE, f"ALTER TABLE {logs} RENAME COLUMN elsewhere TO {logs['at']}")
    assert ran.status == "Failed" and not ran.outcome.can_retry
    told = f'table "{logs.table}" of database errorservice has no column {logs["at"]}'
    assert told in str(ran.outcome.error_message)
    assert okla.count_of("logs") == 21 and names(cold) == []


@pytest.mark.parametrize(
    ("answer", "can_retry"), [(problem(403, "AccessDenied"), False), (problem(503, "SlowDown"), True), (None, True)]
)
def test_an_archive_that_does_not_take_the_rows_leaves_them_where_they_are(
    s3_server: S3Server, okla: Okla, bucket: Bucket, configured: Callable[..., None], run_job: Run,
    answer: Reply | None, can_retry: bool,
) -> None:  # fmt: skip
    fill(okla)

    def refuse(method: str, path: str, pass_on: Callable[[], Reply]) -> Reply | None:
        return answer if method == "PUT" else pass_on()

    with Between(s3_server, refuse).serving() as url:
        configured(SCHEDULER_ARCHIVE_URL=f"s3://{bucket.name}?endpoint={url}&region={REGION}")
        ran = run_job(JOB, at=NOW)
    assert (ran.status, ran.outcome.can_retry) == ("Failed", can_retry)
    assert f"The S3 bucket {bucket.name}" in str(ran.outcome.error_message)
    assert okla.count_of("logs") == 21 and bucket.keys == []


def test_an_archive_that_keeps_something_else_leaves_the_rows_where_they_are(
    s3_server: S3Server, okla: Okla, bucket: Bucket, configured: Callable[..., None], run_job: Run
) -> None:
    fill(okla)
    was_put: list[str] = []

    def lie(method: str, path: str, pass_on: Callable[[], Reply]) -> Reply:
        answer = pass_on()
        if method == "PUT":
            was_put.append(path)
        return answer.having(x_amz_checksum_sha256="AAAA") if method == "HEAD" and path in was_put else answer

    with Between(s3_server, lie).serving() as url:
        configured(SCHEDULER_ARCHIVE_URL=f"s3://{bucket.name}?endpoint={url}&region={REGION}")
        ran = run_job(JOB, at=NOW)
    assert ran.status == "Failed" and "SHA-256 is another" in str(ran.outcome.error_message)
    assert okla.count_of("logs") == 21


def test_a_full_disk_on_the_way_names_its_folder_and_leaves_the_rows_where_they_are(
    okla: Okla, cold: Path, tmp_path: Path, run_job: Run
) -> None:
    """No file of this process may become larger meanwhile, as under a quota: a full disk without one."""
    fill(okla, days=1, each=2_000)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16_384, before[1]))
    try:
        ran = run_job(JOB, at=NOW)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (ran.status, ran.outcome.can_retry) == ("Failed", True)
    assert f"The disk of {tmp_path / 'work'} is full" in str(ran.outcome.error_message)
    assert "SCHEDULER_WORK_DIR" in str(ran.outcome.error_message)
    assert okla.count_of("logs") == 2_000 and names(cold) == [] and list((tmp_path / "work").iterdir()) == []
    assert run_job(JOB, at=NOW).result["rowsDeleted"] == 2_000


@pytest.mark.parametrize(
    "parameters", [{"days": 0}, {"batchSize": 0}, {"storageClass": "no such"}, {"days": 90, "what": 1}]
)
def test_parameters_that_make_no_sense_are_refused(run_job: Run, parameters: Mapping[str, Any]) -> None:
    with pytest.raises(ValidationError):
        run_job(JOB, at=NOW, **parameters)


def test_nothing_is_left_in_the_work_folder(okla: Okla, cold: Path, tmp_path: Path, run_job: Run) -> None:
    fill(okla)
    run_job(JOB, at=NOW)
    assert list((tmp_path / "work").iterdir()) == []
