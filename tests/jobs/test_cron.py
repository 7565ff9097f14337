"""The rules of SPEC 4, one by one."""

import copy
import pickle
import re
from datetime import UTC, datetime, timedelta, timezone
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from django.utils import translation

import tests.jobs.cron_standalone  # noqa: F401
from jobs.cron import DEFAULT_TIME_ZONE, CronError, describe, lint, parse, preview
from tests.jobs.cron_table import TABLE, ZONES
from tests.jobs.cron_texts import CELERY, DESCRIBED, LINTED, REFUSED

NEW_YORK = "America/New_York"
FAR = datetime(2300, 1, 1, tzinfo=UTC)


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


def rows(table: str) -> list[list[str]]:
    lines = (line for line in table.split("\n") if line and not line.startswith("#"))
    return [[cell.strip() for cell in line.split("|")] for line in lines]


def instant(text: str, zone: ZoneInfo) -> datetime:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


@pytest.mark.parametrize(("expression", "zone", "start", "expected"), rows(TABLE))
def test_the_next_due_times_are_those_of_the_table(expression, zone, start, expected):
    cron = parse(expression, ZONES[zone])
    due_times = [instant(text, cron.zone) for text in expected.split(", ")]
    found = list(islice(cron.between(instant(start, cron.zone), FAR), len(due_times)))
    assert found == due_times
    assert cron.next_after(instant(start, cron.zone)) == due_times[0]


@pytest.mark.parametrize(("expression", "zone", "start", "expected"), rows(TABLE))
def test_the_table_holds_backwards_as_well(expression, zone, start, expected):
    cron = parse(expression, ZONES[zone])
    due_times = [instant(text, cron.zone) for text in expected.split(", ")]
    after, until = instant(start, cron.zone), due_times[-1]
    assert cron.latest(len(due_times), until=until, after=after) == due_times
    assert cron.latest(99, until=until, after=after) == due_times
    assert cron.count_between(after, until) == len(due_times)
    assert all(cron.matches(due) for due in due_times)


def test_the_table_covers_every_zone_of_the_specification_with_at_least_two_hundred_rows():
    assert len(rows(TABLE)) >= 200
    assert {row[1] for row in rows(TABLE)} == set(ZONES)


@pytest.mark.parametrize(("expression", "field", "part"), rows(REFUSED))
def test_a_wrong_expression_is_refused_with_its_field_and_what_is_wrong(expression, field, part):
    with pytest.raises(CronError) as refused:
        parse(expression)
    assert refused.value.field == field
    assert part in str(refused.value)
    assert str(refused.value).endswith(".")


@pytest.mark.parametrize(("expression", "field", "part"), rows(REFUSED))
def test_every_refusal_is_told_in_spanish_too(expression, field, part):
    with pytest.raises(CronError) as refused:
        parse(expression)
    english = str(refused.value)
    with translation.override("es"):
        assert str(refused.value) != english
        assert not re.search(r"\b(The|Write|field|from|with)\b", str(refused.value))


@pytest.mark.parametrize("expression", ["", "   ", "\t", "\n"])
def test_an_empty_expression_is_refused_as_a_whole(expression):
    with pytest.raises(CronError, match="empty") as refused:
        parse(expression)
    assert refused.value.field == "expression"


def test_a_line_break_around_the_expression_is_forgiven_and_inside_it_refused():
    assert parse(" 0 3 * * *\r\n").expression == "0 3 * * *"
    with pytest.raises(CronError, match=r"U\+000A"):
        parse("0 3\n* * *")


def test_a_hundred_characters_are_read_and_one_more_is_refused():
    longest = "0 0 * * " + ",".join("1" * 46)
    assert len(longest) == 99
    assert parse(longest + " " * 50).next_after(at(2026, 1, 1)) == at(2026, 1, 5, 4)
    with pytest.raises(CronError, match="101 characters") as refused:
        parse(longest + ",1")
    assert refused.value.field == "expression"


def test_a_list_of_a_hundred_thousand_elements_is_refused_by_its_length():
    with pytest.raises(CronError, match="Use at most 100"):
        parse(",".join(["1"] * 100_000) + " * * * *")


@pytest.mark.parametrize(
    "name", ["", "Mars/Base", "x" * 100_000, "../../etc/passwd", "america/new_york", "UTC\x00", "/"]
)
def test_a_zone_that_is_not_listed_is_refused(name):
    with pytest.raises(CronError, match="not a time zone") as refused:
        parse("* * * * *", name)
    assert refused.value.field == "timeZone"
    assert len(str(refused.value)) < 200


