"""Databases that vanish in the middle: a run fails, is worth a retry, and the next one leaves all as if nothing was.

The databases are real, in OKLA's own tables; a line in front of one of them breaks at a statement of the job.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from billiard.exceptions import SoftTimeLimitExceeded
from django.utils import timezone

from jobs import business_days
from scheduler_project.local.process import eventually
from tests.jobs.conftest import Ran
from tests.jobs.predefined.conftest import FAST, Market, NotificationPeer
from tests.jobs.predefined.unreliable_database import How, in_front_of
from tests.okla import Okla

PATIENCE_SECONDS = 30
ALL, AT_ONCE = 5, 2  # rows that there are to be changed, and how many at a time
GONE = (
    "SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = current_database()"
    " AND pid <> pg_backend_pid() AND application_name = 'schedulerservice'"
)

Run = Callable[..., Ran]


@pytest.fixture
def schema() -> str:
    return "okla"


@dataclass(frozen=True)
class Work:
    """A job that changes rows in several transactions. `done`: how many of them it has changed, as others see it.

    `during`: words of the statement that does it, in the database of the service.
    """

    job: str
    service: str
    during: bytes
    fill: Callable[[Okla], object]
    done: Callable[[Okla], int]
    parameters: dict[str, Any] = field(default_factory=lambda: {"batchSize": AT_ONCE})


def fill_tokens(okla: Okla) -> None:
    for hours in (*range(1, ALL + 1), -1):
        okla.add("refresh_tokens", at=timezone.now() - timedelta(hours=hours))


def fill_logs(okla: Okla) -> None:
    for minute in range(ALL):
        okla.add("logs", at=datetime(2026, 3, 2, 12, minute, tzinfo=UTC), message=f"row {minute}")


def fill_listings(okla: Okla) -> None:
    for number in range(ALL):
        published = timezone.now() - timedelta(days=40)
        okla.add("vehicles", seller_email=f"seller{number}@example.com", published_at=published)


def fill_appointments(okla: Okla) -> None:
    tomorrow = business_days.day_of(timezone.now()) + timedelta(days=1)
    for number in range(ALL):
        okla.add("appointments", email=f"client{number}@example.com", date=tomorrow, time="15:30")


def fill_groups(okla: Okla) -> None:
    """Questions of two vehicles each, but for the last."""
    for number in range(ALL):
        okla.add("vehicles", model=f"Model {number // AT_ONCE}", mileage=25_000, price=Decimal(900_000))


WORKS = [
    Work(
        "CleanupExpiredTokensJob", "authservice", b"DELETE FROM", fill_tokens,
        lambda okla: ALL + 1 - okla.count_of("refresh_tokens"),
    ),
    Work(
        "CleanupOldLogsJob", "errorservice", b"DELETE FROM", fill_logs,
        lambda okla: ALL - okla.count_of("logs"),
    ),
    Work(
        "UpdateVehicleListingStatusJob", "vehiclessaleservice", b'UPDATE "vehicles"', fill_listings,
        lambda okla: okla.count_of("vehicles", f"{okla['vehicles']['status']} = '{okla.expired}'"),
    ),
    Work(
        "SendReminderEmailsJob", "appointmentservice", b'UPDATE "Appointments"', fill_appointments,
        lambda okla: okla.count_of("appointments", okla.is_reminded),
    ),
    Work(
        "SyncVehiclePricesJob", "vehicleintelligenceservice", b'INSERT INTO "price_analyses"', fill_groups,
        lambda okla: okla.count_of("analyses"), FAST,
    ),
]  # fmt: skip


@pytest.fixture
def peers(
    notifications: NotificationPeer, market: Market, tmp_path: Path, configured: Callable[..., None]
) -> NotificationPeer:
    """Everybody else does as they should."""
    configured(SCHEDULER_ARCHIVE_URL=(tmp_path / "cold").as_uri(), SCHEDULER_WORK_DIR=str(tmp_path / "work"))
    return notifications


def wait_until_gone(okla: Okla, service: str) -> None:
    """A server that lost its client needs a moment to notice, and holds its rows until then."""
    assert eventually(lambda: bool(okla.execute(service, GONE)[0][0]), PATIENCE_SECONDS)


@pytest.mark.parametrize(("how", "done"), [("unasked", AT_ONCE), ("answer lost", 2 * AT_ONCE)])
@pytest.mark.parametrize("work", WORKS, ids=lambda work: work.job)
def test_a_batch_is_changed_or_not_and_the_next_run_does_the_rest(
    okla: Okla, peers: NotificationPeer, configured: Callable[..., None], run_job: Run, work: Work, how: How, done: int
) -> None:
    work.fill(okla)
    with in_front_of(okla.addresses[work.service], how, during=work.during, nth=2) as (address, line):
        configured(SCHEDULER_SERVICE_DATABASES={**okla.addresses, work.service: address})
        ran = run_job(work.job, **work.parameters)
        assert line.has_broken.is_set(), ran.output
        wait_until_gone(okla, work.service)
        assert (ran.status, ran.outcome.can_retry) == ("Failed", True), ran.output
        assert f"{work.service.upper()}_DATABASE_CONNECTION_STRING" in str(ran.outcome.error_message)
        assert work.done(okla) == done
        again = run_job(work.job, **work.parameters)
    assert again.status == "Completed", again.output
    assert work.done(okla) == ALL
    assert len(set(peers.recipients)) == len(peers.recipients) == (ALL if peers.recipients else 0)


def test_a_report_that_could_not_be_read_is_told_to_nobody_until_it_can(
    okla: Okla, peers: NotificationPeer, configured: Callable[..., None], run_job: Run
) -> None:
    service = "vehiclessaleservice"
    with in_front_of(okla.addresses[service], "unasked", during=b"SELECT", nth=5) as (address, line):
        configured(SCHEDULER_SERVICE_DATABASES={**okla.addresses, service: address})
        ran = run_job("GenerateDailyReportsJob")
        assert (ran.status, ran.outcome.can_retry, line.has_broken.is_set()) == ("Failed", True, True), ran.output
        assert peers.asked == []
        assert run_job("GenerateDailyReportsJob").status == "Completed"
    assert peers.recipients == ["admin@okla.com.do"]


def test_sellers_whose_addresses_could_not_be_read_are_told_by_the_next_run(
    okla: Okla, peers: NotificationPeer, configured: Callable[..., None], run_job: Run
) -> None:
    for number in range(ALL):
        seller = okla.add("users", email=f"seller{number}@example.com")
        okla.add("vehicles", seller_id=seller, seller_email="", published_at=timezone.now() - timedelta(days=40))
    job = "UpdateVehicleListingStatusJob"
    read = b'FROM "Users"'  # before anything is changed, and then for each batch
    with in_front_of(okla.addresses["userservice"], "unasked", during=read, nth=3) as (address, line):
        configured(SCHEDULER_SERVICE_DATABASES={**okla.addresses, "userservice": address})
        ran = run_job(job, batchSize=AT_ONCE)
        assert (ran.status, ran.outcome.can_retry, line.has_broken.is_set()) == ("Failed", True, True), ran.output
        assert "USERSERVICE_DATABASE_CONNECTION_STRING" in str(ran.outcome.error_message)
        assert len(peers.recipients) == AT_ONCE
        assert run_job(job, batchSize=AT_ONCE).status == "Completed"
    assert len(set(peers.recipients)) == len(peers.recipients) == ALL


def test_a_dump_that_broke_off_is_not_kept_and_the_other_databases_are_dumped(
    okla: Okla, peers: NotificationPeer, configured: Callable[..., None], run_job: Run, tmp_path: Path
) -> None:
    fill_tokens(okla)
    databases = ["authservice", "userservice"]
    configured(SCHEDULER_BACKUP_URL=(tmp_path / "backups").as_uri())
    copy = {"during": b"COPY ", "asked": b"COPY "}
    with in_front_of(okla.addresses["authservice"], "unasked", **copy) as (address, line):
        configured(SCHEDULER_SERVICE_DATABASES={**okla.addresses, "authservice": address})
        ran = run_job("BackupDatabaseJob", databases=databases, restoreCheck="off")
    assert (ran.status, ran.outcome.can_retry, line.has_broken.is_set()) == ("Failed", True, True), ran.output
    assert "1 of 2 databases have no good new backup: authservice: pg_dump failed" in str(ran.outcome.error_message)
    assert [path.parent.name for path in (tmp_path / "backups").rglob("*.dump")] == ["userservice"]
    assert list((tmp_path / "work").iterdir()) == []


# --- Silence ---------------------------------------------------------------------------------------------------------
@contextmanager
def out_of_time_once(it_is_silent: threading.Event) -> Iterator[None]:
    """As a worker ends a job whose time is over."""

    def out_of_time(*_signal: Any) -> None:
        raise SoftTimeLimitExceeded

    def ring() -> None:
        if it_is_silent.wait(PATIENCE_SECONDS):
            os.kill(os.getpid(), signal.SIGALRM)

    before = signal.signal(signal.SIGALRM, out_of_time)
    bell = threading.Thread(target=ring)
    bell.start()
    try:
        yield
    finally:
        bell.join()
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize(
    ("work", "during", "asked"),
    [(WORKS[0], b"DELETE FROM", b"COMMIT"), (WORKS[1], b"FETCH", b"FETCH"), (WORKS[3], b"UPDATE", b"COMMIT")],
    ids=["in a commit", "in a stream", "while messages are claimed"],
)
def test_a_database_that_falls_silent_holds_a_run_for_no_longer_than_its_time(
    okla: Okla, peers: NotificationPeer, configured: Callable[..., None], run_job: Run, work: Work, during: bytes,
    asked: bytes,
) -> None:  # fmt: skip
    work.fill(okla)
    began = time.monotonic()
    with in_front_of(okla.addresses[work.service], "silent", during=during, asked=asked) as (address, line):
        configured(SCHEDULER_SERVICE_DATABASES={**okla.addresses, work.service: address})
        with out_of_time_once(line.has_broken):
            ran = run_job(work.job, **work.parameters)
        assert (ran.status, ran.outcome.can_retry, line.has_broken.is_set()) == ("Failed", True, True), ran.output
        assert time.monotonic() - began < PATIENCE_SECONDS
    wait_until_gone(okla, work.service)
    assert work.done(okla) == 0
    configured(SCHEDULER_SERVICE_DATABASES=okla.addresses)
    again = run_job(work.job, **work.parameters)
    assert (again.status, work.done(okla)) == ("Completed", ALL), again.output
    assert len(set(peers.recipients)) == len(peers.recipients)


# --- Denied ----------------------------------------------------------------------------------------------------------
@contextmanager
def denied(okla: Okla, right: str) -> Iterator[None]:
    """Our role lacks this right on tokens meanwhile."""
    tokens = okla["refresh_tokens"]
    okla.execute(tokens.service, f"REVOKE {right} ON {tokens} FROM current_user")
    try:
        yield
    finally:
        okla.execute(tokens.service, f"GRANT {right} ON {tokens} TO current_user")


@pytest.mark.parametrize(
    ("right", "job", "parameters"),
    [
        ("SELECT", "CleanupExpiredTokensJob", {}),
        ("DELETE", "CleanupExpiredTokensJob", {}),
        ("SELECT", "BackupDatabaseJob", {"databases": ["authservice"], "restoreCheck": "off"}),
    ],
)
def test_a_right_that_is_missing_is_to_be_mended(
    okla: Okla, peers: NotificationPeer, run_job: Run, right: str, job: str, parameters: dict[str, Any]
) -> None:
    fill_tokens(okla)
    with denied(okla, right):
        ran = run_job(job, **parameters)
    assert (ran.status, ran.outcome.can_retry) == ("Failed", False), ran.output
    assert "permission denied for table RefreshTokens" in str(ran.outcome.error_message)
    assert okla.count_of("refresh_tokens") == ALL + 1


@pytest.fixture
def read_only(okla: Okla) -> Iterator[Okla]:
    """The server is one that stands by: it takes no changes, until it is made the one that does."""
    with okla.connect("authservice") as connection:
        name = connection.info.dbname
        connection.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'.encode())
        yield okla
        connection.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only'.encode())


def test_a_server_that_takes_no_changes_for_now_is_worth_a_retry(read_only: Okla, run_job: Run) -> None:
    ran = run_job("CleanupExpiredTokensJob")
    assert (ran.status, ran.outcome.can_retry) == ("Failed", True)
    assert "read-only transaction" in str(ran.outcome.error_message)
