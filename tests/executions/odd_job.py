"""A job type that ends in every way a job can."""

import math
import os
import signal
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from billiard.exceptions import SoftTimeLimitExceeded
from django.core.exceptions import ValidationError
from django.db import connection
from django.utils.translation import gettext_lazy as _

from jobs.base import Job, JobCancelled, JobContext, JobError, JobParameters


class OddParameters(JobParameters):
    does: str = "returns nothing"


class OddJob(Job[OddParameters]):
    description = "Ends as its parameter says."
    parameters_model = OddParameters

    def execute(self, context: JobContext[OddParameters]) -> Mapping[str, Any] | None:
        return WAYS[context.parameters.does](context)


def _raise(fault: BaseException) -> Callable[[Any], Any]:
    def way(_context: Any) -> Any:
        raise fault

    return way


def _is_interrupted_in_a_query(_context: Any) -> None:
    """As Celery's soft time limit does it: a signal in the middle of whatever the job does."""

    def limit(*_: Any) -> None:
        raise SoftTimeLimitExceeded

    before = signal.signal(signal.SIGALRM, limit)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(1)")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _is_terminated_in_a_library(context: Any) -> None:
    try:
        os.kill(os.getpid(), signal.SIGTERM)
    except BaseException as fault:
        raise OSError("the connection was broken off") from fault


def _takes_too_long_in_a_library(context: Any) -> None:
    try:
        os.kill(os.getpid(), signal.SIGUSR1)
    except Exception as fault:
        raise JobError("the neighbour's database broke off") from fault


def _is_terminated(context: Any) -> None:
    try:
        os.kill(os.getpid(), signal.SIGTERM)
    finally:
        context.log("cleaned up")


def _nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _level in range(depth):
        value = {"v": value}
    return value


def _circle() -> dict[str, Any]:
    value: dict[str, Any] = {}
    value["v"] = value
    return value


class _Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("not even that")


WAYS: dict[str, Callable[[Any], Any]] = {
    "returns nothing": lambda context: None,
    "returns figures": lambda context: {
        "at": datetime(2026, 1, 1, tzinfo=UTC), "day": date(2026, 1, 1), "sum": Decimal("1.50"),
        "id": uuid.UUID(int=1), "text": "ñ\x00 \ud800 \\u0000", "key\x00": True,
    },
    "returns a set": lambda context: {"all": {1, 2}},
    "returns odd keys": lambda context: {(1, 2): "pair"},
    "returns nan": lambda context: {"average": math.nan},
    "returns infinity": lambda context: {"average": math.inf},
    "returns a number": lambda context: 5,
    "returns a text": lambda context: "done",
    "returns a list": lambda context: [1],
    "returns depths": lambda context: _nested(100_000),
    "returns itself": lambda context: _circle(),
    "fails": _raise(JobError("it broke")),
    "fails for good": _raise(JobError("never again", permanent=True)),
    "fails without words": _raise(JobError("")),
    "fails translated": _raise(JobError(_("Enabled"))),  # type: ignore[arg-type]
    "fails oddly": _raise(JobError("nul \x00 half \ud800 end")),
    "crashes": lambda context: 1 / 0,
    "crashes without words": _raise(RuntimeError()),
    "crashes unprintably": _raise(_Unprintable()),
    "validates": _raise(ValidationError("that is not a city")),
    "exits": lambda context: sys.exit(3),
    "is terminated": _is_terminated,
    "is terminated in a library": _is_terminated_in_a_library,
    "is cancelled": _raise(JobCancelled()),
    "takes too long": _raise(SoftTimeLimitExceeded()),
    "takes too long in a query": _is_interrupted_in_a_query,
    "takes too long in a library": _takes_too_long_in_a_library,
    "waits for its limit": lambda context: time.sleep(60),
    "says odd things": lambda context: (
        context.log("nul \x00 half \ud800 ñ"), context.progress(1, 2, "nul \x00 half \ud800"), None
    )[-1],
    "says too much": lambda context: [context.log("ñ" * 1_000) for _ in range(1_000)] and None,
}  # fmt: skip
