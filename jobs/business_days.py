"""Days of the business, which are those of America/Santo_Domingo whatever zone a machine is set to."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from jobs.cron import DEFAULT_TIME_ZONE

ZONE = ZoneInfo(DEFAULT_TIME_ZONE)
ONE_DAY = timedelta(days=1)


def day_of(instant: datetime) -> date:
    """The calendar day there at an aware instant."""
    return instant.astimezone(ZONE).date()


def begin_of(day: date) -> datetime:
    """The instant at which the day begins, in UTC."""
    return datetime.combine(day, time(), ZONE).astimezone(UTC)


def end_of(day: date) -> datetime:
    """The instant at which the next day begins, in UTC."""
    return begin_of(day + ONE_DAY)


def instant_of(day: date, at: time) -> datetime:
    """The instant of a wall-clock time on that day, in UTC."""
    return datetime.combine(day, at, ZONE).astimezone(UTC)
