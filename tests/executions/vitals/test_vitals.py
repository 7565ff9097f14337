"""The sign of life: who works is told from who is gone, frozen or stuck, and from who only waits for a server."""

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from celery import current_app
from celery.worker import state
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connections
from django.db.models.functions import Now
from kombu.asynchronous import Hub

from executions.models import JobExecution
from executions.vitals import file, main_loop, neglect, reach
from executions.vitals.main_loop import MainLoop
from executions.vitals.signs import AFTER_OUTAGE_SECONDS, Sign
from scheduler_project.local.process import eventually
from tests.factories import a_job, a_run

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path / f"schedulerservice-vitals-{os.geteuid()}"


# --- The check -------------------------------------------------------------------------------------------------------
def check(folder: Path, *words: str) -> tuple[int, str]:
    """As a container runs it."""
    done = subprocess.run(
        [sys.executable, "-m", "executions.vitals", *words], cwd=ROOT, env={"TMPDIR": str(folder)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, (done.stdout + done.stderr).strip()


def test_the_check_exits_with_0_or_1_and_says_why_in_one_line(tmp_path: Path) -> None:
    assert check(tmp_path, "worker") == (1, "No worker has given a sign of life on this machine yet.")
    file.write("worker", file.WORKS, "writes its\nheartbeat")
    assert check(tmp_path, "worker") == (0, "The worker writes its heartbeat")
    file.write("worker", file.STUCK, "has done nothing")
    assert check(tmp_path, "worker") == (1, "The worker has done nothing")
    assert check(tmp_path, "beat") == (1, "No beat has given a sign of life on this machine yet.")
    assert check(tmp_path)[0] == check(tmp_path, "web")[0] == 2


def test_the_check_needs_neither_django_nor_celery_and_so_starts_at_once() -> None:
    program = "import sys, executions.vitals.__main__ as it; print({'django', 'celery', 'psycopg'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", program], cwd=ROOT, text=True) == "set()\n"


def test_a_file_that_nobody_touches_any_more_is_that_of_a_process_gone_or_frozen(own_folder: Path) -> None:
    file.write("beat", file.WORKS, "leads")
    os.utime(own_folder / "beat", (time.time() - 29, time.time() - 29))
    assert file.read("beat")[0]
    os.utime(own_folder / "beat", (time.time() - 75, time.time() - 75))
    assert file.read("beat") == (
        False, "The beat is gone or frozen: no sign of life for 75 seconds. It said last: leads",
    )  # fmt: skip
    file.write("beat", file.WORKS, "leads")  # the same words are a sign all the same
    assert file.read("beat")[0]


def test_a_folder_that_others_may_write_to_is_not_believed(own_folder: Path) -> None:
    own_folder.mkdir(mode=0o777)
    own_folder.chmod(0o777)
    with pytest.raises(PermissionError):
        file.write("worker", file.WORKS, "lies")
    works, why = file.read("worker")
    assert not works and "not this account's own" in why


def test_the_command_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CommandError, match="No beat has given a sign"):
        call_command("check_process", "beat")
    file.write("beat", file.WORKS, "leads")
    call_command("check_process", "beat")
    assert capsys.readouterr().out == "The beat leads\n"


# --- The process -----------------------------------------------------------------------------------------------------
def test_a_process_works_for_as_long_as_what_it_said_holds() -> None:
    sign = Sign("worker", absence=lambda: "")
    sign.give("writes its heartbeat", holds_for=60)
    sign.write()
    assert file.read("worker") == (True, "The worker writes its heartbeat")


def test_a_process_that_does_nothing_while_nothing_is_away_is_stuck_and_logs_it_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sign = Sign("worker", absence=lambda: "")
    sign.give("writes its heartbeat", holds_for=-1)
    sign.write()
    sign.write()
    works, why = file.read("worker")
    assert not works
    assert why.startswith("The worker has done nothing for 0 seconds. It said last: it writes its heartbeat")
    assert len(caplog.records) == 1
    sign.give("writes its heartbeat", holds_for=60)
    sign.write()
    assert file.read("worker")[0]


def test_a_process_that_hangs_in_an_outage_works_and_has_time_to_come_back() -> None:
    away = ["The database cannot be reached: no route"]
    sign = Sign("worker", absence=lambda: away[0])
    sign.give("writes its heartbeat", holds_for=-1)
    sign.write()
    assert file.read("worker") == (True, "The worker waits. The database cannot be reached: no route")
    assert sign.holds_until - time.monotonic() == pytest.approx(AFTER_OUTAGE_SECONDS, abs=5)
    away[0] = ""
    sign.write()
    assert file.read("worker")[0]
    sign.holds_until = time.monotonic() - 1  # those seconds are over
    sign.write()
    assert not file.read("worker")[0]


