"""The API's frame: how everything that goes wrong is told (RFC 9457, OKLA.md §7)."""

import math
import re
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.core.exceptions import ValidationError as ModelValidationError
from django.db import IntegrityError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views import defaults
from drf_spectacular.utils import extend_schema
from drf_standardized_errors.formatter import flatten_errors
from pydantic.alias_generators import to_camel
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.views import APIView, set_rollback

from executions import control, dispatch
from executions.models import Alert, JobExecution
from jobs.models import ScheduledJob, VersionConflict, WrongStatus
from jobs.registry import UnknownJobType
from scheduler_project.body import WHOLE_BODY
from scheduler_project.correlation import API_PREFIX, CorrelationMiddleware, trace_id  # noqa: F401 - settings ask here
from scheduler_project.openapi import CODES, PROBLEM

OUR_CODE = re.compile(r"(JOB|EXEC)_\d{3}")
FAULTS_IN_DETAIL = 3


# --- What went wrong -------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Fault:
    """An answer that is no success. `errors` are (field, sentence, code)."""

    status: int
    detail: str | Promise = ""
    code: str = ""
    errors: list[tuple[str, str, str]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def error_code(self) -> str:
        """The first code of our own among the details, else the status's own."""
        ours = (code for _field, _text, code in self.errors if OUR_CODE.fullmatch(code))
        return self.code or next(ours, "") or CODES.get(self.status, f"HTTP_{self.status}")

    @property
    def sentence(self) -> str:
        shown = [f"{name}: {text}" for name, text, _code in self.errors[:FAULTS_IN_DETAIL]]
        return str(self.detail) or " ".join(shown)


NO_DATABASE = Fault(503, gettext_lazy("The database cannot be reached. Try again soon."), headers={"Retry-After": "5"})

# What the verbs raise, and what that is over HTTP. An empty sentence: the exception brings its own.
VERBS: dict[type[Exception], Fault] = {
    ScheduledJob.DoesNotExist: Fault(404, gettext_lazy("There is no such job."), "JOB_004"),
    JobExecution.DoesNotExist: Fault(404, gettext_lazy("There is no such execution."), "EXEC_001"),
    Alert.DoesNotExist: Fault(404, gettext_lazy("There is no such alert."), "ALERT_001"),
    VersionConflict: Fault(412, gettext_lazy("The job was changed since you read it. Read it again.")),
    WrongStatus: Fault(409, code="JOB_005"),
    dispatch.JobNotEnabled: Fault(409, code="JOB_005"),
    dispatch.AlreadyRunning: Fault(409, code="JOB_006"),
    dispatch.KeyReused: Fault(409),
    control.WrongState: Fault(409, code="EXEC_002"),
    UnknownJobType: Fault(409, gettext_lazy("The job's type is not registered in this installation."), "JOB_002"),
    Http404: Fault(404, gettext_lazy("There is nothing at this address.")),
    PermissionDenied: Fault(403, gettext_lazy("You may not do this.")),
    RequestDataTooBig: Fault(413, gettext_lazy("The body is larger than 1 MB.")),
    SuspiciousOperation: Fault(400, gettext_lazy("The request is malformed.")),
    OperationalError: NO_DATABASE,
    InterfaceError: NO_DATABASE,
}  # fmt: skip


def problem(exception: Exception, context: dict[str, Any]) -> HttpResponse | None:
    """DRF's exception handler. None: nobody expected this, and it becomes Django's 500."""
    fault = fault_of(exception)
    if fault is None:
        return None
    set_rollback()
    return answer(context["request"], fault)


def answer(request: HttpRequest | Request, fault: Fault) -> JsonResponse:
    body = {
        "type": "about:blank",
        "title": HTTPStatus(fault.status).phrase,
        "status": fault.status,
        "detail": fault.sentence,
        "instance": request.path,
        "traceId": trace_id(request),
        "errorCode": fault.error_code,
    }
    if seconds := fault.headers.get("Retry-After"):
        body["retryAfter"] = int(seconds)  # OKLA's clients look for it in the body
    if fault.errors:
        errors: dict[str, list[str]] = {}
        for name, text, _code in fault.errors:
            errors.setdefault(name, []).append(text)
        body["errors"] = errors
    return JsonResponse(body, status=fault.status, headers=fault.headers, content_type=PROBLEM)


def fault_of(exception: Exception) -> Fault | None:
    """The table above, and the three families whose faults are read from the exception."""
    if isinstance(exception, exceptions.APIException):
        return _of_framework(exception)
    if isinstance(exception, ModelValidationError):
        return _of_model(exception)
    if isinstance(exception, dispatch.NotADueTime):
        return Fault(400, errors=[("scheduledFor", str(exception), "")])
    if isinstance(exception, IntegrityError):
        return _of_race(exception)
    for kind, fault in VERBS.items():
        if isinstance(exception, kind):
            return fault if fault.detail else Fault(fault.status, str(exception), fault.code)
    return None


def _of_framework(exception: exceptions.APIException) -> Fault:
    headers = {}
    if header := getattr(exception, "auth_header", None):
        headers["WWW-Authenticate"] = header
    if seconds := getattr(exception, "wait", None):
        headers["Retry-After"] = str(max(1, math.ceil(seconds)))
    if not isinstance(exception, exceptions.ValidationError):
        return Fault(exception.status_code, str(exception.detail), headers=headers)
    flat = flatten_errors(exception.detail)
    return Fault(400, errors=[(_field_of(each.attr), str(each.detail), each.code) for each in flat])


def _of_model(exception: ModelValidationError) -> Fault:
    faults = exception.error_dict if hasattr(exception, "error_dict") else {WHOLE_BODY: [exception]}
    return Fault(
        400,
        errors=[
            (WHOLE_BODY if name == "__all__" else to_camel(name), sentence, each.code or "")
            for name, of_field in faults.items()
            for each in of_field
            for sentence in each.messages
        ],
    )


def _of_race(exception: IntegrityError) -> Fault:
    """Two requests at the same moment: what the checks let pass, the database's constraint held."""
    if "job_name_unique_among_live" in str(exception):
        return Fault(400, errors=[("name", _("Another job has this name. Choose another one."), "JOB_003")])
    return Fault(409, _("Somebody changed the same thing at the same moment. Try again."))


def _field_of(path: str | None) -> str:
    """The top-level field: `notificationEmails.2` is told under `notificationEmails`."""
    return (path or WHOLE_BODY).split(".")[0]


# --- Where no view answers -------------------------------------------------------------------------------------------
def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if not request.path.startswith(API_PREFIX):
        return defaults.page_not_found(request, exception)
    return answer(request, VERBS[Http404])


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if not request.path.startswith(API_PREFIX):
        return defaults.bad_request(request, exception, template_name="dashboard/errors/400.html")
    return answer(request, fault_of(exception) or VERBS[SuspiciousOperation])


def server_error(request: HttpRequest) -> HttpResponse:
    if not request.path.startswith(API_PREFIX):
        return defaults.server_error(request)
    text = _("Something went wrong here. The log tells more under the trace id.")
    return answer(request, Fault(500, text))


@extend_schema(exclude=True)
class UnknownRoute(APIView):
    """Whatever under /api/ is no route: 401 for strangers, 404 for everybody else."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        raise Http404
