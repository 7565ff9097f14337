"""What dies is started again, sooner at first and then less often; leftovers are found by their mark."""

import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from scheduler_project.local.leftovers import stop_leftovers
from scheduler_project.local.process import MARK, Process, bare_environment, eventually, stop_together
from scheduler_project.local.supervisor import LOG_MAX_BYTES, LONGEST_PAUSE_SECONDS, Supervised, trim

PATIENCE_SECONDS = 20
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('here', flush=True); time.sleep(600)"
)


def process(folder: Path, program: str, **more: object) -> Process:
    return Process(
        name="sample",
        command=[sys.executable, "-c", program],
        log=folder / "sample.log",
        directory=folder,
        environment=bare_environment(folder),
        **more,  # type: ignore[arg-type]
    )


def test_what_dies_is_started_again_after_growing_pauses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sample = process(tmp_path, "raise SystemExit(3)")
    supervised = Supervised(sample, sample.start)
    supervised.begin()
    pauses = []
    now = time.monotonic()
    for _ in range(7):
        assert eventually(lambda: not sample.is_running, PATIENCE_SECONDS)
        supervised.tend(now)
        assert supervised.start_again_at
        pauses.append(supervised.start_again_at - now)
        supervised.tend(now + pauses[-1])
    sample.stop()
    assert pauses == [1, 2, 4, 8, 16, LONGEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS]
    assert f"sample ended (exit code 3); again in 1 s. See {sample.log}" in capsys.readouterr().out


def test_after_a_good_while_a_death_counts_as_the_first(tmp_path: Path) -> None:
    sample = process(tmp_path, "")
    supervised = Supervised(sample, sample.start, pause_seconds=16)
    supervised.begin()
    assert eventually(lambda: not sample.is_running, PATIENCE_SECONDS)
    now = time.monotonic() + 3600
    supervised.tend(now)
    assert supervised.start_again_at == now + 1


def test_a_start_that_fails_is_tried_again(tmp_path: Path) -> None:
    def fail() -> None:
        raise OSError("no more processes")

    supervised = Supervised(process(tmp_path, ""), fail)
    supervised.start_again_at = 0
    supervised.tend(time.monotonic())
    assert supervised.start_again_at > time.monotonic()


def test_who_does_not_obey_is_killed(tmp_path: Path) -> None:
    sample = process(tmp_path, STUBBORN, stop_seconds=0.2)
    sample.start()
    assert eventually(lambda: "here" in sample.last_lines(), PATIENCE_SECONDS)
    sample.stop()
    assert sample.exit_code == -9


def test_in_a_hurry_nobody_is_waited_for(tmp_path: Path) -> None:
    sample = process(tmp_path, STUBBORN, stop_seconds=600)
    sample.start()
    assert eventually(lambda: "here" in sample.last_lines(), PATIENCE_SECONDS)
    stop_together([sample], is_hurried=lambda: True)
    assert sample.exit_code == -9


def test_leftovers_of_this_folder_are_stopped_and_nobody_else(tmp_path: Path) -> None:
    ours, others = tmp_path / "ours", tmp_path / "others"
    running = {}
    for folder in (ours, others):
        running[folder] = subprocess.Popen(
            [sys.executable, "-c", "import time; time.sleep(600)"], env={MARK: str(folder)}
        )
    # The mark is there once the program is.
    assert eventually(lambda: all(psutil.Process(one.pid).environ() for one in running.values()), PATIENCE_SECONDS)
    assert len(stop_leftovers(ours)) == 1
    assert running[ours].wait(PATIENCE_SECONDS) == -15
    assert running[others].poll() is None
    running[others].kill()
    running[others].wait()


def test_a_log_that_grew_too_long_is_set_aside_while_it_is_written(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    with log.open("ab") as writer:
        writer.write(b"x" * (LOG_MAX_BYTES + 1))
        writer.flush()
        trim(log)
        writer.write(b"next\n")
    assert log.read_bytes() == b"next\n"
    assert (tmp_path / "web.log.1").stat().st_size == LOG_MAX_BYTES + 1
