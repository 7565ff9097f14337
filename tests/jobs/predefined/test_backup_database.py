"""BackupDatabaseJob with real databases, PostgreSQL's own programs and real archives."""

import hashlib
import os
import subprocess
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models.functions import Now

from executions.models import Alert, JobExecution
from jobs.backup_retention import Backup
from jobs.guardrails import STATE
from jobs.models import JobState, ScheduledJob
from tests.jobs.conftest import Ran
from tests.jobs.gateways.test_backups import wheels_folder
from tests.okla import Okla
from tests.s3 import REGION, Between, Bucket, Reply, S3Server, problem

JOB = "BackupDatabaseJob"
THREE = ["vehiclessaleservice", "authservice", "userservice"]
Run = Callable[..., Ran]
Configured = Callable[..., None]

pytestmark = pytest.mark.usefixtures("s3_key")


@pytest.fixture
def schema() -> str:
    """A dump is one whatever its tables are called."""
    return "original"


@pytest.fixture
def cold(tmp_path: Path, okla: Okla, configured: Configured) -> Path:
    """Backups in a folder."""
    configured(SCHEDULER_BACKUP_URL=(tmp_path / "cold").as_uri(), SCHEDULER_WORK_DIR=str(tmp_path / "work"))
    return tmp_path / "cold"


@pytest.fixture
def bucket(s3_server: S3Server, tmp_path: Path, okla: Okla, configured: Configured) -> Bucket:
    bucket = s3_server.new_bucket()
    configured(SCHEDULER_BACKUP_URL=bucket.url, SCHEDULER_WORK_DIR=str(tmp_path / "work"))
    return bucket


def names(cold: Path) -> list[str]:
    return sorted(path.relative_to(cold).as_posix() for path in cold.rglob("*") if path.is_file())


def kept(cold: Path, database: str, days_ago: float, *, is_good: bool = True) -> str:
    """A backup from before; the name of its dump."""
    backup = Backup(database, datetime.now(UTC) - timedelta(days=days_ago))
    path = cold / backup.name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"a dump")
    if is_good:
        (cold / backup.checksum_name).write_text("…")
    return backup.name


def databases(ran: Ran) -> dict[str, dict[str, Any]]:
    return {each["database"]: each for each in ran.result["databases"]}


# --- What it does ----------------------------------------------------------------------------------------------------
def test_each_database_is_dumped_verified_and_stored_with_its_checksum(okla: Okla, cold: Path, run_job: Run) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    ran = run_job(JOB)
    assert ran.status == "Completed", ran.output
    assert list(databases(ran)) == THREE
    for database, figures in databases(ran).items():
        dump = cold / figures["name"]
        checksum = hashlib.sha256(dump.read_bytes()).hexdigest()
        assert (figures["bytes"], figures["sha256"]) == (dump.stat().st_size, checksum)
        assert figures["seconds"] >= 0 and figures["removed"] == []
        assert figures["pgDump"] in subprocess.check_output([wheels_folder() / "pg_dump", "--version"], text=True)
        taken_at = datetime.strptime(dump.name, f"{database}_%Y%m%d_%H%M%S.dump").replace(tzinfo=UTC)
        assert before <= taken_at <= datetime.now(UTC)
        subprocess.run(["sha256sum", "--check", "--strict", f"{dump.name}.sha256"], cwd=dump.parent, check=True)
        told = f"{database}: {figures['bytes']:,} bytes, read to the end and stored as {dump}"
        assert f"{told} (pg_dump {figures['pgDump']})" in ran.output
    assert ran.result["bytes"] == sum(each["bytes"] for each in ran.result["databases"])
    assert len(names(cold)) == 6 and ran.result["failed"] == {}
    assert list((cold.parent / "work").iterdir()) == []


def test_a_backup_restores_what_was_there(okla: Okla, cold: Path, run_job: Run) -> None:
    rows = [{"Id": str(n), "Token": f"t{n}", "UserId": "ñ", "ExpiresAt": datetime.now(UTC)} for n in range(50)]
    okla.insert("authservice", "RefreshTokens", rows)
    dump = cold / run_job(JOB, databases=["authservice"]).result["databases"][0]["name"]
    before = okla.execute("authservice", 'SELECT * FROM "RefreshTokens" ORDER BY 1')
    address = okla.addresses["authservice"]
    environment = {**os.environ, **{f"PG{key.upper()}": address[key] for key in ("host", "port", "user", "password")}}
    subprocess.run(
        [wheels_folder() / "pg_restore", "--clean", "--dbname", address["dbname"], dump], check=True, env=environment
    )
    assert okla.execute("authservice", 'SELECT * FROM "RefreshTokens" ORDER BY 1') == before


