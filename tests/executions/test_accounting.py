"""Planned due times against rows: whatever is done to the jobs, nothing is unaccounted; and a row too few is found."""

import json
import random
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection, connections, transaction

from executions import accounting, comparison, dispatch, ids, ledger
from executions.comparison import compare
from executions.models import JobExecution, LedgerCheck
from jobs import holds
from jobs.clock import database_now
from jobs.enums import JobStatus, MisfirePolicy, OverlapPolicy, Trigger
from jobs.models import ScheduledJob, ScheduleRevision, WrongStatus
from scheduler_project.local.process import eventually
from tests.admin_pages import client_of, text, url
from tests.database_clock import DatabaseClock, database_time
from tests.factories import FAILED, SOMEBODY, a_job, a_run, claimed, ended, fell_due, rows_of

START = datetime(2026, 3, 6, 11, 17, 23, 456789, tzinfo=UTC)  # two days before New York's clocks go forward

pytestmark = pytest.mark.django_db


@pytest.fixture
def clock(db: None) -> Iterator[DatabaseClock]:
    with database_time(START) as moved:
        yield moved


def since_the_start() -> comparison.Comparison:
    return compare(START - timedelta(days=1), database_now())


def differences(found: comparison.Comparison) -> list[tuple[str, str, datetime]]:
    return [(each.kind, each.job_key, each.due_time) for each in found.examples]


