"""What is written: tables that fit the terminal and are whole when piped, facts, or JSON."""

import json
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

GAP = "  "
NARROWEST_COLUMN = 8


@dataclass(frozen=True)
class Console:
    """`width` in columns; None where nothing is cut, as when piped."""

    write: Callable[[str], Any]
    error: Callable[[str], Any]
    width: int | None
    style: Any  # Django's, which is plain where no terminal is
    as_json: bool = False

    def json(self, value: Any) -> None:
        self.write(json.dumps(value, indent=2, ensure_ascii=False, default=str))

    def table(self, headers: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        cells = [[printable(cell) for cell in row] for row in [headers, *rows]]
        widths = fitted([max(map(columns, column)) for column in zip(*cells, strict=True)], self.width)
        for row in cells:
            self.write(GAP.join(padded(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip())

    def facts(self, facts: Iterable[tuple[str, str]]) -> None:
        """One fact a line, the names in one column."""
        facts = list(facts)
        name_width = max((len(name) for name, _value in facts), default=0)
        for name, value in facts:
            self.line(f"{name.ljust(name_width)}{GAP}{value}".rstrip())

    def line(self, text: str, style: str = "") -> None:
        shown = printable(text)
        shown = cut(shown, self.width) if self.width else shown
        self.write(getattr(self.style, style)(shown) if style else shown)


def fitted(widths: list[int], room: int | None) -> list[int]:
    """The widest columns give way first, none below NARROWEST_COLUMN."""
    widths = list(widths)
    while room and sum(widths) + len(GAP) * (len(widths) - 1) > room and max(widths) > NARROWEST_COLUMN:
        widths[widths.index(max(widths))] -= 1
    return widths


def padded(text: str, width: int) -> str:
    text = cut(text, width)
    return text + " " * (width - columns(text))


def cut(text: str, width: int) -> str:
    """At most `width` columns, the last one an ellipsis where something is left out."""
    if columns(text) <= width:
        return text
    while text and columns(text) > width - 1:
        text = text[:-1]
    return f"{text}…"


def columns(text: str) -> int:
    """How many columns of a terminal the text takes: East Asian wide letters take two, accents of their own none."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    return len(text) + wide - sum(unicodedata.combining(letter) > 0 for letter in text)


def printable(text: str) -> str:
    """On one line, and without what would command the terminal."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else " " if letter.isspace() else "�" for letter in text)