def test_dumps_go_to_s3_in_the_storage_class_asked_for(okla: Okla, bucket: Bucket, run_job: Run) -> None:
    ran = run_job(JOB, databases=["authservice"], storageClass="STANDARD_IA")
    dump, checksum = bucket.keys
    assert bucket.head(dump)["StorageClass"] == "STANDARD_IA"
    assert bucket.read(checksum).decode() == f"{ran.result['databases'][0]['sha256']}  {dump.rpartition('/')[2]}\n"
    assert hashlib.sha256(bucket.read(dump)).hexdigest() == ran.result["databases"][0]["sha256"]


def test_without_a_place_for_backups_of_their_own_they_go_to_cold_storage(
    okla: Okla, configured: Configured, tmp_path: Path, run_job: Run
) -> None:
    configured(SCHEDULER_BACKUP_URL="", SCHEDULER_ARCHIVE_URL=(tmp_path / "cold").as_uri())
    assert run_job(JOB, databases=["authservice"]).status == "Completed"
    assert len(names(tmp_path / "cold")) == 2


def test_a_dry_run_says_what_would_be_dumped_and_removed(okla: Okla, cold: Path, run_job: Run) -> None:
    old = [kept(cold, "authservice", days) for days in (40, 50, 60)]
    before = names(cold)
    ran = run_job(JOB, databases=["authservice"], keepCount=2, dryRun=True)
    (figures,) = ran.result["databases"]
    assert figures["databaseBytes"] > 1_000_000 and figures["backups"] == 3
    assert figures["wouldRemove"] == [old[2], old[1]]
    assert names(cold) == before and not (cold.parent / "work").exists()


# --- Retention -------------------------------------------------------------------------------------------------------
def test_old_backups_go_once_the_new_one_is_safe(okla: Okla, cold: Path, run_job: Run) -> None:
    gone = [kept(cold, "authservice", 50), kept(cold, "authservice", 40), kept(cold, "authservice", 3, is_good=False)]
    stay = [kept(cold, "authservice", 20), kept(cold, "authservice", 0.5, is_good=False)]
    others = kept(cold, "userservice", 90)
    (cold / "backups/authservice/read me.txt").write_text("not ours")
    ran = run_job(JOB, databases=["authservice"], keepDays=30, keepCount=1)
    assert ran.result["databases"][0]["removed"] == gone and ran.result["removed"] == 3
    left = names(cold)
    assert not {name for name in left if name.removesuffix(".sha256") in gone}
    assert {*stay, others, "backups/authservice/read me.txt"} <= set(left)


def test_the_newest_stay_however_old_they_are(okla: Okla, cold: Path, run_job: Run) -> None:
    old = [kept(cold, "authservice", days) for days in range(400, 410)]
    run_job(JOB, databases=["authservice"])
    assert [name for name in old if name in names(cold)] == old[:6]


def test_nothing_old_goes_when_there_is_no_new_backup(
    okla: Okla, cold: Path, configured: Configured, run_job: Run
) -> None:
    old = [kept(cold, "authservice", days) for days in (40, 50)]
    away = {**okla.addresses["authservice"], "port": "1"}
    configured(SCHEDULER_SERVICE_DATABASES={"authservice": away})
    assert run_job(JOB, databases=["authservice"], keepCount=1).status == "Failed"
    assert {*old} <= set(names(cold))


def test_an_old_backup_that_cannot_be_removed_does_not_spoil_the_new_one(
    s3_server: S3Server, okla: Okla, bucket: Bucket, configured: Configured, run_job: Run
) -> None:
    """As in a bucket that lets nobody delete, which is how backups should be kept."""
    old = Backup("authservice", datetime.now(UTC) - timedelta(days=99))
    for name in (old.name, old.checksum_name):
        s3_server.client().put_object(Bucket=bucket.name, Key=name, Body=b"x")

    def keep(method: str, path: str, pass_on: Callable[[], Reply]) -> Reply:
        is_of_object = method == "DELETE" and "uploadId" not in path
        return problem(403, "AccessDenied") if is_of_object else pass_on()

    with Between(s3_server, keep).serving() as url:
        configured(SCHEDULER_BACKUP_URL=f"s3://{bucket.name}?endpoint={url}&region={REGION}")
        ran = run_job(JOB, databases=["authservice"], keepCount=1)
    assert ran.status == "Completed" and ran.result["removed"] == 0
    assert "WARNING authservice: old backups could not be removed" in ran.output
    assert len(bucket.keys) == 4


