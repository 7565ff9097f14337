"""Where spans go: to what OTEL_EXPORTER_OTLP_ENDPOINT names. Without it nothing of the SDK is even loaded."""

import logging
import os
import signal
import threading
from collections.abc import Mapping
from functools import partial
from importlib import import_module
from typing import Any

from jobs import tracing

logger = logging.getLogger(__name__)

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
SDK = "scheduler_project.spans"


def is_wanted(environment: Mapping[str, str] = os.environ) -> bool:
    """OpenTelemetry's own switches count too."""
    is_off = environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    is_off |= environment.get("OTEL_TRACES_EXPORTER", "").strip().lower() == "none"
    return not is_off and any(environment.get(name, "").strip() for name in ENDPOINTS)


def load() -> None:
    """The modules, for the children of this process to share; nothing is started."""
    if is_wanted():
        import_module(SDK)


def start() -> None:
    """In the process that makes the spans: what sends them is a thread, and none survives a fork."""
    if not is_wanted():
        return
    try:
        tracing.use(import_module(SDK).start())
    except Exception:  # a wrong setting of something that is only looked at must not keep anybody from working
        logger.exception("Traces cannot be sent; look at the OTEL_* variables.")


def stop() -> None:
    """Send what is left, within moments."""
    if tracing.is_on():
        import_module(SDK).stop()


def stop_when_asked_to_end() -> None:
    """For a server that ends by the very signal, which leaves `atexit` no time."""
    if not tracing.is_on() or threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, partial(_hear, signal.getsignal(number)))


def _hear(before: Any, number: int, frame: Any) -> None:
    """Then as it would have been without this."""
    stop()
    if callable(before):
        before(number, frame)
    else:
        signal.signal(number, before)
        signal.raise_signal(number)
