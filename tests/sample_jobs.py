"""Job types that only tests schedule."""

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import Field

from jobs.base import ChangingJobParameters, Job, JobContext, JobError, JobParameters


class NoParameters(JobParameters):
    pass


class NoOpJob(Job[NoParameters]):
    description = "Does nothing."
    parameters_model = NoParameters

    def execute(self, context: JobContext[NoParameters]) -> Mapping[str, Any]:
        return {}


class DiaryParameters(JobParameters):
    path: str = Field(description="The file that gets one line for each run of the body.")
    seconds: float = Field(0.0, ge=0, description="How long the body takes.")


class DiaryJob(Job[DiaryParameters]):
    """Writes down that its body ran, so that a test can count bodies and not only rows."""

    description = "Writes a line to a file."
    parameters_model = DiaryParameters

    def execute(self, context: JobContext[DiaryParameters]) -> Mapping[str, Any]:
        context.log("dear diary")
        with Path(context.parameters.path).open("a") as diary:
            diary.write(f"{context.reference_time.isoformat()} {os.getpid()}\n")
        until = time.monotonic() + context.parameters.seconds
        while time.monotonic() < until:
            context.check_cancelled()
            time.sleep(0.05)
        context.progress(1, 1)
        return {"written": 1}


class DeafJob(Job[DiaryParameters]):
    """Never looks whether it should stop."""

    description = "Writes a line to a file and hears nothing."
    parameters_model = DiaryParameters

    def execute(self, context: JobContext[DiaryParameters]) -> Mapping[str, Any]:
        with Path(context.parameters.path).open("a") as diary:
            diary.write(f"{os.getpid()}\n")
        time.sleep(context.parameters.seconds)
        return {}


class StubbornJob(Job[DiaryParameters]):
    """Does not end when its process is asked to, whatever that raises."""

    description = "Writes a line to a file and holds on to its process."
    parameters_model = DiaryParameters

    def execute(self, context: JobContext[DiaryParameters]) -> Mapping[str, Any]:
        with Path(context.parameters.path).open("a") as diary:
            diary.write(f"{os.getpid()}\n")
        until = time.monotonic() + context.parameters.seconds
        while time.monotonic() < until:
            with suppress(BaseException):
                time.sleep(0.05)
        return {}


class FailingParameters(JobParameters):
    message: str = "it broke"
    permanent: bool = False


class FailingJob(Job[FailingParameters]):
    description = "Fails."
    parameters_model = FailingParameters

    def execute(self, context: JobContext[FailingParameters]) -> Mapping[str, Any]:
        context.log("about to fail")
        raise JobError(context.parameters.message, permanent=context.parameters.permanent)


class SweepingParameters(ChangingJobParameters):
    keep: int = 3


class SweepingJob(Job[SweepingParameters]):
    description = "Knows how to do nothing."
    parameters_model = SweepingParameters

    def execute(self, context: JobContext[SweepingParameters]) -> Mapping[str, Any]:
        return {"swept": 0 if context.dry_run else context.parameters.keep}


class CrashingJob(Job[NoParameters]):
    description = "Raises what nobody expected."
    parameters_model = NoParameters

    def execute(self, context: JobContext[NoParameters]) -> Mapping[str, Any]:
        return {"never": 1 / 0}


class WitnessParameters(DiaryParameters):
    lines: int = Field(1, ge=0, description="How many lines the body says.")
    fails: bool = False
    listens: bool = Field(False, description="Whether it looks now and then if it should stop.")


class WitnessJob(Job[WitnessParameters]):
    """Writes down when its body began and ended, one line each: `begin run-id reference-time pid monotonic-seconds`."""

    description = "Leaves a witness of each body."
    parameters_model = WitnessParameters

    def execute(self, context: JobContext[WitnessParameters]) -> Mapping[str, Any]:
        self._write("begin", context)
        try:
            self._work(context)
        finally:
            self._write("end", context)
        return {"lines": context.parameters.lines}

    def _work(self, context: JobContext[WitnessParameters]) -> None:
        for number in range(context.parameters.lines):
            context.log(f"line {number}")
        until = time.monotonic() + context.parameters.seconds
        while (left := until - time.monotonic()) > 0:
            if context.parameters.listens:
                context.check_cancelled()
            time.sleep(min(left, 0.2))
        if context.parameters.fails:
            raise JobError("it broke, as it was told to")

    def _write(self, word: str, context: JobContext[WitnessParameters]) -> None:
        reference = context.reference_time.isoformat()
        line = f"{word} {context.run_id} {reference} {os.getpid()} {time.monotonic():.6f}\n"
        file = os.open(context.parameters.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(file, line.encode())  # one write: lines of several processes do not mix
        finally:
            os.close(file)
