"""A run's own folder: private, gone afterwards, and cleared of what killed runs left."""

import errno
import os
import time
from pathlib import Path

import pytest

from jobs import work_folder
from jobs.base import JobCancelled, JobError


def test_a_folder_is_private_and_gone_afterwards(tmp_path: Path) -> None:
    with work_folder.temporary(tmp_path / "made" / "for it", "backup") as folder:
        assert folder.parent == tmp_path / "made" / "for it"
        assert folder.stat().st_mode & 0o077 == 0
        (folder / "a.dump").write_bytes(b"x")
    assert list((tmp_path / "made" / "for it").iterdir()) == []


def test_it_is_gone_too_when_the_run_is_stopped(tmp_path: Path) -> None:
    with pytest.raises(JobCancelled), work_folder.temporary(tmp_path, "backup") as folder:
        (folder / "a.dump").write_bytes(b"x")
        raise JobCancelled
    assert list(tmp_path.iterdir()) == []


def test_without_a_place_it_is_where_the_system_keeps_temporary_files(monkeypatch: pytest.MonkeyPatch) -> None:
    with work_folder.temporary(None, "backup") as folder:
        assert folder.is_dir() and folder.name.startswith("schedulerservice-backup-")


def test_what_killed_runs_left_goes_after_a_day_of_silence(tmp_path: Path) -> None:
    def left(name: str, *, folder_hours: float, file_hours: float) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "a.dump").write_bytes(b"x")
        for path, hours in ((folder / "a.dump", file_hours), (folder, folder_hours)):
            os.utime(path, (time.time() - 3600 * hours,) * 2)
        return folder

    silent = left("schedulerservice-backup-silent", folder_hours=25, file_hours=25)
    at_work = left("schedulerservice-backup-at-work", folder_hours=25, file_hours=0.1)
    others = left("somebody-elses", folder_hours=99, file_hours=99)
    other_kind = left("schedulerservice-logs-silent", folder_hours=99, file_hours=99)
    with work_folder.temporary(tmp_path, "backup"):
        pass
    assert [path.exists() for path in (silent, at_work, others, other_kind)] == [False, True, True, True]


def test_a_place_that_is_none_is_named_with_its_variable(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    words = rf"{tmp_path}/file cannot be written to: .*SCHEDULER_WORK_DIR"
    with pytest.raises(JobError, match=words) as told, work_folder.temporary(tmp_path / "file", "backup"):
        pass
    assert told.value.permanent


def test_a_full_disk_is_named_with_its_variable_and_may_be_tried_again(tmp_path: Path) -> None:
    words = rf"The disk of {tmp_path} is full: .*SCHEDULER_WORK_DIR"
    with pytest.raises(JobError, match=words) as told, work_folder.temporary(tmp_path, "backup"):
        Path("/dev/full").write_bytes(b"x")
    assert not told.value.permanent


def test_any_other_fault_of_a_file_stays_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as told, work_folder.temporary(tmp_path, "backup") as folder:
        (folder / "missing").read_bytes()
    assert told.value.errno == errno.ENOENT