# --- Whatever is done ------------------------------------------------------------------------------------------------
CRONS = (
    "*/7 * * * *", "30 * * * *", "30 2 * * *", "0 1,3 * * *", "15 1 * * *", "*/20 0-5 * * *", "0 0 1 * *", "@daily",
    "17 3 * * SUN", "59 23 L * *",
)  # fmt: skip
ZONES = ("America/New_York", "UTC", "America/Santo_Domingo", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Cairo")


class Operator:
    """Does what people do to jobs, at random but from a seed, through the verbs that they use."""

    def __init__(self, seed: int, clock: DatabaseClock) -> None:
        self.chance, self.clock = random.Random(seed), clock
        self.jobs: list[ScheduledJob] = []
        self.names = 0

    def act(self) -> None:
        verbs = [self.wait, self.wait, self.wait, self.fire, self.fire, self.work, self.define, self.reschedule]
        verbs += [self.rename, self.pause, self.resume, self.disable, self.enable, self.retire, self.hold, self.release]
        try:
            with transaction.atomic():
                self.chance.choice(verbs)()
        except (WrongStatus, ValidationError):
            pass  # what cannot be done just now

    def wait(self) -> None:
        self.clock.advance(seconds=self.chance.choice([0, 0.5, 37, 60, 3_600, 40_000, 130_000]))

    def fire(self) -> None:
        dispatch.fire_due()
        ScheduledJob.resume_elapsed()

    def work(self) -> None:
        """A worker takes what is free; some of it fails and is tried again."""
        dispatch.release_held()
        for run in list(JobExecution.objects.waiting().order_by("id")[:5]):
            row = ledger.claim(run.id, token=run.id, worker_name="test@here", worker_id=None)
            if row and self.chance.random() < 0.8:
                ended(row, FAILED) if self.chance.random() < 0.3 else ended(row)

    def define(self) -> None:
        if len(self.jobs) < 4:
            self.names += 1
            self.jobs.append(
                a_job(
                    f"job {self.names}", **self.schedule(), misfire_policy=self.chance.choice(MisfirePolicy.values),
                    overlap_policy=self.chance.choice(OverlapPolicy.values),
                    misfire_grace_seconds=self.chance.choice([0, 60, 86_400]),
                    status=self.chance.choice([JobStatus.ENABLED, JobStatus.ENABLED, JobStatus.DISABLED]),
                )
            )  # fmt: skip

    def schedule(self) -> dict[str, str]:
        return {"cron_expression": self.chance.choice(CRONS), "time_zone": self.chance.choice(ZONES)}

    def reschedule(self) -> None:
        self.of_a_job(lambda job: job.redefine(by=SOMEBODY, **self.schedule()))

    def rename(self) -> None:
        self.names += 1
        self.of_a_job(lambda job: job.redefine(by=SOMEBODY, name=f"job {self.names}"))

    def pause(self) -> None:
        self.of_a_job(lambda job: job.pause(by=SOMEBODY, until=self.until()))

    def resume(self) -> None:
        self.of_a_job(lambda job: job.resume(by=SOMEBODY))

    def disable(self) -> None:
        self.of_a_job(lambda job: job.disable(by=SOMEBODY))

    def enable(self) -> None:
        self.of_a_job(lambda job: job.enable(by=SOMEBODY))

    def retire(self) -> None:
        if self.jobs and self.chance.random() < 0.5:
            self.jobs.pop(self.chance.randrange(len(self.jobs))).retire(by=SOMEBODY)

    def hold(self) -> None:
        holds.hold(by=SOMEBODY, until=self.until())

    def release(self) -> None:
        holds.release(by=SOMEBODY)

    def until(self) -> datetime | None:
        return self.chance.choice([None, self.clock.now + timedelta(seconds=self.chance.choice([90, 20_000, 100_000]))])

    def of_a_job(self, verb: Callable[[ScheduledJob], Any]) -> None:
        if self.jobs:
            verb(self.chance.choice(self.jobs))


@pytest.mark.parametrize("seed", range(30))
def test_whatever_is_done_to_the_jobs_each_due_time_has_its_row_and_each_row_its_due_time(
    clock: DatabaseClock, seed: int
) -> None:
    operator = Operator(seed, clock)
    a_job("left alone", cron_expression="45 */2 * * *")
    for step in range(60):
        operator.act()
        if step % 10 == 0:
            found = since_the_start()
            assert (found.unaccounted, found.unplanned, found.planned) == (0, 0, found.rows), differences(found)
    clock.advance(hours=30)
    dispatch.fire_due()
    found = since_the_start()
    assert (found.unaccounted, found.unplanned, found.pending) == (0, 0, 0), differences(found)
    assert found.planned == found.rows == JobExecution.objects.filter(retry_attempt=0).count() > 0


def test_a_clock_change_does_not_disturb_the_account(clock: DatabaseClock) -> None:
    a_job("in the gap", cron_expression="30 2 * * *", time_zone="America/New_York")
    a_job("through it", cron_expression="*/30 * * * *", time_zone="America/New_York")
    for _day in range(4):
        clock.advance(days=1)
        dispatch.fire_due()
    assert since_the_start().is_clean
    clock.move_to(datetime(2026, 10, 31, 12, tzinfo=UTC))
    dispatch.fire_due()
    clock.advance(days=2)
    dispatch.fire_due()
    found = since_the_start()
    assert found.is_clean and found.planned == found.rows > 11_000


# --- What it finds ---------------------------------------------------------------------------------------------------
@pytest.fixture
def hourly(clock: DatabaseClock) -> ScheduledJob:
    """A job whose last 48 due times have fired."""
    job = a_job("hourly", cron_expression="0 * * * *")
    clock.advance(hours=48)
    dispatch.fire_due()
    return job


def test_a_row_that_is_gone_is_exactly_that_one_unaccounted(hourly: ScheduledJob) -> None:
    lost = rows_of(hourly)[17]
    JobExecution.objects.filter(pk=lost.pk).delete()
    found = since_the_start()
    assert (found.planned, found.rows, found.unaccounted, found.unplanned) == (48, 47, 1, 0)
    assert differences(found) == [("unaccounted", "hourly", lost.scheduled_for)]


def stray(job: ScheduledJob, due: datetime, **fields: Any) -> JobExecution:
    row = JobExecution(
        job=job, job_name=job.name, job_type=job.job_type, queue="default", priority=5, queued_at=due, completed_at=due,
        scheduled_for=due, **{"id": ids.of_due_time(job.id, due), "trigger": "Schedule", "status": "Missed", **fields},
    )  # fmt: skip
    dispatch.insert([row])
    return row


def test_a_row_at_an_instant_that_nothing_planned_is_unplanned(hourly: ScheduledJob) -> None:
    due = START.replace(minute=30, second=0, microsecond=0) + timedelta(hours=5)
    stray(hourly, due)
    found = since_the_start()
    assert (found.unaccounted, found.unplanned) == (0, 1)
    assert differences(found) == [("unplanned", "hourly", due)]


def test_a_row_of_a_due_time_under_another_id_is_both(hourly: ScheduledJob) -> None:
    row = rows_of(hourly)[3]
    JobExecution.objects.filter(pk=row.pk).delete()
    stray(hourly, row.scheduled_for, id=ids.of_request(row.scheduled_for))
    assert differences(since_the_start()) == [
        ("unaccounted", "hourly", row.scheduled_for), ("unplanned", "hourly", row.scheduled_for),
    ]  # fmt: skip


def test_rows_from_before_the_job_and_after_its_end_are_unplanned(hourly: ScheduledJob, clock: DatabaseClock) -> None:
    hourly.retire(by=SOMEBODY)
    clock.advance(hours=3)
    hour = timedelta(hours=1)
    before, after = START.replace(minute=0, second=0, microsecond=0), clock.now.replace(minute=0, second=0) - hour
    stray(hourly, before), stray(hourly, after.replace(microsecond=0))
    assert [each[2] for each in differences(since_the_start())] == [before, after.replace(microsecond=0)]


def test_runs_that_somebody_asked_for_and_further_attempts_are_not_of_the_account(
    hourly: ScheduledJob, clock: DatabaseClock
) -> None:
    hourly.redefine(by=SOMEBODY, overlap_policy=OverlapPolicy.ALLOW)
    a_run(hourly)
    again = a_run(hourly, scheduled_for=rows_of(hourly)[5].scheduled_for)
    ended(claimed(again), FAILED)
    assert JobExecution.objects.filter(trigger=Trigger.RETRY).exists()
    assert since_the_start().is_clean


def test_at_most_twenty_examples_are_kept_the_oldest_first(hourly: ScheduledJob) -> None:
    rows = rows_of(hourly)
    JobExecution.objects.all().delete()
    found = since_the_start()
    assert found.unaccounted == 48
    assert [each[2] for each in differences(found)] == [row.scheduled_for for row in rows[:20]]


def test_only_the_window_that_was_asked_for_is_compared(hourly: ScheduledJob) -> None:
    rows = rows_of(hourly)
    JobExecution.objects.all().delete()
    found = compare(rows[10].scheduled_for, rows[12].scheduled_for)
    assert [each[2] for each in differences(found)] == [rows[11].scheduled_for, rows[12].scheduled_for]


def test_what_beat_has_not_settled_is_pending_once_it_is_a_minute_old(
    hourly: ScheduledJob, clock: DatabaseClock
) -> None:
    clock.move_to(clock.now.replace(minute=0, second=30) + timedelta(hours=3))
    found = since_the_start()
    assert (found.planned, found.rows, found.pending, found.is_clean) == (48, 48, 2, True)
    clock.advance(seconds=31)
    assert since_the_start().pending == 3


def test_a_hold_takes_no_due_time_off_the_plan(clock: DatabaseClock) -> None:
    job = a_job(cron_expression="0 * * * *")
    holds.hold(by=SOMEBODY)
    clock.advance(hours=5)
    dispatch.fire_due()
    assert (since_the_start().planned, since_the_start().is_clean) == (5, True)
    JobExecution.objects.filter(pk=rows_of(job)[2].pk).delete()
    assert since_the_start().unaccounted == 1


def test_a_stretch_whose_schedule_cannot_be_read_is_left_out_and_told(
    hourly: ScheduledJob,
    clock: DatabaseClock,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    hourly.redefine(by=SOMEBODY, cron_expression="30 * * * *")
    clock.advance(hours=10)
    dispatch.fire_due()
    # As after an update of the zone data that no longer knows the zone.
    revision = hourly.revisions.get(version=1)
    revision.definition["time_zone"] = "Atlantis/Capital"
    revision.save()
    JobExecution.objects.filter(pk=rows_of(hourly)[-1].pk).delete()
    found = since_the_start()
    assert (found.planned, found.rows, found.unaccounted, found.unplanned) == (10, 9, 1, 0)
    assert "Atlantis/Capital" in found.unreadable["hourly"]
    accounting.check(START, clock.now)
    assert "Atlantis/Capital" in caplog.text
    with pytest.raises(CommandError):
        call_command("check_ledger")
    assert "left out: hourly" in capsys.readouterr().out


def test_months_that_the_ledger_does_not_hold_any_more_are_not_expected(
    clock: DatabaseClock,
) -> None:
    with connection.cursor() as cursor:  # other tests have made older months
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'executions_jobexecution'::regclass"
        )
        months = [name for (name,) in cursor.fetchall()]
        for name in months:
            cursor.execute(f"DROP TABLE {name}")
    assert comparison.ledger_begins() == clock.now
    a_job(cron_expression="0 * * * *")
    clock.move_to(datetime(2026, 4, 2, tzinfo=UTC))
    dispatch.fire_due()
    assert since_the_start().is_clean
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE executions_jobexecution_2026_03")
    assert comparison.ledger_begins() == datetime(2026, 4, 1, tzinfo=UTC)
    found = since_the_start()
    assert (found.planned, found.rows, found.is_clean) == (25, 25, True)


# --- While things happen ---------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_what_fires_and_changes_while_it_is_compared_is_no_false_alarm() -> None:
    jobs = [a_job(f"job {n}", cron_expression="* * * * *") for n in range(40)]
    begin = database_now() - timedelta(hours=3)
    ScheduleRevision.objects.update(effective_from=begin)
    for job in jobs:
        fell_due(job, begin)
    before = compare(begin, database_now())
    assert (before.planned, before.pending >= 40 * 178) == (0, True)

    def change() -> None:
        for job in jobs[::2]:
            job.redefine(by=SOMEBODY, cron_expression="*/2 * * * *")
            job.retire(by=SOMEBODY)

    def settle() -> None:
        """One by one, as a beat would whose batches are small: there are many moments to look in between."""
        for job in jobs[1::2]:
            job.redefine(by=SOMEBODY, description="settled")
        dispatch.fire_due()

    busy = [threading.Thread(target=_closing(action)) for action in (settle, change)]
    for thread in busy:
        thread.start()
    looks = []
    while any(thread.is_alive() for thread in busy) or not looks:
        looks.append(compare(begin, database_now()))
    for thread in busy:
        thread.join(60)
    after = compare(begin, database_now())
    assert all(look.is_clean for look in [*looks, after])
    assert after.planned == after.rows >= 40 * 178


def _closing(action: Callable[[], Any]) -> Callable[[], None]:
    def run() -> None:
        try:
            action()
        finally:
            connection.close()

    return run


# --- Every hour ------------------------------------------------------------------------------------------------------
def test_a_check_is_kept_with_its_figures_and_examples(hourly: ScheduledJob) -> None:
    lost = rows_of(hourly)[17]
    JobExecution.objects.filter(pk=lost.pk).delete()
    made = accounting.check(START - timedelta(days=1), database_now())
    assert LedgerCheck.objects.get() == made == accounting.last()
    assert (made.jobs, made.planned, made.unaccounted, made.unplanned) == (1, 48, 1, 0)
    assert made.examples == [
        {
            "kind": "unaccounted", "jobId": str(hourly.id), "jobKey": "hourly",
            "dueTime": f"{lost.scheduled_for:%Y-%m-%dT%H:%M:%SZ}",
        }
    ]  # fmt: skip


def test_a_check_looks_25_hours_back_and_further_when_none_was_made_for_long(
    hourly: ScheduledJob, clock: DatabaseClock
) -> None:
    whole = clock.now.replace(microsecond=0)
    first = accounting.check_since_last()
    assert (first.checked_from, first.checked_until) == (
        whole - timedelta(hours=25, minutes=1), whole - timedelta(minutes=1),
    )  # fmt: skip
    clock.advance(hours=9)
    second = accounting.check_since_last()
    assert second.checked_from == second.checked_until - timedelta(hours=25)
    assert second.checked_until == whole + timedelta(hours=9, minutes=-1)
    clock.advance(days=3)
    third = accounting.check_since_last()
    assert third.checked_from == second.checked_until - timedelta(hours=1)


def test_checks_are_kept_for_90_days(hourly: ScheduledJob, clock: DatabaseClock) -> None:
    first = accounting.check_since_last()
    clock.advance(days=89)
    accounting.check_since_last()
    assert LedgerCheck.objects.filter(pk=first.pk).exists()
    clock.advance(days=2)
    accounting.check_since_last()
    assert LedgerCheck.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_one_process_checks_at_a_time() -> None:
    with accounting._alone() as is_alone:
        assert is_alone
        assert accounting.check_since_last() is None
    assert accounting.check_since_last() is not None
    assert LedgerCheck.objects.count() == 1


def backends() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        return int(cursor.fetchone()[0])


@pytest.mark.django_db(transaction=True)
def test_in_the_background_it_is_done_once_at_a_time_and_leaves_no_connection_open() -> None:
    before = backends()
    with accounting._under_way:
        assert accounting.check_in_background() is None
    accounting.check_in_background().join(60)
    assert LedgerCheck.objects.count() == 1
    assert not accounting._under_way.locked()
    assert eventually(lambda: backends() <= before, 60)  # a closed connection's process takes a moment to end


@pytest.mark.django_db(transaction=True)
def test_what_goes_wrong_in_the_background_is_logged_and_the_next_one_goes_ahead(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for settings in (connections["default"].settings_dict, connections.settings["default"]):
        monkeypatch.setitem(settings, "PORT", "1")
    accounting.check_in_background().join(60)
    assert "The ledger could not be checked." in caplog.text
    monkeypatch.undo()
    accounting.check_in_background().join(60)
    assert LedgerCheck.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_what_the_background_finds_is_logged_as_an_error(caplog: pytest.LogCaptureFixture) -> None:
    job = a_job("lost", cron_expression="* * * * *")
    ScheduleRevision.objects.update(effective_from=database_now() - timedelta(hours=1))
    accounting.check_in_background().join(60)
    assert LedgerCheck.objects.get().unaccounted >= 58
    assert "have no row" in caplog.text and job.key in caplog.text


# --- By command ------------------------------------------------------------------------------------------------------
def said(capsys: pytest.CaptureFixture[str], *options: str) -> str:
    call_command("check_ledger", *options)
    return capsys.readouterr().out


def test_the_command_looks_at_all_that_the_ledger_holds_and_keeps_the_answer(
    hourly: ScheduledJob, clock: DatabaseClock, capsys: pytest.CaptureFixture[str]
) -> None:
    clock.advance(hours=2)
    shown = said(capsys)
    assert "48 planned due times, 48 rows, 2 pending" in shown
    assert "0 unaccounted, 0 unplanned" in shown
    made = accounting.last()
    assert (made.planned, made.checked_until) == (48, clock.now.replace(microsecond=0))


def test_the_command_fails_and_names_examples_when_something_is_missing(
    hourly: ScheduledJob, capsys: pytest.CaptureFixture[str]
) -> None:
    lost = rows_of(hourly)[0]
    JobExecution.objects.filter(pk=lost.pk).delete()
    with pytest.raises(CommandError) as failed:
        call_command("check_ledger")
    shown = capsys.readouterr().out
    assert failed.value.returncode == 1
    assert "1 unaccounted, 0 unplanned" in shown
    assert f"unaccounted {lost.scheduled_for:%Y-%m-%dT%H:%M:%SZ} hourly {hourly.id}" in shown


def test_the_command_tells_json(hourly: ScheduledJob, capsys: pytest.CaptureFixture[str]) -> None:
    told = json.loads(said(capsys, "--json", "--job", "hourly", "--from", "2026-03-06T00:00:00-04:00"))
    assert (told["planned"], told["rows"], told["unaccounted"], told["jobs"]) == (48, 48, 0, 1)
    assert told["from"] == "2026-03-06T04:00:00Z"


@pytest.mark.parametrize("name", ["key", "id"])
def test_the_command_looks_at_one_job_by_key_or_id_and_keeps_no_answer(
    hourly: ScheduledJob, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    other = a_job("other", cron_expression="30 * * * *")
    stray(other, START - timedelta(hours=2))
    assert "48 planned" in said(capsys, "--job", str(getattr(hourly, name)))
    with pytest.raises(CommandError):
        call_command("check_ledger", "--job", str(getattr(other, name)))
    assert accounting.last() is None


@pytest.mark.parametrize(
    "options",
    [("--job", "nobody"), ("--from", "soon"), ("--until", "9999-12-31T23:59:59-12:00")],
    ids=lambda each: each[1],
)
def test_the_command_refuses_what_it_does_not_understand(db: None, options: tuple[str, str]) -> None:
    with pytest.raises(CommandError):
        call_command("check_ledger", *options)


# --- In the admin ----------------------------------------------------------------------------------------------------
def test_checks_are_listed_to_be_read(hourly: ScheduledJob) -> None:
    JobExecution.objects.filter(pk=rows_of(hourly)[0].pk).delete()
    made = accounting.check(START - timedelta(days=1), database_now())
    viewer = client_of("viewer")
    assert "Not complete" in text(viewer.get(url("executions_ledgercheck", "changelist")))
    page = text(viewer.get(url("executions_ledgercheck", "change", made.pk)))
    assert f"unaccounted {made.examples[0]['dueTime']} hourly" in page
    assert viewer.get(url("executions_ledgercheck", "add")).status_code == 403
