"""Processes that outlived their runner: killed with -9, or its machine's session ended."""

import os
import signal
from contextlib import suppress
from pathlib import Path

import psutil

from scheduler_project.local.engine import STOP_SECONDS
from scheduler_project.local.process import MARK, eventually, has_ended

# PostgreSQL's way to a safe stop is SIGINT; for the others of this list SIGTERM is.
INTERRUPTED = "postgres"
SERVICE_STOP_SECONDS = 5


def stop_leftovers(folder: Path) -> list[str]:
    """Stop what still runs from this folder, services before engines; returns the names of what was stopped.

    Call it with the folder's lock held: then nothing of it can have a living runner.
    """
    found = find_leftovers(folder)
    engines = [process for process in found if name_of(process) in (INTERRUPTED, "valkey-server")]
    services = [process for process in found if process not in engines]
    names = sorted({name_of(process) for process in found})
    for processes, seconds in ((services, SERVICE_STOP_SECONDS), (engines, STOP_SECONDS)):
        for process in processes:
            signal_stop(process)
        await_end(processes, seconds)
        for process in processes:
            kill(process)
        await_end(processes, seconds)
    return names


def await_end(processes: list[psutil.Process], seconds: float) -> None:
    eventually(lambda: all(has_ended(process) for process in processes), seconds)


def find_leftovers(folder: Path) -> list[psutil.Process]:
    """By the mark in their environment: a pid alone may be someone else's by now."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(MARK) == str(folder):
                found.append(process)
        except psutil.Error:
            continue
    return found


def name_of(process: psutil.Process) -> str:
    try:
        return str(process.name())
    except psutil.Error:
        return "one that has just ended"


def signal_stop(process: psutil.Process) -> None:
    with suppress(psutil.Error):
        parent = process.parent()
        if process.name() != INTERRUPTED:
            process.terminate()
        elif parent is None or parent.name() != INTERRUPTED:
            process.send_signal(signal.SIGINT)  # the postmaster stops its own children


def kill(process: psutil.Process) -> None:
    with suppress(psutil.Error):
        process.kill()
