"""A process that has everything loaded and nothing open, and forks a child for each attempt, as a worker does.

Use: python -m tests.crashes.zygote. A line of JSON comes in, a list of attempts that start together; a line goes out
when all of them have ended, a list of how each did.
"""

import json
import os
import select
import signal
import sys
import time
from dataclasses import dataclass
from typing import Any

import django

from tests import environment

HOST = "crashes@here"


@dataclass
class Child:
    pid: int
    alive: int  # a pipe that ends with the child, and only with it
    dies_at: float | None  # by time.monotonic()
    began: float
    figures: dict[str, Any] | None = None

    def kill_if_due(self, now: float) -> None:
        if self.dies_at is not None and now >= self.dies_at:
            os.kill(self.pid, signal.SIGKILL)
            self.dies_at = None

    def collect(self) -> None:
        _pid, status = os.waitpid(self.pid, 0)
        os.close(self.alive)
        self.figures = {"exit": os.waitstatus_to_exitcode(status), "seconds": time.monotonic() - self.began}


def forked(attempt: dict[str, Any]) -> Child:
    alive, ends = os.pipe()
    began, after = time.monotonic(), attempt.get("killAfter")
    if pid := os.fork():
        os.close(ends)
        return Child(pid, alive, dies_at=None if after is None else began + after, began=began)
    try:
        os.close(alive)
        run(attempt)
    except BaseException:
        import traceback

        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def run(attempt: dict[str, Any]) -> None:
    """What a worker's child does with a message: Celery's own tracer, from `task_prerun` to `task_postrun`."""
    from celery import current_app
    from celery.app.trace import build_tracer
    from django.conf import settings

    from jobs import failpoints

    for name, value in attempt["settings"].items():
        setattr(settings, name, value)
    failpoints.arm(attempt.get("failpoint") or "")
    key, name = attempt["execution"], attempt["jobType"]
    trace = build_tracer(name, current_app.tasks[name], app=current_app, hostname=HOST)
    trace(key, (), {}, {"id": key, "task": name, "hostname": HOST, "timelimit": (None, None), "ignore_result": True})


def ended(children: list[Child]) -> list[dict[str, Any]]:
    """Kills whom it is time to kill, until there is nobody left."""
    while left := [child for child in children if child.figures is None]:
        deadlines = [child.dies_at for child in left if child.dies_at is not None]
        wait = max(0.0, min(deadlines) - time.monotonic()) if deadlines else None
        gone = select.select([child.alive for child in left], [], [], wait)[0]
        for child in left:
            if child.alive in gone:
                child.collect()
            else:
                child.kill_if_due(time.monotonic())
    return [child.figures for child in children if child.figures is not None]


def prepare() -> None:
    """All that a child would load for itself, but no connection."""
    environment.prepare()
    django.setup()
    import boto3
    from celery import current_app
    from django.template.loader import get_template

    import executions.tasks

    assert executions.tasks
    current_app.finalize()
    boto3.client("s3", region_name="us-east-1")
    for name in ("frame.html", "notice.html", "notice.txt", "daily_report.html", "daily_report.txt"):
        get_template(f"jobs/mail/{name}")


if __name__ == "__main__":
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a job prints is no answer
    prepare()
    for line in sys.stdin:
        print(json.dumps(ended([forked(attempt) for attempt in json.loads(line)])), file=answers, flush=True)
