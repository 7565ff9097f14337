"""What the days ahead bring: which jobs begin at the same minute, and what the timeline draws of it."""

from datetime import UTC, datetime, timedelta

import pytest

from dashboard import planned, timeline
from dashboard.metrics import Hold
from jobs.clock import database_now
from jobs.models import SYSTEM_USER_ID, JobFigures
from tests.factories import a_job, ended, started

NOW = datetime(2026, 1, 8, 12, tzinfo=UTC)  # a Thursday
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def a_planned(name: str, expression: str, minutes: float | None = None, **more) -> planned.PlannedJob:
    usual = None if minutes is None else timedelta(minutes=minutes)
    given = {"id": name, "time_zone": "America/Santo_Domingo", "status": "Enabled", "paused_until": None, **more}
    return planned.PlannedJob(name=name, cron_expression=expression, usual=usual, **given)


BACKUP, PRICES = a_planned("backup", "0 2 * * *", 40), a_planned("prices", "0 2 * * 1", 20)


def names(clash: planned.Clash) -> list[str]:
    return [job.name for job in clash.jobs]


def test_the_price_sync_and_the_backup_meet_on_monday_at_two():
    (clash,) = planned.clashes([BACKUP, PRICES, a_planned("health", "*/5 * * * *")], NOW, None)
    assert (names(clash), clash.first, clash.times) == (
        ["backup", "prices"], datetime(2026, 1, 12, 6, tzinfo=UTC), 1,
    )  # fmt: skip


def test_two_heavy_jobs_come_before_hundreds_of_light_ones():
    light = [a_planned(f"light {number}", "30 4 * * *", 0.1) for number in range(300)]
    found = planned.clashes([*light, BACKUP, PRICES], NOW, None)
    assert names(found[0]) == ["backup", "prices"] and found[1].times == 7


@pytest.mark.parametrize(
    ("more", "hold"),
    [({"status": "Paused"}, None), ({"status": "Paused", "paused_until": NOW + 5 * DAY}, None),
     ({}, Hold(NOW, None, "")), ({}, Hold(NOW - DAY, NOW + 5 * DAY, ""))],
    ids=["paused", "paused until after", "held", "held until after"],
)  # fmt: skip
def test_what_will_be_skipped_neither_clashes_nor_is_drawn(more: dict, hold: Hold | None):
    jobs = [BACKUP, PRICES._replace(**more)]
    assert planned.clashes(jobs, NOW, hold) == []
    drawn = timeline.coming(jobs, NOW, NOW + 5 * DAY, hold)
    assert {span.lane for span in drawn} == (set() if hold else {"backup"})


def test_a_frequent_job_is_one_band_to_the_end_of_the_window():
    (band,) = timeline.coming([a_planned("health", "*/5 * * * *", 1)], NOW, NOW + 8 * HOUR, None)
    assert (band.begin, band.end, band.times) == (
        NOW + timedelta(minutes=5), NOW + 8 * HOUR + timedelta(minutes=1), 96,
    )  # fmt: skip
    (hourly,) = timeline.coming([a_planned("hourly", "0 * * * *")], NOW, NOW + 7 * DAY, None)
    assert (hourly.times, hourly.end - hourly.begin) == (168, 167 * HOUR + planned.UNKNOWN_LENGTH)


def test_a_band_begins_where_the_pause_ends():
    paused = a_planned("health", "*/5 * * * *", status="Paused", paused_until=NOW + 6 * HOUR)
    (band,) = timeline.coming([paused], NOW, NOW + 8 * HOUR, None)
    assert band.begin == NOW + 6 * HOUR and band.times == 25


def test_a_due_time_on_the_first_instant_after_a_pause_is_drawn():
    jobs = [BACKUP._replace(status="Paused", paused_until=datetime(2026, 1, 9, 6, tzinfo=UTC))]
    assert [span.begin for span in timeline.coming(jobs, NOW, NOW + DAY, None)] == [datetime(2026, 1, 9, 6, tzinfo=UTC)]


def test_a_schedule_that_cannot_be_read_hides_no_other():
    broken = a_planned("broken", "no cron at all")
    assert len(timeline.coming([broken, BACKUP], NOW, NOW + DAY, None)) == 1
    assert planned.clashes([broken, BACKUP], NOW, None) == []


@pytest.mark.django_db
def test_all_jobs_on_the_schedule_are_read_by_one_query_with_their_usual_length(django_assert_num_queries):
    job = a_job("known", cron_expression="0 2 * * *")
    ended(started(job))
    JobFigures.objects.update(total=2, duration_total=timedelta(minutes=3))
    a_job("new", cron_expression="0 2 * * *").pause(by=SYSTEM_USER_ID)
    a_job("off", status="Disabled")
    a_job("in a year")
    now = database_now()
    with django_assert_num_queries(1):
        found = planned.planned(now)
    assert [(each.name, each.usual, each.status) for each in found if each.name != "in a year"] == [
        ("known", timedelta(seconds=90), "Enabled"), ("new", None, "Paused"),
    ]  # fmt: skip
