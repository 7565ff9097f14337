"""Job types that only tests schedule."""

import os
import time
from collections.abc import Mapping
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
