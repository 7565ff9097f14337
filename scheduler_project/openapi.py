"""What drf-spectacular cannot see by itself: how errors look, on which routes, and who may ask."""

from collections.abc import Iterator
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiExample
from rest_framework import serializers

from jobs.log_context import CORRELATION_HEADER
from scheduler_project import api_examples

PROBLEM = "application/problem+json"
RESPONSES = "#/components/responses/"
# How `errorCode` says a status for which there is no code of our own.
CODES = {
    400: "VALIDATION_ERROR",
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    406: "NOT_ACCEPTABLE",
    409: "CONFLICT",
    412: "PRECONDITION_FAILED",
    413: "PAYLOAD_TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
    429: "RATE_LIMIT_EXCEEDED",
    500: "INTERNAL_ERROR",
    503: "SERVICE_UNAVAILABLE",
}
# What each error means here; the name is that of the response in the components.
ERRORS: dict[int, tuple[str, str]] = {
    400: ("Invalid", "The request does not hold what it should; `errors` says what, field by field."),
    401: ("Unauthorized", "Nobody knows who asks, or the token does not hold."),
    403: ("Forbidden", "The caller's role does not allow it."),
    404: ("NotFound", "There is no such thing."),
    406: ("NotAcceptable", "The answer has no form that the caller accepts."),
    409: ("Conflict", "The state of the thing forbids it, or somebody changed it at the same moment."),
    412: ("PreconditionFailed", "The job has another version than `If-Match` demands."),
    413: ("PayloadTooLarge", "The body is larger than 1 MB."),
    415: ("UnsupportedMediaType", "The body is of another type than `application/json`."),
    429: ("RateLimitExceeded", "The caller asks too often; `Retry-After` says when to come again."),
    500: ("InternalError", "A fault of ours. The log tells more under `traceId`."),
    503: ("ServiceUnavailable", "The database cannot be reached; `Retry-After` says when to come again."),
}
EVERYWHERE = (400, 401, 403, 406, 429, 500, 503)
# These write nothing that somebody else could be writing at the same moment.
WITHOUT_CONFLICT = {"cron_preview_create", "schedules_plan_create", "release_create", "hold_create"}
READS_WITH_CONFLICT = {"jobs_next_retrieve"}  # the stored schedule may have become unreadable
TEXT = {"schema": {"type": "string"}}
HEADERS = {
    CORRELATION_HEADER: {"description": "The caller's own, where it is sane, or a new one.", **TEXT},
    "Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 1}},
    "WWW-Authenticate": {"description": "How to say who one is.", **TEXT},
    "ETag": {"description": "The job's version, for `If-Match`.", **TEXT},
    "Location": {"description": "Where the new thing is.", "schema": {"type": "string", "format": "uri-reference"}},
}
HEADERS_OF_ERRORS = {401: ["WWW-Authenticate"], 429: ["Retry-After"], 503: ["Retry-After"]}


class Problem(serializers.Serializer[Any]):
    """RFC 9457, with OKLA's `traceId`, `errorCode` and `errors`."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    instance = serializers.CharField()
    traceId = serializers.CharField()
    errorCode = serializers.CharField(help_text="JOB_001 to JOB_008, EXEC_001, EXEC_002, or a word for the status.")
    retryAfter = serializers.IntegerField(required=False, help_text="Seconds, with 429 and 503: as `Retry-After`.")
    errors = serializers.DictField(  # type: ignore[assignment]
        child=serializers.ListField(child=serializers.CharField()), required=False, help_text="Sentences by field."
    )


class Schema(AutoSchema):  # type: ignore[no-untyped-call]
    def _get_response_bodies(self, direction: Any = "response") -> Any:
        """Each route's own answers; `Problem` becomes known, which the errors' components refer to."""
        self.resolve_serializer(Problem, "response")
        return super()._get_response_bodies(direction)

    def get_examples(self) -> list[OpenApiExample]:
        return [*super().get_examples(), *api_examples.of(self.get_operation_id())]


def complete(result: dict[str, Any], **_about: Any) -> dict[str, Any]:
    """drf-spectacular's hook: the same errors and headers on every route that can answer with them."""
    components = result["components"] = _without_double_null(result["components"])
    components["headers"] = HEADERS
    components["responses"] = {name: _error(status, text) for status, (name, text) in ERRORS.items()}
    components["parameters"] = {"CorrelationId": _CORRELATION_ID}
    for path, methods in result["paths"].items():
        for method, operation in methods.items():
            _add_headers(path, operation)
            operation["responses"] |= {
                str(status): {"$ref": RESPONSES + ERRORS[status][0]}
                for status in sorted(_errors(path, method, operation))
            }
    return result


_CORRELATION_ID = {
    "name": CORRELATION_HEADER, "in": "header", "required": False,
    "description": "Comes back, and stands in every line of the log. At most 128 letters, digits and `._:/+=@-`;"
    " anything else is replaced.",
    "schema": {"type": "string"},
}  # fmt: skip


def _without_double_null(node: Any) -> Any:
    """drf-spectacular adds a null also to what holds one already, and no value may fit two parts of a `oneOf`."""
    if isinstance(node, list):
        return [_without_double_null(part) for part in node]
    if not isinstance(node, dict):
        return node
    node = {name: _without_double_null(part) for name, part in node.items()}
    if isinstance(node.get("type"), list):
        node["type"] = list(dict.fromkeys(node["type"]))
    if {} in node.get("oneOf", []):
        del node["oneOf"]
    return node


def _errors(path: str, method: str, operation: dict[str, Any]) -> Iterator[int]:
    """The statuses above 399 that the operation can answer with."""
    name = operation["operationId"]
    yield from EVERYWHERE
    if "{" in path:
        yield 404
    if name in READS_WITH_CONFLICT or (method != "get" and name not in WITHOUT_CONFLICT):
        yield 409
    if any(parameter.get("name") == "If-Match" for parameter in operation.get("parameters", [])):
        yield 412
    if "requestBody" in operation:
        yield from (413, 415)


def _error(status: int, text: str) -> dict[str, Any]:
    example = api_examples.problem(status, CODES[status], text)
    return {
        "description": text,
        "headers": _headers(*HEADERS_OF_ERRORS.get(status, [])),
        "content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}},
    }


def _add_headers(path: str, operation: dict[str, Any]) -> None:
    operation.setdefault("parameters", []).append({"$ref": "#/components/parameters/CorrelationId"})
    for status, response in operation["responses"].items():
        names = ["Location"] if status == "201" or path.endswith(("/run-now", "/retry")) else []
        if response.get("content", {}).get("application/json", {}).get("schema", {}).get("$ref", "").endswith("/Job"):
            names.append("ETag")
        response["headers"] = {**response.get("headers", {}), **_headers(*names)}


def _headers(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in (CORRELATION_HEADER, *names)}


class ApiTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "scheduler_project.identity.authentication.ApiTokenAuthentication"
    name = "apiToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "`Token <key>`; `bin/up` prints one.",
        }


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "scheduler_project.identity.authentication.BearerAuthentication"
    name = "oklaToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "A token of OKLA's AuthService, of somebody whose role counts here (docs/identity.md).",
        }


class OklaCookieScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "scheduler_project.identity.authentication.OklaCookieAuthentication"
    name = "oklaCookie"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": "okla_access_token",
            "description": "The same token. What changes something also sends the cookie `csrf_token` and repeats it in"
            " the header `X-CSRF-Token`.",
        }
