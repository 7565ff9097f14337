"""Tables fit the terminal, and nothing that is shown commands it."""

import pytest

from executions.command_line.console import Console, columns, cut, fitted, printable


def shown(rows: list[tuple[str, ...]], width: int | None) -> list[str]:
    lines: list[str] = []
    Console(lines.append, lines.append, width, style=None).table(("KEY", "TEXT"), rows)
    return lines


def test_the_widest_column_gives_way_to_the_terminal() -> None:
    assert shown([("short", "x" * 100)], 30) == ["KEY    TEXT", f"short  {'x' * 22}…"]
    assert shown([("short", "x" * 100)], None)[1] == f"short  {'x' * 100}"


@pytest.mark.parametrize("room", [1, 20, 40, 79, 200])
def test_no_line_is_wider_than_the_terminal_unless_the_columns_cannot_be_narrower(room: int) -> None:
    widths = fitted([5, 40, 100, 8], room)
    assert sum(widths) + 6 <= max(room, 5 + 8 + 8 + 8 + 6)


def test_wide_letters_take_two_columns_and_accents_none() -> None:
    assert (columns("日本"), columns("e\u0301"), cut("日本日本", 5)) == (4, 1, "日本…")


def test_what_would_command_the_terminal_is_not_written() -> None:
    assert printable("a\x1b[31mb\nc\u202e") == "a�[31mb c�"