# --- When one fails --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("change", "can_retry", "words"),
    [
        ({"password": "wrong"}, False, "password authentication failed"),
        ({"port": "1"}, True, "refused"),
        (None, False, "set USERSERVICE_DATABASE_CONNECTION_STRING"),
    ],
    ids=["wrong password", "down", "not configured"],
)
def test_all_are_tried_and_then_the_run_fails_loudly(
    okla: Okla, cold: Path, configured: Configured, run_job: Run, change: Mapping[str, str] | None, can_retry: bool,
    words: str,
) -> None:  # fmt: skip
    addresses = {**okla.addresses, "userservice": {**okla.addresses["userservice"], **(change or {})}}
    if change is None:
        del addresses["userservice"]
    configured(SCHEDULER_SERVICE_DATABASES=addresses)
    ran = run_job(JOB, databases=["userservice", "authservice", "vehiclessaleservice"])
    assert (ran.status, ran.outcome.can_retry) == ("Failed", can_retry)
    message = str(ran.outcome.error_message)
    assert message.startswith("1 of 3 databases have no good new backup: userservice: ") and words in message
    assert "USERSERVICE_DATABASE_CONNECTION_STRING" in message
    assert list(databases(ran)) == ["authservice", "vehiclessaleservice"]
    assert words in ran.result["failed"]["userservice"]
    assert len(names(cold)) == 4
    assert okla.addresses["userservice"]["password"] not in ran.output


def test_of_two_failures_one_that_may_pass_is_worth_a_retry(
    okla: Okla, cold: Path, configured: Configured, run_job: Run
) -> None:
    down = {**okla.addresses["userservice"], "port": "1"}
    configured(SCHEDULER_SERVICE_DATABASES={"userservice": down})
    ran = run_job(JOB, databases=["userservice", "authservice"])
    assert (ran.status, ran.outcome.can_retry) == ("Failed", True)
    assert "2 of 2 databases" in str(ran.outcome.error_message)


def test_a_further_attempt_does_not_dump_again_what_is_stored(
    okla: Okla, cold: Path, configured: Configured, run_job: Run
) -> None:
    due, names_two = datetime(2026, 11, 25, 6, 0, tzinfo=UTC), ["authservice", "userservice"]
    configured(SCHEDULER_SERVICE_DATABASES={"authservice": okla.addresses["authservice"]})
    first = run_job(JOB, at=due, databases=names_two)
    assert first.status == "Failed" and len(names(cold)) == 2
    configured(SCHEDULER_SERVICE_DATABASES=okla.addresses)
    second = run_job(JOB, at=due, databases=names_two)
    assert second.status == "Completed" and len(names(cold)) == 4
    assert databases(second)["authservice"] == databases(first)["authservice"]
    assert "authservice: an earlier attempt of this run has stored" in second.output


def test_another_run_makes_backups_of_its_own(okla: Okla, cold: Path, configured: Configured, run_job: Run) -> None:
    due = datetime(2026, 11, 25, 6, 0, tzinfo=UTC)
    configured(SCHEDULER_SERVICE_DATABASES={"authservice": okla.addresses["authservice"]})
    run_job(JOB, at=due, databases=["authservice", "userservice"])
    configured(SCHEDULER_SERVICE_DATABASES=okla.addresses)
    wait_for_another_second()
    assert run_job(JOB, at=due + timedelta(days=1), databases=["authservice"]).status == "Completed"
    wait_for_another_second()
    assert run_job(JOB, at=due + timedelta(days=1), databases=["authservice"]).status == "Completed"
    assert len(names(cold)) == 6


