"""What drf-spectacular cannot see by itself: how errors look, and the API token."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from rest_framework import serializers

PROBLEM = "application/problem+json"


class Problem(serializers.Serializer[Any]):
    """RFC 9457, with OKLA's `traceId`, `errorCode` and `errors`."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    instance = serializers.CharField()
    traceId = serializers.CharField()
    errorCode = serializers.CharField(help_text="JOB_001 to JOB_008, EXEC_001, EXEC_002, or a word for the status.")
    errors = serializers.DictField(  # type: ignore[assignment]
        child=serializers.ListField(child=serializers.CharField()), required=False, help_text="Sentences by field."
    )


class Schema(AutoSchema):  # type: ignore[no-untyped-call]
    def _get_response_bodies(self, direction: Any = "response") -> Any:
        """Each route's own answers, and one for all that can go wrong."""
        bodies = super()._get_response_bodies(direction)
        problem = self._get_response_for_code(Problem, "default", [PROBLEM], direction)  # type: ignore[no-untyped-call]
        return bodies | {"default": problem}


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
