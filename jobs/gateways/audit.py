"""AuditService: OKLA's record of who did what (OKLA.md §3). Told as well as can be; no job fails for it."""

import logging
import math
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum
from typing import Any

from jobs.gateways import http
from jobs.gateways.content_rules import cut, whole
from jobs.gateways.errors import GatewayError
from jobs.gateways.notifications import Severity
from jobs.gateways.problems import fields_of, said_in
from jobs.gateways.service_token import ServiceToken

SERVICE_NAME = "SchedulerService"
TIMEOUT_SECONDS = 5.0
TRIES = 2  # the second only where there was no connection
SEVERITIES: Mapping[Severity, int] = {"Info": 2, "Warning": 3, "Error": 4, "Critical": 5}
ERROR_MAX_UNITS, KEY_MAX_UNITS, DATA_MAX_KEYS, DATA_MAX_DEPTH = 1000, 100, 50, 8
OF_THE_ENTRY = (400, 413, 422)  # in its own words, JSON; a proxy that says 400 to everything speaks HTML

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class AuditEntry:
    """Something that happened. `action` and `resource` are words (BACKUP, jobs.execution); ids belong into `data`.

    What the service would refuse is adapted: other characters become `_` and the original goes into `data`.
    """

    action: str
    resource: str
    success: bool = True
    user_id: str = "system"
    severity: Severity = "Info"
    error_message: str | None = None
    duration_ms: int | None = None
    correlation_id: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


class Verdict(Enum):
    TAKEN = "taken"
    REFUSED = "refused"  # the entry is at fault: it would be refused again
    AWAY = "away"  # the service is: the entry may be taken later, or has been taken without a word


@dataclass(frozen=True)
class Reception:
    """What became of an entry. `reason`: why it was not taken."""

    verdict: Verdict
    reason: str = ""


class AuditService:
    """Empty `url`: not configured, and nothing is told."""

    def __init__(self, url: str, token: ServiceToken, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._url, self._token, self._timeout_seconds = url.rstrip("/"), token, timeout_seconds
        self._lock = threading.Lock()
        self._is_in_trouble = False

    @property
    def is_configured(self) -> bool:
        return bool(self._url) and self._token.is_configured

    def record(self, entry: AuditEntry) -> bool:
        """Whether the entry was taken. Never raises: trouble is a line in the log, one until it is over."""
        if not self.is_configured:
            return False
        return self.offer(entry).verdict is Verdict.TAKEN

    def offer(self, entry: AuditEntry) -> Reception:
        """What the service made of the entry, for whoever may come again with it. Never raises, logs as `record`."""
        try:
            answer = http.ask_patiently(
                http.Request(
                    "POST", f"{self._url}/api/audit", self._timeout_seconds, body=body_of(entry),
                    headers=self._token.headers(),
                ),
                again_on=lambda _answer: False, is_repeatable=False, tries=TRIES,
            )  # fmt: skip
        except (http.NoAnswer, GatewayError) as fault:
            return self._failed(Verdict.AWAY, str(fault))
        if answer.is_success:
            return self._succeeded()
        is_at_fault = answer.status in OF_THE_ENTRY and bool(fields_of(answer))
        verdict = Verdict.REFUSED if is_at_fault else Verdict.AWAY
        return self._failed(verdict, f"HTTP {answer.status}, {said_in(answer)}")

    def _failed(self, verdict: Verdict, reason: str) -> Reception:
        with self._lock:
            was_in_trouble, self._is_in_trouble = self._is_in_trouble, True
        logger.log(logging.DEBUG if was_in_trouble else logging.WARNING, "AuditService took no entry: %s", reason)
        return Reception(verdict, reason)

    def _succeeded(self) -> Reception:
        with self._lock:
            was_in_trouble, self._is_in_trouble = self._is_in_trouble, False
        if was_in_trouble:
            logger.info("AuditService takes entries again.")
        return Reception(Verdict.TAKEN)


def body_of(entry: AuditEntry) -> dict[str, Any]:
    """What the service is told, by its rules whatever the entry holds."""
    action, resource = _word(entry.action, 100, r"[^A-Za-z0-9_]"), _word(entry.resource, 255, r"[^A-Za-z0-9_.]")
    adapted = {
        name: given
        for name, given, taken in (("action", entry.action, action), ("resource", entry.resource, resource))
        if given != taken
    }
    body = {
        "userId": whole(entry.user_id).strip() or "system",
        "action": action,
        "resource": resource,
        "userIp": "127.0.0.1",
        "userAgent": "System",
        "additionalData": _data({**adapted, **entry.data}),
        "success": entry.success,
        "errorMessage": _error(entry),
        "durationMs": entry.duration_ms,
        "correlationId": _word(entry.correlation_id, 100, r"[^A-Za-z0-9-]", "-") if entry.correlation_id else None,
        "serviceName": SERVICE_NAME,
        "severity": SEVERITIES[entry.severity],
    }
    return {name: value for name, value in body.items() if value is not None}


def _word(text: str, most: int, others: str, substitute: str = "_") -> str:
    return re.sub(others, substitute, text)[:most] or substitute


def _error(entry: AuditEntry) -> str | None:
    """Theirs to demand when something failed."""
    text = cut(_text(entry.error_message or "").strip(), most=ERROR_MAX_UNITS)
    return text or (None if entry.success else "no reason was given")


def _data(data: Mapping[str, Any]) -> dict[str, Any]:
    """Their dictionary: 50 keys at most, and no null anywhere."""
    plain = _plain(data, DATA_MAX_DEPTH)
    return dict(list(plain.items())[:DATA_MAX_KEYS])


def _plain(value: Any, depth: int) -> Any:
    """`value` as JSON can say it; what is nested deeper than `depth`, and every other kind of thing, as text."""
    if isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, Mapping) and depth:
        return {
            cut(_text(str(name)), most=KEY_MAX_UNITS): _plain(item, depth - 1)
            for name, item in value.items()
            if item is not None
        }
    if isinstance(value, list | tuple | set | frozenset) and depth:
        return [_plain(item, depth - 1) for item in value if item is not None]
    return _text(str(value))


def _text(text: str) -> str:
    """Without what their database cannot hold."""
    return whole(text).replace("\0", "")
