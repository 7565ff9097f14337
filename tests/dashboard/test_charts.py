"""The geometry of the drawings: what a reader would misread if it were wrong."""

import uuid
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from dashboard.charts.bars import Bucket, round_up, stacked
from dashboard.charts.durations import durations
from dashboard.charts.lanes import LABEL, WIDTH, Span, lanes, shared
from dashboard.charts.strip import HEIGHT, SHORTEST, Outcome, strip
from executions.models import JobExecution

NOON = datetime(2026, 1, 8, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def a_run(status: str = "Completed", seconds: float | None = 10) -> JobExecution:
    duration = None if seconds is None else timedelta(seconds=seconds)
    return JobExecution(id=uuid.uuid4(), job_name="job", status=status, duration=duration)


def test_failures_lie_on_top_of_what_went_well_and_nothing_overlaps():
    bars = stacked([Bucket(NOON, {"Failed": 1, "Completed": 3})], width=100, height=100)
    completed, failed = bars.bars[0].blocks
    assert (completed.status, failed.status) == ("Completed", "Failed")
    assert completed.y + completed.height == 100 and failed.y + failed.height == completed.y
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


def test_labels_under_many_bars_do_not_run_into_each_other():
    ticks = stacked([Bucket(NOON + MINUTE * n, {"Completed": 1}) for n in range(200)], width=600).ticks
    assert all(later.x - one.x >= 60 for one, later in pairwise(ticks))


def test_the_newest_outcome_is_the_rightmost_and_the_longest_run_the_tallest():
    took = {"Failed": timedelta(seconds=1), "Completed": timedelta(seconds=100), "Skipped": None}
    drawn = strip([Outcome(status, NOON, duration) for status, duration in took.items()], places=5)
    oldest, middle, newest = drawn.marks
    assert [mark.execution.status for mark in drawn.marks] == ["Skipped", "Completed", "Failed"]
    assert oldest.x < middle.x < newest.x and newest.x + 6 == drawn.width
    assert middle.height == HEIGHT and oldest.height == SHORTEST


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
    assert (long.x, long.width) == (LABEL, WIDTH - LABEL)
    assert short.width >= 2 and short.x == drawn.now_x
    assert short.y > long.y


def test_what_begins_in_the_same_minute_is_told_together_once():
    def span(lane: str, minutes: float) -> Span:
        return Span(lane, NOON + minutes * MINUTE, NOON + minutes * MINUTE, "Coming", None)

    groups = shared([span("backup", 0), span("prices", 0.5), span("backup", 60), span("other", 5)], within=MINUTE)
    assert [[each.lane for each in group] for group in groups] == [["backup", "prices"]]
