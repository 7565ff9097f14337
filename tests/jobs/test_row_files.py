"""Files of rows: the same rows make the same bytes, and damage is found before anything relies on them."""

import gzip
import hashlib
import json
import tracemalloc
from pathlib import Path

import pytest

from jobs import row_files
from jobs.base import JobCancelled, JobError
from jobs.row_files import RowFile

ROWS = [(str(n), json.dumps({"Id": n, "Message": "ñ " * n})) for n in range(1, 8)]


def never() -> None:
    pass


def stop() -> None:
    raise JobCancelled


def written(tmp_path: Path, rows: list[tuple[str, str]] = ROWS, name: str = "rows.jsonl.gz") -> RowFile:
    return row_files.write(tmp_path / name, iter(rows), check_cancelled=never)


def test_rows_are_lines_that_zcat_shows(tmp_path: Path) -> None:
    file = written(tmp_path)
    with gzip.open(file.path, "rt", encoding="utf-8") as lines:
        assert lines.read().splitlines() == [line for _id, line in ROWS]
    assert (file.rows, file.first_id, file.last_id) == (7, "1", "7")


def test_the_same_rows_make_the_same_bytes(tmp_path: Path) -> None:
    first, second = written(tmp_path, name="a"), written(tmp_path, name="b")
    assert first.path.read_bytes() == second.path.read_bytes()


def test_no_rows_make_a_file_that_says_so(tmp_path: Path) -> None:
    file = written(tmp_path, [])
    assert (file.rows, file.first_id, file.last_id) == (0, "", "")
    file.verify(check_cancelled=never)
    assert list(file.index.batches(5)) == []


@pytest.mark.parametrize(("size", "sizes"), [(1, [1] * 7), (3, [3, 3, 1]), (7, [7]), (100, [7])])
def test_batches_hold_each_id_with_the_digest_of_its_line(tmp_path: Path, size: int, sizes: list[int]) -> None:
    batches = list(written(tmp_path).index.batches(size))
    assert [len(batch) for batch in batches] == sizes
    assert [entry for batch in batches for entry in batch] == [
        (id, hashlib.sha256(line.encode()).digest()) for id, line in ROWS
    ]


def test_ids_may_be_any_text(tmp_path: Path) -> None:
    ids = ["a\nb", '"quoted"', "ñ", "", "[1]"]
    (batch,) = written(tmp_path, [(id, "{}") for id in ids]).index.batches(10)
    assert [id for id, _digest in batch] == ids


def test_of_later_rows_those_of_the_index_make_the_same_file_again(tmp_path: Path) -> None:
    first = written(tmp_path)
    others = [("0", "{}"), *ROWS[:3], ("3", "late"), *ROWS[3:], ("99", "{}")]
    again = row_files.write(tmp_path / "again", first.index.among(others), check_cancelled=never)
    assert again.path.read_bytes() == first.path.read_bytes()


def test_a_row_that_has_changed_or_gone_makes_another_file(tmp_path: Path) -> None:
    first = written(tmp_path)
    for others in ([*ROWS[:3], *ROWS[4:]], [*ROWS[:3], (ROWS[3][0], "{}"), *ROWS[4:]], []):
        again = row_files.write(tmp_path / "again", first.index.among(others), check_cancelled=never)
        assert again.rows < first.rows


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_truncated_file_is_found_out(tmp_path: Path, share: float) -> None:
    file = written(tmp_path)
    file.path.write_bytes(file.path.read_bytes()[: int(file.path.stat().st_size * share)])
    with pytest.raises(JobError, match="cannot be read back"):
        file.verify(check_cancelled=never)


def test_any_flipped_byte_of_the_content_is_found_out(tmp_path: Path) -> None:
    file = written(tmp_path)
    whole = file.path.read_bytes()
    for place in range(10, len(whole)):  # behind gzip's header, whose time and system mean nothing
        file.path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        with pytest.raises(JobError, match="cannot be read back"):
            file.verify(check_cancelled=never)


def test_an_index_that_tells_of_other_rows_is_found_out(tmp_path: Path) -> None:
    file = written(tmp_path)
    lines = file.index.path.read_text().splitlines(keepends=True)
    for other in (lines[:-1], [*lines, lines[-1]], [lines[1], lines[0], *lines[2:]], []):
        file.index.path.write_text("".join(other))
        with pytest.raises(JobError, match="cannot be read back"):
            file.verify(check_cancelled=never)


def test_many_rows_need_little_memory_and_let_themselves_be_stopped(tmp_path: Path) -> None:
    many = ((str(n), json.dumps({"Id": n, "Message": str(n) * 100})) for n in range(30_000))
    tracemalloc.start()
    try:
        file = row_files.write(tmp_path / "many", many, check_cancelled=never)
        file.verify(check_cancelled=never)
        assert sum(len(batch) for batch in file.index.batches(1_000)) == 30_000
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 3_000_000
    with pytest.raises(JobCancelled):
        file.verify(check_cancelled=stop)
    with pytest.raises(JobCancelled):
        row_files.write(tmp_path / "many", (("1", "{}") for _ in range(2_000)), check_cancelled=stop)
