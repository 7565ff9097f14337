"""What the kernel says of processes that it killed for want of memory."""

from pathlib import Path

import pytest

from executions import memory


@pytest.mark.parametrize(
    ("text", "kills"),
    [("low 0\noom 2\noom_kill 3\noom_group_kill 0\n", 3), ("low 0\n", None), ("", None), ("oom_kill many\n", None)],
)
def test_the_count_is_read_where_there_is_one(tmp_path: Path, text: str, kills: int | None) -> None:
    events = tmp_path / "memory.events"
    events.write_text(text)
    assert memory.kills(events) == kills


def test_a_kernel_that_does_not_say_is_no_error(tmp_path: Path) -> None:
    assert memory.kills(tmp_path / "nothing") is None


def test_a_shortage_is_told_once_and_not_of_every_process_that_ends_later(tmp_path: Path) -> None:
    events = tmp_path / "memory.events"
    events.write_text("oom_kill 3\n")
    shortage = memory.Shortage(events)
    assert not shortage.has_struck()
    events.write_text("oom_kill 4\n")
    assert shortage.has_struck()
    assert not shortage.has_struck()
