"""What holds for every expression: checked against cronsim, Celery, and a clock that is asked minute by minute."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import islice
from zoneinfo import ZoneInfo

from celery.schedules import crontab
from cronsim import CronSim
from django.utils import translation
from django_celery_beat import validators
from hypothesis import given, settings
from hypothesis import strategies as st

import tests.jobs.cron_standalone  # noqa: F401
from jobs.cron import CronError, describe, lint, parse, preview

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
BOUNDS = {"minute": (0, 59), "hour": (0, 23), "day": (1, 31), "month": (1, 12), "weekday": (0, 6)}
NAMES = {
    "month": ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
    "weekday": ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
}
# (zone, a UTC day within two days of which its clock changes)
CLOCK_CHANGES = [
    ("America/New_York", date(2026, 3, 8)),
    ("America/New_York", date(2026, 11, 1)),
    ("Europe/Dublin", date(2026, 3, 29)),
    ("Europe/Dublin", date(2026, 10, 25)),
    ("Australia/Lord_Howe", date(2026, 4, 5)),
    ("Australia/Lord_Howe", date(2026, 10, 4)),
    ("Africa/Cairo", date(2026, 4, 24)),
    ("Africa/Cairo", date(2026, 10, 30)),
    ("Pacific/Apia", date(2011, 12, 30)),
    ("Pacific/Apia", date(2012, 4, 1)),
    ("Asia/Kathmandu", date(1986, 1, 1)),
    ("America/St_Johns", date(2010, 11, 7)),
    ("America/St_Johns", date(2011, 3, 13)),
    ("America/Havana", date(2026, 11, 1)),
    ("America/Nuuk", date(2026, 3, 29)),
    ("Antarctica/Troll", date(2026, 3, 29)),
    ("America/Santo_Domingo", date(2000, 10, 29)),
    ("Asia/Pyongyang", date(2018, 5, 4)),
    ("Pacific/Kwajalein", date(1993, 8, 21)),
]


@dataclass(frozen=True)
class Written:
    """A field as it was made up: its text, the values it means, whether it is more than plain values."""

    text: str
    values: frozenset[int]
    recurs: bool

    @property
    def is_full(self) -> bool:
        return self.text == "*"


def cycle(first: int, last: int, low: int, high: int) -> list[int]:
    values = [first]
    while values[-1] != last:
        values.append(low if values[-1] == high else values[-1] + 1)
    return values


@st.composite
def elements(draw: st.DrawFn, kind: str, wrapping: bool = True) -> Written:
    low, high = BOUNDS[kind]
    number = st.integers(low, high)
    first, last, step = draw(number), draw(number), draw(st.integers(1, high))

    def written(value: int) -> str:
        return NAMES[kind][value - low] if kind in NAMES and draw(st.booleans()) else str(value)

    if not wrapping:
        first, last = sorted((first, last))  # cronsim reads 5-5/10 as 5/10; a rising range is read alike
        last = last if last > first else high
        first = first if first < last else low
    shape = draw(st.sampled_from(["value", "value", "range", "range/", "*/", *(["from"] if wrapping else [])]))
    if shape == "value":
        return Written(written(first), frozenset([first]), recurs=False)
    if shape == "*/":
        return Written(f"*/{step}", frozenset(range(low, high + 1, step)), recurs=True)
    if shape == "from":
        return Written(f"{first}/{step}", frozenset(range(first, high + 1, step)), recurs=True)
    text, values = f"{written(first)}-{written(last)}", cycle(first, last, low, high)
    if shape == "range":
        return Written(text, frozenset(values), recurs=True)
    return Written(f"{text}/{step}", frozenset(values[::step]), recurs=True)


@st.composite
def fields(draw: st.DrawFn, kind: str, wrapping: bool = True) -> Written:
    low, high = BOUNDS[kind]
    if draw(st.booleans()):
        return Written("*", frozenset(range(low, high + 1)), recurs=True)
    parts = draw(st.lists(elements(kind, wrapping), min_size=1, max_size=3))
    values = frozenset().union(*(part.values for part in parts))
    return Written(",".join(part.text for part in parts), values, any(part.recurs for part in parts))


@st.composite
def expressions(draw: st.DrawFn, wrapping: bool = True) -> tuple[Written, ...]:
    """Five fields that fire sooner or later."""
    five = tuple(draw(fields(kind, wrapping)) for kind in BOUNDS)
    day, month = five[2], five[3]
    most = max(29 if number == 2 else 30 if number in (4, 6, 9, 11) else 31 for number in month.values)
    if min(day.values) > most:
        five = (*five[:2], Written("*", frozenset(range(1, 32)), recurs=True), *five[3:])
    return five


def text_of(five: tuple[Written, ...]) -> str:
    return " ".join(field.text for field in five)


special_days = st.sampled_from(["L", "LW", "15W", "1W", "31W", "1,L", "L,15", "10W,20W", "*", "?", "13", "25-5", "*/2"])
special_weekdays = st.sampled_from(["5L", "FRI#2", "1#1,5L", "7", "5-7", "1-7", "0-7/2", "*", "?", "1,3#5", "SAT-SUN"])
any_expressions = st.one_of(
    expressions().map(text_of),
    st.builds(
        lambda minute, hour, day, month, weekday: f"{minute.text} {hour.text} {day} {month.text} {weekday}",
        fields("minute"),
        fields("hour"),
        special_days,
        fields("month"),
        special_weekdays,
    ),
    st.sampled_from(["@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually"]),
).filter(lambda text: len(text) <= 100 and fires(text))
zones = st.sampled_from(sorted({zone for zone, _ in CLOCK_CHANGES} | {"UTC"}))
moments = st.datetimes(datetime(1990, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))


def fires(text: str) -> bool:
    try:
        parse(text)
    except CronError as error:
        assert "never matches" in str(error)
        return False
    return True


@cache
def shown_at(zone: ZoneInfo, wall: datetime) -> tuple[datetime, ...]:
    """When the zone's clock shows the minute: once, twice, or, skipped, the first minute after that it does show."""
    passes = sorted({wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)})
    real = tuple(moment for moment in passes if moment.astimezone(zone).replace(tzinfo=None) == wall)
    return real or shown_at_first_minute_after(zone, wall)