def test_a_stored_backup_that_has_gone_meanwhile_is_made_again(
    okla: Okla, cold: Path, configured: Configured, run_job: Run
) -> None:
    due = datetime(2026, 11, 25, 6, 0, tzinfo=UTC)
    configured(SCHEDULER_SERVICE_DATABASES={"authservice": okla.addresses["authservice"]})
    run_job(JOB, at=due, databases=["authservice", "userservice"])
    for path in list(cold.rglob("*authservice_*")):
        path.unlink()
    run_job(JOB, at=due, databases=["authservice"])
    assert len(names(cold)) == 2


def wait_for_another_second() -> None:
    """Names tell seconds."""
    now = datetime.now(UTC).second
    while datetime.now(UTC).second == now:
        pass


def test_two_backups_in_one_second_do_not_overwrite_one_another(okla: Okla, cold: Path, run_job: Run) -> None:
    """The second one is told, and its run's next attempt has another second."""
    for second in range(5):
        kept(cold, "authservice", -second / 86_400)
    before = {name: (cold / name).read_bytes() for name in names(cold)}
    ran = run_job(JOB, databases=["authservice"])
    assert (ran.status, ran.outcome.can_retry) == ("Failed", True)
    assert "is there already" in str(ran.outcome.error_message)
    assert {name: (cold / name).read_bytes() for name in names(cold)} == before


# --- Guardrails ------------------------------------------------------------------------------------------------------
def had(sizes: list[int], database: str = "authservice") -> None:
    """As if these had been the sizes of the job's last good runs."""
    history = {f"bytes in the backup of {database}": [[f"run {number}", size] for number, size in enumerate(sizes)]}
    JobState.objects.update_or_create(job=ScheduledJob.objects.get(), key=STATE, defaults={"value": history})


@pytest.mark.parametrize(("usual", "is_far"), [(50 * 2**20, True), (1_000, False)])
def test_a_backup_of_another_size_than_the_last_good_ones_is_told_of(
    okla: Okla, cold: Path, run_job: Run, usual: int, is_far: bool
) -> None:
    """Half a dump is a table that is gone; but small ones vary."""
    assert "warnings" not in run_job(JOB, databases=["authservice"]).result
    had([usual, usual, usual + 1])
    wait_for_another_second()
    ran = run_job(JOB, databases=["authservice"])
    assert ran.status == "Completed"
    alerts = list(Alert.objects.filter(closed_at=None).values_list("subject", "message"))
    if not is_far:
        assert "warnings" not in ran.result and alerts == []
        return
    size = ran.result["bytes"]
    told = f"bytes in the backup of authservice: {size:,}, far from the usual 52,428,800"
    assert ran.result["warnings"][0].startswith(told)
    assert alerts == [("Unusual: bytes in the backup of authservice", ran.result["warnings"][0])]
    had([size] * 3)
    wait_for_another_second()
    assert "warnings" not in run_job(JOB, databases=["authservice"]).result
    assert not Alert.objects.filter(closed_at=None).exists()


def test_a_run_that_fails_is_told_of_and_counts_for_nothing(
    okla: Okla, cold: Path, configured: Configured, run_job: Run
) -> None:
    run_job(JOB, databases=["authservice"])
    had([50 * 2**20] * 3)
    configured(SCHEDULER_SERVICE_DATABASES={"authservice": okla.addresses["authservice"]})
    wait_for_another_second()
    ran = run_job(JOB, databases=["authservice", "userservice"])
    assert ran.status == "Failed" and "bytes in the backup of authservice" in ran.result["warnings"][0]
    (kept,) = JobState.objects.get(key=STATE).value.values()
    assert [value for _at, value in kept] == [50 * 2**20] * 3


# --- Where it must stop ----------------------------------------------------------------------------------------------
def test_without_a_place_for_backups_nothing_is_dumped(okla: Okla, configured: Configured, run_job: Run) -> None:
    configured(SCHEDULER_BACKUP_URL="", SCHEDULER_ARCHIVE_URL="")
    ran = run_job(JOB)
    assert ran.status == "Failed" and not ran.outcome.can_retry
    assert "Cold storage is not configured: set SCHEDULER_BACKUP_URL." in str(ran.outcome.error_message)