@pytest.mark.django_db
def test_what_is_away_is_found_by_asking(
    broker_at: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, deaf_broker: None
) -> None:
    assert reach.absence().startswith("The broker cannot be reached: ")
    broker_at(os.environ["CELERY_BROKER_URL"])
    assert reach.absence() == ""
    for settings in (connections["default"].settings_dict, connections.settings["default"]):
        monkeypatch.setitem(settings, "PORT", "1")
    assert reach.absence().startswith("The database cannot be reached: ")


# --- A worker's main loop --------------------------------------------------------------------------------------------
@pytest.fixture
def hub() -> Iterator[Hub]:
    """A real one, that runs."""
    hub = Hub()
    thread = threading.Thread(target=hub.run_forever, daemon=True)
    thread.start()
    yield hub
    hub.stop()
    thread.join(60)
    hub.close()


LONG_AGO = time.monotonic() - main_loop.SILENT_AFTER_SECONDS - 1_000


def consumer(hub: Hub, connection: str | None = "to the broker", *, processes: int = 2) -> Any:
    """What a worker's main process has, without the worker."""
    return SimpleNamespace(
        hub=hub, connection=connection, app=current_app, pool=SimpleNamespace(num_processes=processes)
    )


def test_a_loop_that_runs_answers(hub: Hub) -> None:
    loop = MainLoop(consumer(hub))
    loop.answered_at = LONG_AGO
    assert not loop.doing()
    assert eventually(lambda: loop.doing() == "takes messages", 60)


def test_a_loop_that_hangs_does_not_answer_for_long() -> None:
    loop = MainLoop(consumer(Hub()))
    assert loop.doing() == "takes messages"
    loop.answered_at = LONG_AGO
    assert loop.doing() == ""


def test_a_worker_that_looks_for_its_broker_or_stops_need_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = MainLoop(consumer(Hub(), None))
    loop.answered_at = LONG_AGO
    assert loop.doing() == "looks for its broker"
    loop = MainLoop(consumer(Hub()))
    loop.answered_at = LONG_AGO
    monkeypatch.setattr(state, "should_stop", 0)
    assert loop.doing() == "waits for its runs to stop"


# --- A worker that is connected and takes nothing --------------------------------------------------------------------
LONG = neglect.NEGLECTED_AFTER_SECONDS + 1


@pytest.fixture
def waiting(broker: Any) -> JobExecution:
    """A run whose message lies in the broker for so long."""
    run = a_run(a_job())
    JobExecution.objects.update(available_at=Now() - timedelta(seconds=LONG))
    return run


def idle(processes: int = 2) -> MainLoop:
    """A loop that runs, of a worker that has had a process free for so long and has taken nothing."""
    loop = MainLoop(consumer(Hub(), processes=processes))
    loop.neglect.since -= LONG
    return loop


@pytest.mark.django_db
def test_a_worker_that_lets_runs_wait_with_a_process_free_gives_no_sign(
    waiting: JobExecution, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Connected but deaf, it was called healthy, for its loop turned and its heartbeat went on."""
    loop = idle()
    assert (loop.doing(), loop.doing()) == ("", "")
    assert [record.levelname for record in caplog.records if "takes nothing" in record.getMessage()] == ["ERROR"]
    monkeypatch.setattr(state, "all_total_count", [state.all_total_count[0] + 1])  # as when it takes one
    assert loop.doing() == "takes messages"


@pytest.mark.django_db
@pytest.mark.parametrize("excuse", ["is new", "is busy", "serves another queue", "its message is lost", "is held"])
def test_no_worker_is_blamed_for_a_run_that(excuse: str, waiting: JobExecution, broker: Any) -> None:
    loop = idle(processes=0 if excuse == "is busy" else 2)
    if excuse == "its message is lost":
        broker.flushdb()
    changes = {
        "is new": {"available_at": Now()},
        "serves another queue": {"queue": "other"},
        "is held": {"available_at": None},
    }
    if excuse in changes:
        JobExecution.objects.update(**changes[excuse])
    assert loop.doing() == "takes messages"


@pytest.mark.django_db
def test_a_worker_that_has_just_found_its_broker_is_given_the_time(waiting: JobExecution) -> None:
    loop = idle()
    loop.consumer.connection = None
    assert loop.doing() == "looks for its broker"
    loop.consumer.connection = "to the broker"
    assert loop.doing() == "takes messages"
