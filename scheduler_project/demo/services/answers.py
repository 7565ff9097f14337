"""The forms of OKLA's answers: problem+json, JSON in camelCase, refusals of those who may not ask."""

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

from django.http import HttpRequest, HttpResponse, JsonResponse
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

Faults: TypeAlias = dict[str, list[str]]  # sentences by the field's name in JSON
Model = TypeVar("Model", bound=BaseModel)


class Body(BaseModel):
    """What a request must be. As .NET reads it: camelCase, no conversion of types, unknown names are passed over."""

    model_config = ConfigDict(strict=True, extra="ignore", alias_generator=to_camel, populate_by_name=True)


class BadBody(Exception):
    """The request's body is not what the service takes."""

    def __init__(self, faults: Faults) -> None:
        super().__init__(str(faults))
        self.faults = faults


def read(request: HttpRequest, model: type[Model]) -> Model:
    """The body as that model. Raises BadBody."""
    try:
        return model.model_validate(json.loads(request.body))
    except ValidationError as fault:
        faults: Faults = {}
        for error in fault.errors():
            faults.setdefault(".".join(map(str, error["loc"])) or "$", []).append(error["msg"])
        raise BadBody(faults) from None
    except (ValueError, RecursionError):
        raise BadBody({"$": ["The body is not valid JSON."]}) from None


def problem(status: int, title: str, *, code: str, faults: Mapping[str, Sequence[str]] | None = None) -> HttpResponse:
    """RFC 9457 as OKLA's shared library writes it (OKLA.md §7)."""
    body: dict[str, Any] = {
        "type": f"https://httpstatuses.io/{status}", "title": title, "status": status, "detail": title,
        "traceId": uuid.uuid4().hex, "errorCode": code,
    }  # fmt: skip
    if faults:
        body["errors"] = faults
        body["detail"] = " ".join(sentence for sentences in faults.values() for sentence in sentences)
    return HttpResponse(json.dumps(body), status=status, content_type="application/problem+json")


def invalid(faults: Faults) -> HttpResponse:
    return problem(400, "One or more validation errors occurred.", code="VALIDATION_ERROR", faults=faults)


def unauthorized() -> HttpResponse:
    """As .NET's bearer authentication refuses: without a body."""
    return HttpResponse(status=401, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})


def forbidden() -> HttpResponse:
    return HttpResponse(status=403)


def unavailable(title: str) -> HttpResponse:
    return problem(503, title, code="SERVICE_UNAVAILABLE")


def error(status: int, sentence: str) -> HttpResponse:
    return JsonResponse({"error": sentence}, status=status)
