"""Which ends of a process were not to be expected."""

import pytest

from tests.faults.members import THE_END, Life

UNEXPECTED = [
    ("", "", 1), ("", "", 0), ("", "", -9), ("", "fire.before_commit", 1), ("SIGTERM", "", 1), (THE_END, "", -9),
]  # fmt: skip
EXPECTED = [
    ("kill -9", "", -9),
    ("SIGTERM", "", 0),
    ("SIGTERM", "", -9),
    ("", "fire.before_commit", -9),
    (THE_END, "", 0),
]


@pytest.mark.parametrize(
    ("cause", "failpoint", "exit_code", "is_unexpected"),
    [*((*end, True) for end in UNEXPECTED), *((*end, False) for end in EXPECTED)],
)
def test_an_end_is_unexpected_unless_something_was_done_to_the_process(
    cause: str, failpoint: str, exit_code: int, is_unexpected: bool
) -> None:
    life = Life("w1", 1, 0, failpoint, cause, ended=1, exit_code=exit_code)
    assert life.is_unexpected is is_unexpected


def test_a_process_that_lives_has_no_end() -> None:
    assert not Life("w1", 1, 0).is_unexpected