def test_a_client_older_than_the_server_names_both_and_the_variable(
    okla: Okla, cold: Path, configured: Configured, tmp_path: Path, run_job: Run
) -> None:
    program = tmp_path / "bin" / "pg_dump"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\necho "pg_dump (PostgreSQL) 12.1"\n')
    program.chmod(0o755)
    configured(SCHEDULER_PG_BIN=str(program.parent))
    ran = run_job(JOB, databases=["authservice"])
    assert ran.status == "Failed" and not ran.outcome.can_retry
    message = str(ran.outcome.error_message)
    assert "The server is PostgreSQL 18 and pg_dump here is 12" in message and "SCHEDULER_PG_BIN" in message


def test_a_dump_that_cannot_be_read_is_not_stored(
    okla: Okla, cold: Path, configured: Configured, tmp_path: Path, run_job: Run
) -> None:
    """A pg_dump that writes half of it and says that all is well."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "pg_restore").symlink_to(wheels_folder() / "pg_restore")
    program = folder / "pg_dump"
    program.write_text(
        f'#!/bin/sh\n"{wheels_folder()}/pg_dump" "$@"\n'
        'for word; do case $word in --file=*) truncate -s 1000 "${word#--file=}";; esac; done\n'
    )
    program.chmod(0o755)
    configured(SCHEDULER_PG_BIN=str(folder))
    ran = run_job(JOB, databases=["authservice"])
    assert (ran.status, ran.outcome.can_retry) == ("Failed", True)
    assert "is damaged" in str(ran.outcome.error_message)
    assert not cold.exists() or names(cold) == []


def test_a_denied_upload_leaves_no_dump_behind(
    s3_server: S3Server, okla: Okla, bucket: Bucket, configured: Configured, tmp_path: Path, run_job: Run
) -> None:
    def refuse(method: str, path: str, pass_on: Callable[[], Reply]) -> Reply:
        return problem(403, "AccessDenied") if method == "PUT" else pass_on()

    with Between(s3_server, refuse).serving() as url:
        configured(SCHEDULER_BACKUP_URL=f"s3://{bucket.name}?endpoint={url}&region={REGION}")
        ran = run_job(JOB, databases=["authservice", "userservice"])
    assert ran.status == "Failed" and not ran.outcome.can_retry
    assert "2 of 2" in str(ran.outcome.error_message) and "s3:PutObject" in str(ran.outcome.error_message)
    assert list((tmp_path / "work").iterdir()) == [] and bucket.keys == []


def test_a_work_folder_that_is_none_is_named(
    okla: Okla, cold: Path, configured: Configured, tmp_path: Path, run_job: Run
) -> None:
    (tmp_path / "a file").write_bytes(b"")
    configured(SCHEDULER_WORK_DIR=str(tmp_path / "a file"))
    ran = run_job(JOB, databases=["authservice"])
    assert ran.status == "Failed" and "SCHEDULER_WORK_DIR" in str(ran.outcome.error_message)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("check", ["off", "always"])
def test_a_run_that_is_cancelled_while_it_dumps_ends_the_program(
    okla: Okla, cold: Path, run_job: Run, check: str
) -> None:
    """A table that somebody holds for himself keeps pg_dump waiting, or the count of the rows before it."""
    with okla.connect("authservice") as session, session.transaction():
        session.execute('LOCK TABLE "RefreshTokens" IN ACCESS EXCLUSIVE MODE')

        def cancel_once_it_waits() -> None:
            # For this session: other processes of the suite lock and wait on the same server.
            waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND %s = ANY (pg_blocking_pids(pid))"
            while not okla.execute("userservice", waiting, [session.info.backend_pid])[0][0]:
                pass
            JobExecution.objects.update(cancel_requested_at=Now())
            connection.close()

        somebody = threading.Thread(target=cancel_once_it_waits)
        somebody.start()
        ran = run_job(JOB, databases=["authservice"], restoreCheck=check)
        somebody.join()
    assert ran.status == "Cancelled"
    assert names(cold) == [] and list((cold.parent / "work").iterdir()) == []


@pytest.mark.parametrize(
    "parameters",
    [
        {"databases": []},
        {"databases": ["../etc"]},
        {"databases": ["host=x dbname=y"]},
        {"keepCount": 0},
        {"keepDays": 0},
        {"storageClass": ""},
        {"restoreCheck": "daily"},
        {"restoreCheckDatabase": "host=x dbname=y"},
        {"restoreCheckServer": "../etc"},
    ],
)
def test_parameters_that_make_no_sense_are_refused(run_job: Run, parameters: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        run_job(JOB, **parameters)