def shown_at_first_minute_after(zone: ZoneInfo, wall: datetime) -> tuple[datetime, ...]:
    while True:
        wall += MINUTE
        moment = wall.replace(tzinfo=zone).astimezone(UTC)
        if moment.astimezone(zone).replace(tzinfo=None) == wall:
            return (moment,)


def due_minute_by_minute(five: tuple[Written, ...], zone: ZoneInfo, first: date, last: date) -> Iterator[datetime]:
    """The rules of SPEC 4 taken literally: every minute of every local day is asked for."""
    minutes, hours, days, months, weekdays = (field.values for field in five)
    in_both_passes = five[0].recurs or five[1].recurs
    for day in (first + DAY * offset for offset in range((last - first).days + 1)):
        if day.day in days and day.month in months and (day.weekday() + 1) % 7 in weekdays:
            for wall in (datetime.combine(day, time(hour, minute)) for hour in hours for minute in minutes):
                yield from shown_at(zone, wall)[: None if in_both_passes else 1]


@settings(deadline=None, max_examples=250)
@given(expressions(), st.sampled_from(CLOCK_CHANGES))
def test_around_a_clock_change_the_due_times_are_those_of_a_clock_asked_minute_by_minute(five, change):
    zone, day = ZoneInfo(change[0]), change[1]
    after, until = (datetime.combine(day + DAY * offset, time(), UTC) for offset in (-2, 3))
    asked = set(due_minute_by_minute(five, zone, day - 4 * DAY, day + 5 * DAY))
    expected = sorted(moment for moment in asked if after < moment <= until)
    cron = parse(text_of(five), change[0])
    assert list(cron.between(after, until)) == expected
    assert cron.latest(len(expected) + 1, until=until, after=after) == expected
    assert cron.count_between(after, until) == len(expected)


@settings(deadline=None, max_examples=300)
@given(expressions(wrapping=False), st.sampled_from(["UTC", "America/Santo_Domingo", "Asia/Kathmandu"]), moments)
def test_without_clock_changes_and_double_days_cronsim_agrees(five, zone, moment):
    if not five[2].is_full:
        five = (*five[:4], Written("*", frozenset(range(7)), recurs=True))
    moment = max(moment, datetime(2001, 1, 1, tzinfo=UTC))
    cron = parse(text_of(five), zone)
    local = moment.astimezone(cron.zone)
    theirs = [due.astimezone(UTC) for due in islice(CronSim(cron.expression, local), 10)]
    assert list(islice(cron.between(moment, theirs[-1]), 11)) == theirs


@settings(deadline=None, max_examples=300)
@given(
    st.sampled_from(["L", "LW", "1,L", "13", "*"]),
    st.sampled_from(["5L", "FRI#2", "1#1,5L", "0", "7", "*"]),
    st.integers(1, 12),
    moments,
)
def test_on_last_and_nth_days_cronsim_agrees(day, weekday, month, moment):
    text = f"30 4 {day} {month} *" if day != "*" else f"30 4 * {month} {weekday}"
    cron = parse(text, "UTC")
    theirs = list(islice(CronSim(text, moment), 10))
    assert list(islice(cron.between(moment, theirs[-1]), 11)) == theirs


