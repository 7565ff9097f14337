"""RESULTS.md: a section for each benchmark, which stays as it is until that benchmark has run again."""

import re
from pathlib import Path

from benchmarks.table import BENCHMARKS

FILE = Path(__file__).resolve().parent / "RESULTS.md"
HEAD = """\
# What was measured

Written by `bin/bench`; a section is replaced when its benchmark has run. Times are medians, with the least and the most
in brackets; a ratio is that of one round, in which every side ran once.
"""
SECTION = re.compile(r"<!-- begin (?P<name>\w+) -->\n(?P<text>.*?)\n<!-- end (?P=name) -->", re.DOTALL)


def write(path: Path, name: str, text: str) -> None:
    """Put this text into the section of that name, and leave all others alone."""
    known = sections(path.read_text(encoding="utf-8")) if path.exists() else {}
    known[name] = text.strip()
    ordered = sorted(known, key=lambda each: list(BENCHMARKS).index(each) if each in BENCHMARKS else len(BENCHMARKS))
    parts = [HEAD, *(f"<!-- begin {each} -->\n{known[each]}\n<!-- end {each} -->\n" for each in ordered)]
    path.write_text("\n".join(parts), encoding="utf-8")


def sections(text: str) -> dict[str, str]:
    return {found["name"]: found["text"] for found in SECTION.finditer(text)}