def test_a_job_without_a_zone_lives_in_santo_domingo():
    assert parse("0 3 * * *").zone.key == DEFAULT_TIME_ZONE == "America/Santo_Domingo"
    assert parse("0 3 * * *") == parse("0 3 * * *", DEFAULT_TIME_ZONE)
    assert parse("0 3 * * *") != parse("0 3 * * *", NEW_YORK)


def test_an_error_survives_the_way_between_processes():
    with pytest.raises(CronError) as refused:
        parse("60 * * * *")
    for other in (pickle.loads(pickle.dumps(refused.value)), copy.copy(refused.value)):
        assert (other.field, str(other)) == (refused.value.field, str(refused.value))


def test_a_parsed_expression_survives_the_way_between_processes():
    cron = parse("*/5 3 * * *", NEW_YORK)
    assert pickle.loads(pickle.dumps(cron)) == cron


def test_a_time_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="aware"):
        parse("* * * * *").next_after(datetime(2026, 1, 1))


def test_due_times_are_utc_whatever_zone_the_question_was_asked_in():
    asked = datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=9)))
    due = parse("0 3 * * *").next_after(asked)
    assert due == at(2026, 1, 1, 7)
    assert due.tzinfo is UTC


def test_a_due_time_is_exact_to_the_microsecond():
    cron = parse("0 3 * * *", "UTC")
    assert cron.next_after(at(2026, 1, 1, 2, 59, 59, 999_999)) == at(2026, 1, 1, 3)
    assert cron.next_after(at(2026, 1, 1, 3)) == at(2026, 1, 2, 3)
    assert cron.matches(at(2026, 1, 1, 3))
    assert not cron.matches(at(2026, 1, 1, 3, 0, 0, 1))
    assert not cron.matches(at(2026, 1, 1, 3, 0, 30))


def test_a_repeated_minute_matches_in_its_second_pass_only_for_recurring_times():
    second_half_past_one = at(2026, 11, 1, 6, 30)
    assert parse("*/30 * * * *", NEW_YORK).matches(second_half_past_one)
    assert not parse("30 1 * * *", NEW_YORK).matches(second_half_past_one)
    assert parse("30 1 * * *", NEW_YORK).matches(at(2026, 11, 1, 5, 30))


def test_between_leaves_out_its_start_and_takes_in_its_end():
    cron = parse("0 * * * *", "UTC")
    assert list(cron.between(at(2026, 1, 1, 1), at(2026, 1, 1, 3))) == [at(2026, 1, 1, 2), at(2026, 1, 1, 3)]
    assert list(cron.between(at(2026, 1, 1, 3), at(2026, 1, 1, 3))) == []
    assert list(cron.between(at(2026, 1, 1, 3), at(2026, 1, 1, 1))) == []


def test_latest_keeps_to_its_count_and_its_interval():
    cron = parse("0 * * * *", "UTC")
    day = {"until": at(2026, 1, 1, 3), "after": at(2026, 1, 1, 0)}
    assert cron.latest(2, **day) == [at(2026, 1, 1, 2), at(2026, 1, 1, 3)]
    assert cron.latest(9, **day) == [at(2026, 1, 1, 1), at(2026, 1, 1, 2), at(2026, 1, 1, 3)]
    assert cron.latest(0, **day) == []


def test_the_newest_due_times_of_a_decade_of_minutes_cost_no_walk_through_it():
    cron = parse("* * * * *", NEW_YORK)
    assert cron.latest(2, until=at(2026, 1, 1), after=at(2016, 1, 1)) == [at(2025, 12, 31, 23, 59), at(2026, 1, 1)]


def test_a_year_of_minutes_is_counted_with_its_clock_changes():
    assert parse("* * * * *", NEW_YORK).count_between(at(2026, 1, 1), at(2027, 1, 1)) == 365 * 24 * 60
    assert parse("30 2 * * *", NEW_YORK).count_between(at(2026, 1, 1, 5), at(2027, 1, 1, 5)) == 365
    assert parse("30 1 * * *", NEW_YORK).count_between(at(2026, 1, 1, 5), at(2027, 1, 1, 5)) == 365
    assert parse("30 * * * *", NEW_YORK).count_between(at(2026, 1, 1, 5), at(2027, 1, 1, 5)) == 365 * 24 + 1


@pytest.mark.parametrize("zone", ["Asia/Kathmandu", "Pacific/Apia", "America/Santo_Domingo", "UTC"])
@pytest.mark.parametrize("expression", ["* * * * *", "0 0 29 2 *", "59 23 31 12 *"])
def test_the_edges_of_the_calendar_give_no_due_time_rather_than_an_error(expression, zone):
    cron = parse(expression, zone)
    beginning, end = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    assert cron.next_after(end) is None
    assert cron.next_after(beginning) is not None
    assert cron.latest(3, until=beginning, after=beginning) == []
    assert len(cron.latest(3, until=end, after=beginning)) == 3
    assert not cron.matches(end)
    assert not cron.matches(beginning)
    assert preview(cron, 2, end) == []
    assert lint(cron, end) is not None