@settings(deadline=None, max_examples=200)
@given(any_expressions, zones, moments)
def test_due_times_only_ever_increase_and_each_is_the_next_after_the_one_before(text, zone, moment):
    cron = parse(text, zone)
    due_times = list(islice(cron.between(moment, datetime.max.replace(tzinfo=UTC)), 20))
    assert len(due_times) == 20
    before = moment
    for due in due_times:
        assert due > before
        assert cron.next_after(before) == due
        assert cron.next_after(due - timedelta.resolution) == due
        assert cron.matches(due)
        assert not cron.matches(due + timedelta(seconds=1))
        before = due


@settings(deadline=None, max_examples=200)
@given(any_expressions, zones, moments, st.timedeltas(timedelta(0), timedelta(days=3)), st.integers(0, 50))
def test_the_latest_due_times_are_the_end_of_those_between(text, zone, after, length, count):
    cron = parse(text, zone)
    due_times = list(cron.between(after, after + length))
    assert (
        cron.latest(count, until=after + length, after=after)
        == due_times[len(due_times) - min(count, len(due_times)) :]
    )
    assert cron.count_between(after, after + length) == len(due_times)


@settings(deadline=None, max_examples=200)
@given(
    any_expressions, zones, moments, st.lists(st.timedeltas(timedelta(0), timedelta(days=400)), min_size=1, max_size=4)
)
def test_due_times_do_not_depend_on_where_an_interval_is_cut(text, zone, start, lengths):
    cron = parse(text, zone)
    cuts = sorted(start + length for length in lengths)
    pieces = [cron.count_between(after, until) for after, until in zip([start, *cuts], cuts, strict=False)]
    assert sum(pieces) == cron.count_between(start, cuts[-1])


@settings(deadline=None, max_examples=300)
@given(any_expressions)
def test_the_mirror_is_accepted_by_celery_and_never_says_less(text):
    cron = parse(text)
    mirror = cron.crontab_superset()
    theirs = crontab(**mirror._asdict())
    assert theirs.minute >= cron.minute.values
    assert theirs.hour >= cron.hour.values
    assert theirs.day_of_month >= cron.day_of_month.values
    assert theirs.month_of_year >= cron.month.values
    assert theirs.day_of_week >= cron.day_of_week.values
    for field, theirs_values in zip(cron.fields, (theirs.minute, theirs.hour), strict=False):
        assert theirs_values == field.values
    if cron.day_of_month.needs_calendar():
        assert len(theirs.day_of_month) == 31
    if cron.day_of_week.needs_calendar():
        assert len(theirs.day_of_week) == 7


@settings(deadline=None, max_examples=100)
@given(any_expressions)
def test_the_mirror_is_accepted_by_django_celery_beat(text):
    mirror = parse(text).crontab_superset()
    assert [len(part) <= most for part, most in zip(mirror, (240, 96, 124, 64, 64), strict=True)] == [True] * 5
    validators.minute_validator(mirror.minute)
    validators.hour_validator(mirror.hour)
    validators.day_of_month_validator(mirror.day_of_month)
    validators.month_of_year_validator(mirror.month_of_year)
    validators.day_of_week_validator(mirror.day_of_week)


ENGLISH = re.compile(
    r"\b(Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day\b"
    r"|\b(January|February|March|April|May|June|July|August|September|October|November|December)\b"
    r"|\b(at|on|every|only|the|of|and|to|from|hours?)\b"
)


@settings(deadline=None, max_examples=300)
@given(any_expressions)
def test_every_expression_can_be_told_and_the_spanish_is_spanish(text):
    assert describe(text, "en")
    assert not ENGLISH.search(describe(text, "es"))


@settings(deadline=None, max_examples=150)
@given(any_expressions, zones, moments)
def test_every_preview_and_remark_can_be_told_in_both_languages(text, zone, moment):
    cron = parse(text, zone)
    told = [coming.remark for coming in preview(cron, 5, moment) if coming.remark] + lint(cron, moment)
    for language in ("en", "es"):
        with translation.override(language):
            assert all("{" not in str(remark) for remark in told)


@settings(deadline=None, max_examples=500)
@given(st.one_of(st.text(max_size=120), st.text("0123456789*,-/?LW# @ABCDEFMONTUJAN\t", max_size=40)))
def test_any_text_is_read_or_refused_with_a_sentence(text):
    try:
        cron = parse(text)
    except CronError as error:
        assert error.field in {"minute", "hour", "dayOfMonth", "month", "dayOfWeek", "expression"}
        assert str(error)
    else:
        assert cron.next_after(datetime(2026, 1, 1, tzinfo=UTC)) is not None
