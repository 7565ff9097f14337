"""When the next message may go: every number of it, without a clock."""

from datetime import UTC, datetime, timedelta

import pytest

from executions.notices import rhythm

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def ago(*seconds: float) -> list[datetime]:
    return [NOW - timedelta(seconds=each) for each in seconds]


def crowd(*seconds: float) -> rhythm.Crowd:
    return rhythm.Crowd(len(seconds), min(ago(*seconds)), max(ago(*seconds)))


@pytest.mark.parametrize(
    ("tries", "waited", "pause"),
    [
        (1, 0, 10),  # the first failure
        (9, 20, 10),  # an outage is asked about at least as often as this
        (3, 100, 25),  # a quarter of the outage
        (2, 86_400, 20),  # something old is not waited for longer: it fails for the second time
        (5, 86_400, 160),
        (50, 86_400, 900),  # the longest
        (1_000_000, 1e9, 900),
        (0, -5, 10),
    ],
)
def test_a_pause_doubles_up_to_a_quarter_of_the_outage_and_to_fifteen_minutes(
    tries: int, waited: float, pause: float
) -> None:
    assert rhythm.pause_seconds(tries=tries, waited_seconds=waited) == pause
    assert rhythm.pause_seconds(tries=tries, waited_seconds=waited, jitter=-1) == pytest.approx(0.9 * pause)


def test_a_pause_that_is_asked_for_is_granted_within_bounds() -> None:
    about = {"tries": 1, "waited_seconds": 0.0}
    assert rhythm.pause_seconds(**about, wanted_seconds=300) == 300
    assert rhythm.pause_seconds(**about, wanted_seconds=1) == 10
    assert rhythm.pause_seconds(**about, wanted_seconds=1e9) == 900


def test_after_an_outage_of_two_minutes_the_next_try_is_near() -> None:
    at, tries = 0.0, 0
    while at < 120:
        tries += 1
        at += rhythm.pause_seconds(tries=tries, waited_seconds=at, jitter=1)
    assert at < 150


@pytest.mark.parametrize(
    ("created", "count"),
    [
        ([0], 1),
        ([1, 0, 0, 0, 0], 1),  # up to five go one by one
        ([1, 0, 0, 0, 0, 0], 0),  # the sixth makes them wait for more
        ([19, 18, 12, 12, 11, 10], 6),  # no more have come for ten seconds
        ([60, 40, 30, 20, 10, 1], 6),  # more still come, but the first has waited for a minute
        ([59, 40, 30, 20, 10, 1], 0),
    ],
)
def test_more_than_five_are_told_together_once_no_more_come(created: list[float], count: int) -> None:
    assert rhythm.count_to_tell(crowd(*created), told=[], now=NOW) == count


@pytest.mark.parametrize(
    ("told", "created", "count"),
    [
        (range(1, 10), [0, 0], 1),  # nine messages in ten minutes
        (range(1, 11), [0, 0], 0),  # ten: what comes is collected
        (range(599, 609), [5, 0], 0),
        (range(600, 610), [5, 0], 2),  # ten minutes after the last one it is told together
        (range(0, 1_000, 100), [0, 0], 1),  # ten messages, but not within ten minutes
    ],
)
def test_after_ten_messages_in_ten_minutes_the_next_are_collected_for_ten(
    told: range, created: list[float], count: int
) -> None:
    assert rhythm.count_to_tell(crowd(*created), told=ago(*told), now=NOW) == count
