"""The lines of the log: for people, or as JSON with the ids of what each is about; in neither form with a password."""

import logging
import re
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from celery.utils.log import LoggingProxy
from django.conf import settings

from jobs import log_context
from scheduler_project.masking import masked

SAME_AGAIN_AFTER_SECONDS = 60.0
# Fields that a line may have beside its message and ids. What others attach to theirs may be anything.
FIELDS = (
    "method", "path", "status", "duration_ms", "user_id", "job_id", "job_name", "execution_id",
    "stamina.retry_num", "stamina.caused_by", "stamina.wait_for",
)  # fmt: skip
# A uuid of version 7 (executions/ids.py): nothing else here has one.
EXECUTION_ID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\b")
PROGRAMS = ("worker", "beat", "flower")


def configuration(*, form: str, level: str) -> dict[str, Any]:
    """Django's LOGGING. All lines go one way: what libraries have set up for themselves is taken away again."""
    ours = {"handlers": [], "propagate": True}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"chosen": {"()": f"{__name__}.{form}_form"}},
        "filters": {"seldom": {"()": f"{__name__}.Seldom"}},
        "handlers": {
            # Not sys.stderr: once `speak` was called, what is written there comes back here.
            "console": {"class": "logging.StreamHandler", "formatter": "chosen", "stream": "ext://sys.__stderr__"},
            "seldom": {
                "class": "logging.StreamHandler", "formatter": "chosen", "stream": "ext://sys.__stderr__",
                "filters": ["seldom"],
            },
        },
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            "django": ours,
            "django.server": ours,
            "uvicorn": ours,
            "uvicorn.access": {**ours, "level": "WARNING"},  # `rest.CorrelationMiddleware` says it, with the ids
            "multiprocessing": {"handlers": ["console"], "level": "WARNING", "propagate": False},  # billiard's
            "celery.worker.strategy": {"level": "WARNING"},  # `executions.signals` says it, with the ids
            "botocore": {"level": "WARNING"},  # it tells of each credential that it finds
            # What follows has no place in the output of a run that goes on meanwhile.
            "stdout": {"handlers": ["console"], "level": "INFO", "propagate": False},
            "stderr": {"handlers": ["console"], "level": "INFO", "propagate": False},
            "opentelemetry": {"handlers": ["seldom"], "level": "WARNING", "propagate": False},
        },
    }  # fmt: skip


def speak() -> None:
    """In web, worker and beat: where lines are JSON, what is printed, warned of or raised becomes one too."""
    _let_stamina_use_logging()
    if settings.SCHEDULER_LOG_FORMAT != "json" or isinstance(sys.stdout, LoggingProxy):
        return
    logging.captureWarnings(True)
    # __stdout__ as well: Celery's banner and its last words go there.
    sys.stdout = sys.__stdout__ = LoggingProxy(logging.getLogger("stdout"), logging.INFO)  # type: ignore[assignment,misc]
    sys.stderr = LoggingProxy(logging.getLogger("stderr"), logging.WARNING)
    sys.excepthook = _log_uncaught
    threading.excepthook = lambda raised: _log_uncaught(raised.exc_type, raised.exc_value, raised.exc_traceback)


class line_form(logging.Formatter):
    """For people: the time, the level, who says it, and, unless the message names the run itself, which run it is."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        text, run = super().formatMessage(record), str(log_context.current().get("execution_id", ""))
        return f"{text} [{run}]" if run and run not in text else text

    def format(self, record: logging.LogRecord) -> str:
        return masked(super().format(record))


def json_form() -> logging.Formatter:
    """One JSON object a line."""
    from structlog.processors import JSONRenderer, StackInfoRenderer, format_exc_info  # only where it is used
    from structlog.stdlib import ProcessorFormatter

    return ProcessorFormatter(
        foreign_pre_chain=[_facts],
        processors=[
            ProcessorFormatter.remove_processors_meta,
            StackInfoRenderer(),
            format_exc_info,
            _mask_fields,
            JSONRenderer(),
        ],
    )


class Seldom(logging.Filter):
    """The same complaint of the same logger once a minute: a collector that is away is told of in each batch."""

    def __init__(self) -> None:
        super().__init__()
        self._said_at: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        about, now = (record.name, str(record.msg)), time.monotonic()
        is_new = now - self._said_at.get(about, float("-inf")) >= SAME_AGAIN_AFTER_SECONDS
        if is_new:
            self._said_at[about] = now
        return is_new


def _facts(_logger: Any, _method: str, event: Any) -> Mapping[str, Any]:
    record: logging.LogRecord = event["_record"]
    message = event.pop("event")
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    return {
        "timestamp": f"{moment}.{int(record.created % 1 * 1_000_000):06}Z",
        "level": record.levelname.lower(),
        "logger": record.name,
        "message": message,
        "process": _program(),
        "pid": record.process,
        **_named_in(message),
        **log_context.current(),
        **{name: getattr(record, name) for name in FIELDS if getattr(record, name, None) is not None},
        **event,
    }


def _named_in(message: str) -> dict[str, str]:
    """The one execution that it speaks of, as Celery's lines do, or beat's of a run elsewhere."""
    found = set(EXECUTION_ID.findall(message))
    return {"execution_id": found.pop()} if len(found) == 1 else {}


def _mask_fields(_logger: Any, _method: str, event: Any) -> Mapping[str, Any]:
    return {name: masked(value) if isinstance(value, str) else value for name, value in event.items()}


def _program() -> str:
    """Which of the service's programs this is: web, worker, beat, flower, else what manage.py was told to do."""
    program, words = Path(sys.argv[0]), sys.argv[1:]
    if "uvicorn" in (program.name, program.parent.name):  # also as `python -m uvicorn`
        return "web"
    return next((word for word in words if word in PROGRAMS), words[0] if words else program.name)


def _log_uncaught(kind: type[BaseException], fault: BaseException | None, where: Any) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, fault or kind(), where)
        return
    logging.getLogger("uncaught").critical("%s", kind.__name__, exc_info=(kind, fault or kind(), where))


def _let_stamina_use_logging() -> None:
    """Left to itself it finds structlog installed, and prints."""
    from stamina import instrumentation

    instrumentation.set_on_retry_hooks([instrumentation.LoggingOnRetryHook])
