"""A job type that says what a test writes into a file, when it writes it, until that is `end`."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from jobs.base import Job, JobContext, JobParameters

LOOK_SECONDS = 0.05


class SpeakingParameters(JobParameters):
    file: str = Field(description="Each line that is written into it is said.")


class SpeakingJob(Job[SpeakingParameters]):
    description = "Says what is written into a file."
    parameters_model = SpeakingParameters

    def execute(self, context: JobContext[SpeakingParameters]) -> Mapping[str, Any]:
        said = 0
        while True:
            context.check_cancelled()
            lines = Path(context.parameters.file).read_text().splitlines()
            for line in lines[said:]:
                if line == "end":
                    return {"said": said}
                context.log(line)
                said += 1
            time.sleep(LOOK_SECONDS)
