"""RESULTS.md keeps the sections of benchmarks that did not run."""

from pathlib import Path

from benchmarks import results
from benchmarks.table import BENCHMARKS


def test_a_section_is_replaced_and_the_others_stay(tmp_path: Path) -> None:
    file = tmp_path / "RESULTS.md"
    results.write(file, "other", "## Other\n| a | b |\n")
    results.write(file, "heavy", "## Heavy\nold")
    results.write(file, "heavy", "## Heavy\nnew")
    text = file.read_text(encoding="utf-8")
    assert results.sections(text) == {"heavy": "## Heavy\nnew", "other": "## Other\n| a | b |"}
    assert text.startswith("# What was measured") and text.count("# What was measured") == 1


def test_sections_stand_in_the_order_of_the_table_and_what_it_has_not_comes_last(tmp_path: Path) -> None:
    file = tmp_path / "RESULTS.md"
    for name in ("unknown", *reversed(list(BENCHMARKS))):
        results.write(file, name, name)
    assert list(results.sections(file.read_text(encoding="utf-8"))) == [*BENCHMARKS, "unknown"]


def test_a_text_is_kept_as_it_is_however_often_others_are_written(tmp_path: Path) -> None:
    file, text = tmp_path / "RESULTS.md", "## Ñandú\n\n\\1 | <!-- x -->\n\n- a\n- b"
    results.write(file, "heavy", text)
    for number in range(3):
        results.write(file, "other", str(number))
    assert results.sections(file.read_text(encoding="utf-8"))["heavy"] == text
