"""Each row that ended is counted exactly once, whoever folds, whenever, and whatever breaks."""

import random
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, connections, transaction

from executions.models import JobExecution, Rollup, RollupCursor, Span
from executions.rollups import background, counts, folding, rebuilding
from executions.rollups.folding import fold
from executions.rollups.totals import Totals, folded_until, totals
from jobs.clock import database_now
from jobs.models import ScheduledJob
from tests.database_clock import DatabaseClock, database_time
from tests.executions.rollups.histories import a_row, random_rows, recount, written
from tests.factories import FAILED, a_job, a_run, claimed, ended, fresh, started

START = datetime(2026, 3, 8, 5, tzinfo=UTC)
NO_LAG = timedelta()


@pytest.fixture
def clock(db: None) -> Iterator[DatabaseClock]:
    with database_time(START) as clock:
        yield clock


def is_same(found: dict[Any, Totals], expected: dict[Any, Totals]) -> bool:
    """Sums of seconds are added up in another order here and there."""
    assert found.keys() == expected.keys()
    for key, each in expected.items():
        seconds = (pytest.approx(each.duration_seconds), pytest.approx(each.lateness_seconds))
        assert seconds == (found[key].duration_seconds, found[key].lateness_seconds)  # type: ignore[comparison-overlap]
        assert replace(found[key], duration_seconds=0, lateness_seconds=0) == replace(
            each, duration_seconds=0, lateness_seconds=0
        )
    return True


# --- Any history -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("seed", range(6))
def test_totals_are_a_recount_of_all_that_ever_ended_after_any_history(clock: DatabaseClock, seed: int) -> None:
    dice = random.Random(seed)
    jobs = [a_job(f"job {number}") for number in range(3)]
    ever: list[JobExecution] = []
    for _step in range(12):
        since = clock.now
        now = clock.advance(minutes=dice.choice([0.2, 1, 20, 130]))
        ever += written(*random_rows(dice, jobs, since, now))
        if dice.random() < 0.5:
            fold(lag=timedelta(seconds=dice.choice([0, 30])), most=dice.choice([2, 7, 1000]))
        if dice.random() < 0.2:  # retention takes what is counted
            JobExecution.objects.filter(completed_at__lte=folded_until() or START).delete()
        assert is_same(totals(), recount(ever))
    assert is_same(totals(per_job=False), {None: recount(ever)[None]})


