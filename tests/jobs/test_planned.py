"""Which due times a revision planned: those after it, up to and including the next one's instant."""

from datetime import UTC, datetime, timedelta

import pytest

from jobs.cron import CronError
from jobs.planned import Period

SIX = datetime(2026, 3, 3, 6, tzinfo=UTC)
HOUR = timedelta(hours=1)


def hourly(begin: datetime, end: datetime | None, status: str = "Enabled", zone: str = "UTC") -> Period:
    return Period(begin, end, status, "0 * * * *", zone)


@pytest.mark.parametrize(
    ("period", "planned"),
    [
        (hourly(SIX - HOUR * 9, None), [6, 7, 8]),
        (hourly(SIX, None), [7, 8]),
        (hourly(SIX - HOUR / 60, None), [6, 7, 8]),
        (hourly(SIX - HOUR * 9, SIX + HOUR), [6, 7]),
        (hourly(SIX - HOUR * 9, SIX + HOUR - HOUR / 60), [6]),
        (hourly(SIX, SIX), []),
        (hourly(SIX + HOUR, SIX), []),  # a clock that was set back between two changes
        (hourly(SIX + HOUR * 9, None), []),
    ],
)
def test_a_period_plans_what_comes_after_its_begin_up_to_its_end(period: Period, planned: list[int]) -> None:
    due_times = list(period.due_times(SIX - HOUR / 2, SIX + HOUR * 2))
    assert [due.hour for due in due_times] == planned
    assert all(period.covers(due) for due in due_times)


@pytest.mark.parametrize(
    ("status", "is_on_schedule"), [("Enabled", True), ("Paused", True), ("Disabled", False), ("Deleted", False)]
)
def test_only_enabled_and_paused_jobs_are_on_the_schedule(status: str, is_on_schedule: bool) -> None:
    assert hourly(SIX, None, status).is_on_schedule is is_on_schedule


def test_a_schedule_that_cannot_be_read_says_so() -> None:
    with pytest.raises(CronError):
        list(hourly(SIX, None, zone="Atlantis/Capital").due_times(SIX, SIX + HOUR))


def test_a_stored_definition_without_a_zone_has_the_business_one() -> None:
    period = Period(SIX, None, "Enabled", "0 3 * * *", "")
    assert list(period.due_times(SIX, SIX + HOUR * 24)) == [SIX + HOUR]
