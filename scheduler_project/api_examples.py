"""What a body looks like: an example for each that the API takes, and for each error that it answers with."""

from http import HTTPStatus
from typing import Any

from drf_spectacular.utils import OpenApiExample

PAUSE = {"reason": "The provider is being moved", "until": "2030-01-15T12:00:00Z"}
SCHEDULES = """set: reports
jobs:
  - name: Nightly report
    jobType: GenerateDailyReportsJob
    cronExpression: 0 8 * * *
"""
# By the operation's id; how a new job looks stands beside its serializer.
REQUESTS: dict[str, dict[str, Any]] = {
    "jobs_update": {
        "Another time of the day": {
            "name": "Daily Vehicle Cleanup",
            "jobType": "CleanupExpiredListingsJob",
            "cronExpression": "30 4 * * *",
        }
    },
    "jobs_partial_update": {"Longer, and tried less often": {"timeoutSeconds": 7200, "maxRetries": 1}},
    "jobs_pause_update": {"Until noon": PAUSE},
    "jobs_run_now_create": {
        "With the stored parameters": {},
        "Without effect": {"parameters": {"dryRun": True}},
        "A past due time once more": {"scheduledFor": "2026-01-15T07:00:00Z"},
    },
    "hold_create": {"For maintenance": PAUSE},
    "cron_preview_create": {
        "The last weekday of each month": {
            "cronExpression": "0 9 LW * *",
            "timeZone": "America/Santo_Domingo",
            "count": 3,
        }
    },
    "schedules_plan_create": {"One job": {"document": SCHEDULES}},
    "schedules_apply_create": {"One job, edits kept": {"document": SCHEDULES, "keepEdits": True}},
    "tokens_create": {
        "Reads, until then": {"name": "wallboard", "role": "viewer", "expiresAt": "2030-01-15T12:00:00Z"}
    },
    "alerts_acknowledge_create": {"With a note": {"note": "The provider knows and is on it."}},
}


def of(operation_id: str) -> list[OpenApiExample]:
    """Of the request's body."""
    return [OpenApiExample(title, value, request_only=True) for title, value in REQUESTS.get(operation_id, {}).items()]


def problem(status: int, code: str, text: str) -> dict[str, Any]:
    example: dict[str, Any] = {
        "type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": text,
        "instance": "/api/scheduler/jobs", "traceId": "4bf92f3577b34da6a3ce929d0e0e4736", "errorCode": code,
    }  # fmt: skip
    if status == HTTPStatus.BAD_REQUEST:
        example["errors"] = {"cronExpression": ["Field hour: 25 is beyond 23."]}
    if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        example["retryAfter"] = 5
    return example
