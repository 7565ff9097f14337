"""What ended, by time, against a plain recount of the ledger: however far the roll-ups go, all of it, and once."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction

from dashboard import history, trends
from executions.models import JobExecution
from executions.rollups import folding
from tests.executions.rollups.histories import a_row, random_rows, written
from tests.factories import a_job

NOW = datetime(2026, 1, 8, 12, 34, 56, 789_000, tzinfo=UTC)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
BUSINESS = ZoneInfo("America/Santo_Domingo")

pytestmark = pytest.mark.django_db


def fold_until(instant: datetime) -> None:
    with transaction.atomic():
        folding.add(folding.take_cursor(wait=True), instant)


def recount(begin: datetime, end: datetime) -> tuple[Counter[str], int, timedelta]:
    """Of what ended after `begin`, and not after `end`."""
    rows = list(JobExecution.objects.filter(completed_at__gt=begin, completed_at__lte=end))
    durations = [max(row.duration, timedelta()) for row in rows if row.duration is not None]
    return Counter(row.status for row in rows), len(durations), sum(durations, timedelta())


@pytest.fixture
def rows() -> None:
    """Sixty hours of them; on the instants that bound the last day and its hours and minutes, and right beside."""
    dice, jobs = random.Random(1), [a_job("one"), a_job("two")]
    made = [
        row
        for hours in range(0, 60, 4)
        for row in random_rows(dice, jobs, NOW - (hours + 4) * HOUR, NOW - hours * HOUR)
    ]
    cut = NOW - DAY
    tick = timedelta(microseconds=1)
    for edge in (cut, cut.replace(second=0, microsecond=0), cut.replace(minute=0, second=0, microsecond=0), NOW):
        made += [a_row(jobs[0], at) for at in (edge - tick, edge, edge + tick)]
    made += [a_row(jobs[0], NOW - timedelta(seconds=second), "Failed") for second in range(0, 700, 7)]
    written(*made)


@pytest.mark.parametrize(
    "behind",
    [None, 47 * HOUR, DAY + 20 * MINUTE, DAY - 20 * MINUTE, 3 * HOUR, 9.5 * MINUTE, MINUTE / 2, timedelta()],
    ids=["never folded", "47 h", "in the day's first hour", "after it", "3 h", "in the last minutes", "30 s", "all"],
)  # fmt: skip
def test_the_last_day_is_exact_however_far_behind_the_roll_ups_are(rows: None, behind: timedelta | None) -> None:
    if behind is not None:
        fold_until(NOW - behind)
    ended = history.last_day(NOW)
    assert (ended.counts, ended.ran, ended.duration) == recount(NOW - DAY, NOW)
    begin = NOW.replace(minute=0, second=0, microsecond=0) - 40 * HOUR
    everything = history.together(history.pieces(begin, NOW), since=begin)
    assert (everything.counts, everything.ran, everything.duration) == recount(begin, NOW)


@pytest.mark.parametrize("behind", [None, 2 * HOUR, timedelta()], ids=["never folded", "2 h", "all"])
def test_the_last_minutes_are_told_by_ten_seconds(rows: None, behind: timedelta | None) -> None:
    if behind is not None:
        fold_until(NOW - behind)
    buckets = history.last_minutes(history.pieces(NOW - DAY, NOW), NOW)
    assert len(buckets) == 60 and buckets[-1].start == NOW.replace(second=50, microsecond=0)
    for bucket in buckets:
        end = min(bucket.start + history.FINE_STEP, NOW + timedelta(microseconds=1))
        found = JobExecution.objects.filter(completed_at__gte=bucket.start, completed_at__lt=end)
        assert bucket.counts == Counter(found.values_list("status", flat=True)), bucket.start


def test_it_costs_one_query(rows: None, django_assert_num_queries) -> None:
    with django_assert_num_queries(1):
        history.pieces(NOW - 2 * DAY, NOW)


def test_buckets_of_days_follow_the_calendar_of_the_zone() -> None:
    job = a_job()
    midnight = datetime(2026, 1, 8, 4, tzinfo=UTC)  # in Santo Domingo
    written(a_row(job, midnight - timedelta(seconds=1)), a_row(job, midnight + timedelta(seconds=1), "Failed"))
    fold_until(NOW)
    found = history.pieces(NOW - 3 * DAY, NOW)
    days = history.buckets(found, midnight - 2 * DAY, step=DAY, number=3, zone=BUSINESS)
    assert [bucket.counts for bucket in days] == [{}, {"Completed": 1}, {"Failed": 1}]


def test_a_number_is_compared_with_the_same_time_the_day_before() -> None:
    job = a_job()
    before = [NOW - DAY - timedelta(seconds=1), NOW - 2 * DAY + HOUR]
    written(*(a_row(job, at) for at in (NOW - DAY + timedelta(seconds=1), NOW - HOUR, NOW - MINUTE, *before)))
    fold_until(NOW - 2 * MINUTE)
    found = trends.trends(history.pieces(NOW - 2 * DAY, NOW), NOW)
    assert (found["succeeded"].now, found["succeeded"].before) == (3, 2)
    assert found["duration"].now == found["duration"].before == 1.0


def test_the_days_of_a_job_are_its_own_by_its_calendar() -> None:
    job, other = a_job("own"), a_job("other")
    written(
        *(a_row(job, NOW - days * DAY, "Completed") for days in range(3)), a_row(job, NOW - DAY, "Missed", took=None),
        a_row(other, NOW), a_row(job, NOW - 20 * DAY),
        a_row(job, datetime(2026, 1, 8, 3, 59, tzinfo=UTC)),  # still the 7th in Santo Domingo
    )  # fmt: skip
    found = history.days_of_job(job.id, NOW, BUSINESS, number=10)
    assert {day.day: dict(counts) for day, counts in found.items()} == {
        8: {"Completed": 1}, 7: {"Completed": 2, "Missed": 1}, 6: {"Completed": 1}
    }  # fmt: skip


def test_of_a_frequent_job_the_newest_days_are_counted_and_none_by_half() -> None:
    job = a_job()
    written(*(a_row(job, NOW - days * DAY - timedelta(hours=number)) for days in range(1, 4) for number in range(2)))
    found = history.days_of_job(job.id, NOW, BUSINESS, number=10, most=5)
    assert {day.day: counts["Completed"] for day, counts in found.items()} == {7: 2, 6: 2}
