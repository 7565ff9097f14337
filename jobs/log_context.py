"""Whose work a line of the log is about: the ids that it carries, of a request or of the run of this process."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

CORRELATION_HEADER = "X-Correlation-Id"
_SANE_CORRELATION_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")

_bound: ContextVar[Mapping[str, Any]] = ContextVar("log_context", default=MappingProxyType({}))
# A process runs one job at a time, so a line from any thread of it belongs to that run.
_run: dict[str, Any] = {}


def current() -> dict[str, Any]:
    return {**_run, **_bound.get()}


def begin(**ids: Any) -> None:
    """From here on in this task or thread, in place of all that was bound before."""
    _bound.set(_known(ids))


@contextmanager
def bound(**ids: Any) -> Iterator[None]:
    """Beside what is bound already. What is None stays away."""
    token = _bound.set({**_bound.get(), **_known(ids)})
    try:
        yield
    finally:
        _bound.reset(token)


def begin_run(**ids: Any) -> None:
    """Until `end_run`, in all threads of this process, in place of the run before."""
    end_run()
    _run.update(_known(ids))


def end_run() -> None:
    _run.clear()


def sane_correlation_id(given: object) -> str | None:
    """What somebody sent as one; None when it cannot be repeated in headers and logs."""
    is_sane = isinstance(given, str) and _SANE_CORRELATION_ID.fullmatch(given)
    return str(given) if is_sane else None


def _known(ids: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in ids.items() if value is not None}
