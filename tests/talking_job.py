"""A job type that speaks in every way that code can, and asks somebody."""

import logging
import threading
from collections.abc import Mapping
from typing import Any

from jobs.base import Job, JobContext, JobError, JobParameters
from jobs.gateways import http

logger = logging.getLogger(__name__)


class TalkingParameters(JobParameters):
    word: str = "hello"
    url: str = ""
    fails: bool = False


class TalkingJob(Job[TalkingParameters]):
    description = "Talks."
    parameters_model = TalkingParameters

    def execute(self, context: JobContext[TalkingParameters]) -> Mapping[str, Any]:
        told = context.parameters
        logger.warning("%s from the body", told.word)
        aside = threading.Thread(target=self._aside, args=(told,))
        aside.start()
        aside.join()
        print(f"{told.word} printed")
        try:
            raise RuntimeError("no connection to amqp://us:pa55word@broker:5672/")
        except RuntimeError:
            logger.exception("%s with a fault", told.word)
        if told.fails:
            raise JobError("it broke, as it was told to")
        return {}

    def _aside(self, told: TalkingParameters) -> None:
        logger.warning("%s from a thread", told.word)
        if told.url:
            http.ask(http.Request("GET", told.url, timeout_seconds=20))
