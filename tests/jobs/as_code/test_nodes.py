"""YAML as values with their lines; hostile and mistaken files end as a fault with a remedy."""

import pytest

from jobs.as_code.faults import Fault, FaultyFile
from jobs.as_code.nodes import compose


def value(text: str) -> object:
    faults: list[Fault] = []
    node = compose(text, faults)
    assert not faults
    return node and node.plain()


def fault(text: str) -> tuple[int, str]:
    faults: list[Fault] = []
    try:
        compose(text, faults)
    except FaultyFile as refused:
        faults = refused.faults
    (only,) = faults
    return only.mark.line, only.message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: yes", "yes"), ("a: true", True), ("a: 'true'", "true"), ("a: 12:30", "12:30"), ("a: 010", 10),
        ("a: -5", -5), ("a: 1.5", 1.5), ("a: 1e3", 1000.0), ("a: 0x1F", "0x1F"), ("a: 2026-01-01", "2026-01-01"),
        ("a: ~", None), ("a:", None), ("a: '5'", "5"), ("a: !!str 5", "5"), ("a: .inf", ".inf"), ("a: 1_000", "1_000"),
        ("a: |\n  x\n  y\n", "x\ny\n"), ("a: 0 3 * * *", "0 3 * * *"), ("a: " + "9" * 31, "9" * 31),
    ],
)  # fmt: skip
def test_scalars_are_read_as_json_would_have_them(text: str, expected: object) -> None:
    assert value(text) == {"a": expected}


def test_anchors_and_merges_are_understood() -> None:
    text = "x: &d {p: 1, q: 2}\ny: {<<: *d, q: 3}\nz: [*d, {<<: [*d, {p: 9, r: 4}]}]"
    assert value(text) == {
        "x": {"p": 1, "q": 2}, "y": {"p": 1, "q": 3}, "z": [{"p": 1, "q": 2}, {"p": 1, "q": 2, "r": 4}],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("jobs:\n  - cronExpression: */5 * * * *", 2, "quotes"),
        ("jobs:\n  - cronExpression: * * * * *", 2, "quotes"),
        ("jobs:\n  - cronExpression: @daily", 2, "quotes"),
        ("a: 1\nb: c: d", 2, "not YAML"),
        ("a: 1\n\tb: 2", 2, "not YAML"),
        ("a: 1\nb: {c", 3, "not YAML"),
        ("a: \x00", 0, "not YAML"),
        ("a: \ud800", 0, "no valid text"),
        ("a: 1\n---\nb: 2", 2, "second document"),
        ("a: 1\na: 2", 2, "first in line 1"),
        ("a: *b", 1, "anchor &b"),
        ("a: &a [*a]", 1, "anchor &a"),
        ("a: !!python/object:os.system x", 1, "tag"),
        ("a: !x [1]", 1, "tag"),
        ("? [a]\n: 1", 1, "must be a text"),
        ("a: {<<: 5}", 1, "mapping"),
        ("[" * 200_000, 1, "deeper"),
        ("a: " * 1_000, 1, "not YAML"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(text: str, line: int, word: str) -> None:
    found = fault(text)
    assert (found[0], word in found[1]) == (line, True), found


def test_a_few_lines_that_stand_for_a_billion_values_are_refused() -> None:
    lines = ["a: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"b{n}: &a{n + 1} [{', '.join([f'*a{n}'] * 10)}]" for n in range(9)]
    assert "more than" in fault("\n".join(lines))[1]
