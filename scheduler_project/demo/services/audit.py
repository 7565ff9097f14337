"""AuditService: an entry of the audit trail, checked field by field (OKLA.md §3)."""

import re
import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone

from scheduler_project.demo.databases import Connection
from scheduler_project.demo.services import answers, identity
from scheduler_project.demo.services.answers import BadBody, Body

PATTERNS = {
    "user_id": r"[\s\S]{1,255}",
    "action": r"[A-Za-z0-9_]{1,100}",
    "resource": r"[A-Za-z0-9_.]{1,255}",
    "user_ip": r"(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}|(?:[0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}",
    "user_agent": r"[\s\S]{1,500}",
}
OPTIONAL_PATTERNS = {"service_name": r"[A-Za-z0-9-]{1,50}", "correlation_id": r"[A-Za-z0-9-]{1,100}"}
DATA_MAX_KEYS, DATA_KEY_MAX, ERROR_MAX = 50, 100, 1_000
SEVERITIES = range(1, 6)  # Debug, Information, Warning, Error, Critical


class AuditBody(Body):
    user_id: str = ""
    action: str = ""
    resource: str = ""
    user_ip: str = ""
    user_agent: str = ""
    additional_data: dict[str, Any] = {}
    success: bool = True
    error_message: str | None = None
    duration_ms: int | None = None
    correlation_id: str | None = None
    service_name: str | None = None
    severity: int = 2


def create(request: HttpRequest, connection: Connection) -> HttpResponse:
    """POST /api/audit."""
    if identity.claims_of(request) is None:
        return answers.unauthorized()
    try:
        entry = answers.read(request, AuditBody)
    except BadBody as bad:
        return answers.invalid(bad.faults)
    faults = _faults(entry)
    if faults:
        return JsonResponse(_envelope(error="; ".join(faults)), status=400)
    return JsonResponse(_envelope(data=str(uuid.uuid4())), status=201)


def _envelope(*, data: str | None = None, error: str | None = None) -> dict[str, Any]:
    return {
        "success": error is None,
        "data": data,
        "error": error,
        "metadata": None,
        "timestamp": timezone.now(),
    }


def _faults(entry: AuditBody) -> list[str]:
    found = [name for name, pattern in PATTERNS.items() if not _fits(pattern, getattr(entry, name))]
    found += [
        name
        for name, pattern in OPTIONAL_PATTERNS.items()
        if getattr(entry, name) is not None and not _fits(pattern, getattr(entry, name))
    ]
    sentences = [f"{AuditBody.model_fields[name].alias} is missing or has an invalid format" for name in found]
    if entry.severity not in SEVERITIES:
        sentences.append("severity must be between 1 and 5")
    if not entry.success and not 0 < len((entry.error_message or "").strip()) <= ERROR_MAX:
        sentences.append(f"errorMessage of at most {ERROR_MAX} characters is required when success is false")
    return sentences + _data_faults(entry.additional_data)


def _data_faults(data: dict[str, Any]) -> list[str]:
    sentences = []
    if len(data) > DATA_MAX_KEYS:
        sentences.append(f"additionalData cannot have more than {DATA_MAX_KEYS} keys")
    if any(not 0 < len(key) <= DATA_KEY_MAX for key in data):
        sentences.append(f"keys of additionalData must have 1 to {DATA_KEY_MAX} characters")
    if any(value is None for value in data.values()):
        sentences.append("additionalData cannot hold null values")
    return sentences


def _fits(pattern: str, text: str) -> bool:
    return bool(text.strip()) and re.fullmatch(pattern, text) is not None