def test_minutes_and_hours_are_recounts_too(clock: DatabaseClock) -> None:
    dice, jobs = random.Random(1), [a_job("a"), a_job("b")]
    rows = written(*(row for _ in range(8) for row in random_rows(dice, jobs, START, START + timedelta(hours=3))))
    clock.advance(hours=4)
    fold(lag=NO_LAG)
    for span, seconds, keys in ((Span.MINUTE, 60, [None]), (Span.HOUR, 3600, [None, jobs[0].id, jobs[1].id])):
        begins = Counter(
            (datetime.fromtimestamp(row.completed_at.timestamp() // seconds * seconds, UTC), key)
            for row in rows
            for key in {None, row.job_id}.intersection(keys)
        )
        found = Rollup.objects.filter(span=span)
        counted = {(each.begins_at, each.job_id): each for each in found}
        assert {key: sum(getattr(each, name) for name in counts.FINISHED) for key, each in counted.items()} == begins
        assert all(bool(each.took_at_most) == (each.job_id is None) for each in found)


def test_totals_equal_the_figures_that_the_runs_own_statement_kept(clock: DatabaseClock) -> None:
    job = a_job(max_retries=1)
    for outcome in (FAILED, None, FAILED):
        run = started(job)
        clock.advance(seconds=7)
        ended(run, outcome) if outcome else ended(run)
        clock.advance(seconds=1)
        fold(lag=NO_LAG)
    kept, counted = fresh(job), totals()[job.id]
    assert (kept.total_executions, kept.successful_executions, kept.failed_executions) == (3, 1, 2)
    assert (counted.ran, counted.finished["Completed"], counted.finished["Failed"]) == (3, 1, 2)
    assert kept.average_duration == timedelta(seconds=counted.duration_seconds / counted.ran)


def test_what_is_still_queued_or_running_is_not_counted(clock: DatabaseClock) -> None:
    a_run(a_job("waits"))
    claimed(a_run(a_job("runs")))
    clock.advance(minutes=5)
    fold()
    assert list(totals()) == [None]
    assert not Rollup.objects.exists()


# --- Exactly once ----------------------------------------------------------------------------------------------------
def test_what_is_younger_than_the_lag_waits_and_is_in_the_totals_all_the_same(clock: DatabaseClock) -> None:
    written(a_row(a_job(), clock.now))
    clock.advance(seconds=20)
    fold()
    assert not Rollup.objects.exists()
    assert totals()[None].finished["Completed"] == 1
    clock.advance(seconds=20)
    fold()
    assert Rollup.objects.get(span=Span.MINUTE).completed == 1
    assert totals()[None].finished["Completed"] == 1


def test_a_fold_that_breaks_leaves_everything_as_it_was(clock: DatabaseClock) -> None:
    written(a_row(a_job(), clock.now))
    clock.advance(minutes=2)
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        fold()
        raise ZeroDivisionError
    assert (folded_until(), Rollup.objects.count()) == (None, 0)
    fold()
    assert totals()[None].finished["Completed"] == 1


def test_what_ends_at_one_instant_stays_in_one_batch(clock: DatabaseClock) -> None:
    job = a_job()
    written(*(a_row(job, clock.now) for _ in range(5)), a_row(job, clock.now + timedelta(seconds=1)))
    clock.advance(minutes=2)
    fold(most=2)
    assert Rollup.objects.get(span=Span.EVER, job=job).completed == 6


@pytest.mark.django_db(transaction=True)
def test_a_run_that_is_closed_in_a_transaction_still_open_is_waited_for() -> None:
    run, closed, may_commit = started(a_job()), threading.Event(), threading.Event()

    def close_slowly() -> None:
        try:
            with transaction.atomic():
                ended(run)
                closed.set()
                may_commit.wait(60)
        finally:
            connection.close()

    slow = threading.Thread(target=close_slowly)
    slow.start()
    assert closed.wait(60)
    before = fold(lag=NO_LAG)
    assert before is not None and before < database_now()
    assert totals()[None].ran == 0
    may_commit.set()
    slow.join(60)
    assert JobExecution.objects.get().completed_at > before
    assert totals()[None].ran == 1
    fold(lag=NO_LAG)
    assert Rollup.objects.get(span=Span.EVER, job=None).ran == 1


@pytest.mark.django_db(transaction=True)
def test_many_who_fold_at_once_count_each_row_once() -> None:
    job, now = a_job(), database_now()
    written(*(a_row(job, now - timedelta(seconds=number)) for number in range(1, 400)))

    def fold_often() -> None:
        try:
            for _again in range(5):
                fold(lag=NO_LAG)
        finally:
            connection.close()

    threads = [threading.Thread(target=fold_often) for _ in range(3)]
    for thread in threads:
        thread.start()
    seen = [totals()[None].ran for _ in range(20)]
    for thread in threads:
        thread.join(60)
    assert {*seen, totals()[None].ran} == {399}
    fold(lag=NO_LAG)
    assert Rollup.objects.get(span=Span.EVER, job=job).completed == 399


@pytest.mark.django_db(transaction=True)
def test_who_finds_the_cursor_taken_leaves_it_to_the_other() -> None:
    fold(lag=NO_LAG)
    with transaction.atomic():
        assert folding.take_cursor() is not None
        answers: list[datetime | None] = []
        other = threading.Thread(target=lambda: (answers.append(fold()), connection.close()))
        other.start()
        other.join(60)
    assert answers == [None]


# --- What is old -----------------------------------------------------------------------------------------------------
def test_minutes_are_kept_for_48_hours_and_hours_for_two_years(clock: DatabaseClock) -> None:
    job = a_job()
    written(a_row(job, clock.now))
    clock.advance(hours=1)
    fold()
    clock.advance(hours=50)
    fold()
    assert not Rollup.objects.filter(span=Span.MINUTE).exists()
    assert Rollup.objects.filter(span=Span.HOUR).exists()
    clock.advance(days=735)
    fold()
    assert list(Rollup.objects.values_list("span", flat=True)) == ["Ever", "Ever"]
    assert totals()[job.id].finished["Completed"] == 1


def test_rebuilding_mends_what_was_spoilt(clock: DatabaseClock, capsys: pytest.CaptureFixture[str]) -> None:
    dice, jobs = random.Random(2), [a_job("a"), a_job("b")]
    rows = written(*random_rows(dice, jobs, START, START + timedelta(hours=2)))
    clock.advance(hours=3)
    fold()
    Rollup.objects.filter(span=Span.EVER).update(completed=77)
    Rollup.objects.filter(span=Span.HOUR).first().delete()
    call_command("rebuild_rollups")
    expected = recount(rows)
    assert f"Counted: {expected[None].finished['Completed']} Completed, " in capsys.readouterr().out
    assert is_same(totals(), expected)
    assert sum(each.ran for each in Rollup.objects.filter(span=Span.HOUR, job=None)) == expected[None].ran
    clock.advance(hours=1)
    fold()
    assert is_same(totals(), expected)


def test_rebuilding_keeps_the_hours_of_which_the_ledger_does_not_know_any_more(clock: DatabaseClock) -> None:
    job = a_job()
    with connection.cursor() as cursor:  # other tests have made older months
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'executions_jobexecution'::regclass"
        )
        for (name,) in cursor.fetchall():
            cursor.execute(f"DROP TABLE {name}")
    april = datetime(2026, 4, 20, tzinfo=UTC)
    written(a_row(job, clock.now), a_row(job, april, "Failed"))
    clock.move_to(datetime(2026, 5, 1, tzinfo=UTC))
    fold()
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE executions_jobexecution_2026_03")
    assert totals()[job.id].ran == 2
    rebuilding.rebuild()
    assert totals()[job.id].ran == 1
    for key in (None, job):
        hours = Rollup.objects.filter(span=Span.HOUR, job=key).order_by("begins_at")
        assert [(hour.begins_at, hour.completed, hour.failed) for hour in hours] == [(START, 1, 0), (april, 0, 1)]


# --- In beat's turn --------------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_in_the_background_one_folds_at_a_time_and_faults_are_logged(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with background._under_way:
        assert background.fold_in_background() is None
    for settings in (connections["default"].settings_dict, connections.settings["default"]):
        monkeypatch.setitem(settings, "PORT", "1")
    background.fold_in_background().join(60)
    assert "could not be counted" in caplog.text
    monkeypatch.undo()
    background.fold_in_background().join(60)
    assert RollupCursor.objects.exists()


def test_deleted_jobs_count_among_all(clock: DatabaseClock) -> None:
    job: ScheduledJob = a_job()
    written(a_row(job, clock.now))
    job.retire(by=job.created_by_user_id)
    clock.advance(hours=1)
    fold()
    assert totals()[None].finished["Completed"] == 1
