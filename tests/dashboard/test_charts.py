"""The geometry of the drawings: what a reader would misread if it were wrong."""

import uuid
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from dashboard.charts.bars import FILLED, ROOM_ABOVE, Bucket, round_up, stacked
from dashboard.charts.durations import durations
from dashboard.charts.lanes import ROW, Span, lanes
from dashboard.charts.strip import HEIGHT, SHORTEST, Outcome, strip
from dashboard.charts.strip import ROOM_ABOVE as ROOM_OF_SIGN
from dashboard.charts.ticks import MOST, MOST_IF_NARROW, ticks
from executions.models import JobExecution

NOON = datetime(2026, 1, 8, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
BUSINESS = ZoneInfo("America/Santo_Domingo")


def a_run(status: str = "Completed", seconds: float | None = 10) -> JobExecution:
    duration = None if seconds is None else timedelta(seconds=seconds)
    return JobExecution(id=uuid.uuid4(), job_name="job", status=status, duration=duration)


def test_failures_lie_on_top_of_what_went_well_and_nothing_overlaps():
    bars = stacked([Bucket(NOON, {"Failed": 1, "Completed": 3})], height=100)
    completed, failed = bars.bars[0].blocks
    assert (completed.status, failed.status) == ("Completed", "Failed")
    assert completed.y + completed.height == bars.ground and failed.y + failed.height == completed.y
    assert completed.height == 3 * failed.height


def test_one_failure_among_thousands_is_still_seen():
    blocks = stacked([Bucket(NOON, {"Failed": 1, "Completed": 9_999})], height=100).bars[0].blocks
    assert blocks[-1].status == "Failed" and blocks[-1].height >= 1


def test_bars_without_anything_say_so():
    assert stacked([Bucket(NOON, {}), Bucket(NOON + MINUTE, {"Failed": 0})]).is_empty
    assert stacked([]).is_empty


@pytest.mark.parametrize(("most", "top"), [(0, 1), (1, 1), (2, 2), (3, 5), (7, 10), (10, 10), (11, 20), (501, 1000)])
def test_an_axis_ends_with_a_round_number(most: int, top: int):
    assert round_up(most) == top


@pytest.mark.parametrize(
    "length", [timedelta(minutes=10), timedelta(hours=1), timedelta(days=1), timedelta(days=7), timedelta(days=30)]
)
def test_labels_stand_at_whole_times_of_the_clock_and_none_is_said_twice(length: timedelta):
    begin = NOON + timedelta(minutes=7, seconds=13)
    found = ticks(begin, begin + length, zone=BUSINESS)
    walls = [tick.at.astimezone(BUSINESS) for tick in found]
    step = walls[1] - walls[0]
    assert 3 < len(found) <= MOST and len(set(walls)) == len(walls)
    assert all(not (wall.replace(tzinfo=None) - datetime.min) % min(step, timedelta(days=1)) for wall in walls)
    assert all(later - one == step for one, later in pairwise(walls))
    assert step >= timedelta(days=1) or length <= timedelta(days=2)
    assert 0 < sum(not tick.is_fine for tick in found) <= MOST_IF_NARROW


def test_a_failure_is_told_by_a_sign_and_not_by_its_colour_alone():
    well, bad, missed = (
        stacked([Bucket(NOON, counts)]).bars[0]
        for counts in ({"Completed": 9}, {"Completed": 9, "Failed": 1, "Missed": 1}, {"Skipped": 1, "Missed": 1})
    )
    assert (well.sign, bad.sign, missed.sign) == ("", "Failed", "Missed")
    assert bad.top == bad.blocks[-1].y >= ROOM_ABOVE


def test_what_was_skipped_is_slimmer_than_what_was_cancelled():
    cancelled, skipped = stacked([Bucket(NOON, {"Skipped": 1, "Cancelled": 1})]).bars[0].blocks
    assert skipped.width < cancelled.width / 2 and cancelled.width == 100 * FILLED
    slim, full = strip([Outcome(status, NOON, None) for status in ("Cancelled", "Skipped")]).marks
    assert slim.width < full.width


def test_the_newest_outcome_is_the_rightmost_and_the_longest_run_the_tallest():
    took = {"Failed": timedelta(seconds=1), "Completed": timedelta(seconds=100), "Skipped": None}
    drawn = strip([Outcome(status, NOON, duration) for status, duration in took.items()], places=5)
    oldest, middle, newest = drawn.marks
    assert [mark.execution.status for mark in drawn.marks] == ["Skipped", "Completed", "Failed"]
    assert oldest.x < middle.x < newest.x and newest.x + newest.width == drawn.width
    assert middle.height == HEIGHT - ROOM_OF_SIGN and oldest.height == SHORTEST


def test_a_threshold_far_above_every_run_does_not_press_the_dots_to_the_ground():
    far = durations([a_run(seconds=1), a_run(seconds=2)], threshold=timedelta(hours=1))
    near = durations([a_run(seconds=1), a_run(seconds=2)], threshold=timedelta(seconds=3))
    assert far.threshold_y is None
    assert near.threshold_y is not None and near.threshold_y < min(dot.y for dot in near.dots)


def test_runs_that_never_ran_have_no_dot():
    assert durations([a_run("Missed", None)], threshold=MINUTE).dots == []


def test_a_bar_is_cut_off_at_the_window_and_a_short_one_stays_visible():
    spans = [
        Span("a", NOON - 9 * MINUTE, NOON + 9 * MINUTE, "Running", None), Span("b", NOON, NOON, "Completed", None),
    ]  # fmt: skip
    drawn = lanes(spans, begin=NOON - MINUTE, end=NOON + MINUTE, now=NOON)
    long, short = drawn.bars
    assert (long.x, long.width) == (0, 100)
    assert 0 < short.width < 1 and short.x == drawn.now_x == 50
    assert short.y > long.y


def test_what_goes_on_at_the_same_time_in_one_lane_hides_nothing():
    def span(begin: float, end: float) -> Span:
        return Span("worker", NOON + begin * MINUTE, NOON + end * MINUTE, "Completed", None)

    drawn = lanes([span(0, 5), span(1, 2), span(3, 9), span(6, 8)], begin=NOON, end=NOON + 10 * MINUTE, now=NOON)
    first = min(bar.y for bar in drawn.bars)
    assert [(bar.span.begin.minute, (bar.y - first) // ROW) for bar in drawn.bars] == [(0, 0), (1, 1), (3, 1), (6, 0)]
    assert len(drawn.names) == 1
