"""How rounds are gone through, and what their figures come to."""

import pytest

from benchmarks.rounds import Spread, interleaved, ratios, rounded


def test_every_side_runs_once_a_round_and_every_second_round_turns_round() -> None:
    ran: list[str] = []
    found = interleaved({"a": lambda: ran.append("a") or len(ran), "b": lambda: ran.append("b") or len(ran)}, 3)
    assert ran == ["a", "b", "b", "a", "a", "b"]
    assert found == {"a": [1, 4, 5], "b": [2, 3, 6]}


def test_a_ratio_is_that_of_one_round() -> None:
    assert ratios([10, 40, 90], [1, 2, 3]) == Spread(median=20, least=10, most=30, count=3)


@pytest.mark.parametrize(
    ("values", "text"),
    [([1.234], "1.23"), ([3, 1, 2], "2.00 (1.00-3.00)"), ([12.34, 1234.5, 99], "99.0 (12.3-1,234)"), ([0], "0.00")],
)
def test_figures_are_told_with_three_digits_and_their_spread(values: list[float], text: str) -> None:
    assert str(Spread.of(values)) == text


def test_a_negative_figure_is_rounded_like_a_positive_one() -> None:
    assert [rounded(value) for value in (-1234, -12.34, -1.234)] == ["-1,234", "-12.3", "-1.23"]
