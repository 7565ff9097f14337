"""Processes that outlived their runner: killed with -9, or its machine's session ended."""

import os
from pathlib import Path

import psutil

from scheduler_project.local.engine import STOP_SECONDS
from scheduler_project.local.process import MARK

# PostgreSQL's way to a safe stop is SIGINT; for the others of this list SIGTERM is.
INTERRUPTED = "postgres"


def stop_leftovers(folder: Path) -> list[str]:
    """Stop what still runs from this folder, services before engines; returns the names of what was stopped.

    Call it with the folder's lock held: then nothing of it can have a living runner.
    """
    found = find_leftovers(folder)
    engines = [process for process in found if is_engine(process)]
    services = [process for process in found if process not in engines]
    names = sorted({process.name() for process in found if process.is_running()})
    for processes in (services, engines):
        for process in processes:
            signal_stop(process)
        _, alive = psutil.wait_procs(processes, timeout=STOP_SECONDS if processes is engines else 5)
        for process in alive:
            kill(process)
        psutil.wait_procs(alive, timeout=STOP_SECONDS)
    return names


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


def is_engine(process: psutil.Process) -> bool:
    try:
        return process.name() in (INTERRUPTED, "valkey-server")
    except psutil.Error:
        return False


def signal_stop(process: psutil.Process) -> None:
    try:
        if process.name() != INTERRUPTED:
            process.terminate()
        elif process.parent() is None or process.parent().name() != INTERRUPTED:
            process.send_signal(2)  # the postmaster stops its own children
    except psutil.Error:
        return


def kill(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.Error:
        return