def test_a_due_time_in_a_year_of_seconds_offsets_is_still_found():
    # Monrovia kept 44 minutes and 30 seconds behind Greenwich until 1972-01-07.
    cron = parse("0 0 * * *", "Africa/Monrovia")
    assert cron.next_after(at(1972, 1, 6, 1)) == at(1972, 1, 7, 0, 44, 30)
    assert cron.next_after(at(1972, 1, 7, 1)) == at(1972, 1, 8)


@pytest.mark.parametrize("row", rows(CELERY))
def test_the_mirror_for_celery_reads_like_the_expression_where_it_can(row):
    assert list(parse(row[0]).crontab_superset()) == row[1:]


@pytest.mark.parametrize(("expression", "english", "spanish"), rows(DESCRIBED))
def test_an_expression_is_told_in_both_languages(expression, english, spanish):
    assert describe(expression, "en") == english
    assert describe(expression, "es") == spanish


def remarks(expression: str, zone: str, after: datetime, count: int = 3) -> list[str | None]:
    upcoming = preview(parse(expression, zone), count, after)
    return [None if coming.remark is None else str(coming.remark) for coming in upcoming]


def test_the_preview_gives_each_due_time_in_utc_and_on_the_zones_clock():
    (coming,) = preview(parse("30 2 * * *", NEW_YORK), 1, at(2026, 7, 1))
    assert coming.scheduled_for == at(2026, 7, 1, 6, 30)
    assert coming.local.isoformat() == "2026-07-01T02:30:00-04:00"
    assert coming.remark is None


def test_the_preview_says_when_the_clock_jump_moves_a_due_time():
    told = remarks("30 2 * * *", NEW_YORK, at(2026, 3, 7, 12))
    assert told == ["The clock jumps from 02:00 to 03:00: 02:30 does not exist this day and runs now.", None, None]


def test_the_preview_says_when_skipped_due_times_run_together():
    told = remarks("*/20 * * * *", NEW_YORK, at(2026, 3, 8, 6, 40), 2)
    message = "The clock jumps from 02:00 to 03:00: what was due in between, from 02:00 on, runs once, now."
    assert told == [message, None]


def test_the_preview_says_which_run_is_the_second_pass():
    told = remarks("*/30 1 * * *", NEW_YORK, at(2026, 11, 1), 5)
    second = "The clock went back: this is the second {} of the day."
    assert told == [None, None, second.format("01:00"), second.format("01:30"), None]


def test_the_preview_says_that_a_fixed_time_skips_the_second_pass():
    told = remarks("30 1 * * *", NEW_YORK, at(2026, 11, 1), 2)
    assert told == ["The clock goes back and shows 01:30 twice: it runs the first time only.", None]


def test_the_preview_tells_the_day_that_apia_left_out_by_its_date():
    told = remarks("0 12 * * *", "Pacific/Apia", at(2011, 12, 30), 2)
    assert told[0] is not None
    assert "2011-12-30 12:00 does not exist" in told[0]


def test_the_preview_says_that_both_day_fields_match_and_in_which_language_is_asked_later():
    (coming,) = preview(parse("0 3 13 * 5"), 1, at(2026, 1, 1))
    assert str(coming.remark) == "Both day fields match: it is Friday and day 13 of the month."
    with translation.override("es"):
        assert str(coming.remark) == "Se cumplen los dos campos de día: es viernes y día 13 del mes."


def test_two_remarks_on_one_due_time_are_told_together():
    (told,) = remarks("30 2 8 3 SUN", NEW_YORK, at(2026, 1, 1), 1)
    assert told is not None
    assert "02:30 does not exist" in told
    assert "it is Sunday and day 8" in told


@pytest.mark.parametrize(("expression", "zone", "remark"), rows(LINTED))
def test_a_remark_is_made_where_an_expression_may_surprise(expression, zone, remark):
    told = [str(text) for text in lint(parse(expression, ZONES[zone]), at(2026, 1, 10))]
    assert told == ([remark] if remark else [])


@pytest.mark.parametrize(("expression", "zone", "remark"), [row for row in rows(LINTED) if row[2]])
def test_every_remark_is_told_in_spanish_too(expression, zone, remark):
    (told,) = lint(parse(expression, ZONES[zone]), at(2026, 1, 10))
    with translation.override("es"):
        assert str(told) != remark
        assert not re.search(r"\b(the|and|clock|starts)\b", str(told))
