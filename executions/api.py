"""The doors to the ledger, and run-now: it belongs to a job's routes, but what it makes is an execution."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.exceptions import ValidationError
from rest_framework.generics import ListAPIView
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from executions import control, dispatch, ledger, live_log
from executions.models import ExecutionQuerySet, JobExecution
from executions.pages import HistoryPages
from executions.serializers import (
    ExecutionRowSerializer,
    ExecutionSerializer,
    HistoryQuery,
    LogQuery,
    RunNowSerializer,
    narrowed,
)
from jobs.api import caller, find_job

IDEMPOTENCY_KEY_MAX_LENGTH = 200
IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="Requests with one key are one request, for 24 h. At most 200 characters.",
)

# OpenAPI 3.1 has no word for a stream: what stands for it is one of its events.
ONE_EVENT = {
    "type": "object",
    "properties": {
        "event": {"type": "string", "enum": ["log", "end"]},
        "id": {"type": "string", "description": "The next `after`."},
        "data": {"type": "string", "description": "JSON: `text` of a log event, `status` of the end."},
    },
}


def execution_key(execution_id: str) -> UUID:
    """Raises JobExecution.DoesNotExist for what is no uuid."""
    try:
        return UUID(execution_id)
    except ValueError:
        raise JobExecution.DoesNotExist from None


def find_execution(execution_id: str) -> JobExecution:
    """The execution with all of its texts. Raises JobExecution.DoesNotExist, also for what is no uuid."""
    key = execution_key(execution_id)
    # Chunks are folded into the row when a run ends: read in this order, one of the two has the text.
    text = ledger.output_so_far(key)
    execution = JobExecution.objects.get(pk=key)
    if not execution.is_finished:
        execution.output = text
    return execution


class ExecutionsView(ListAPIView[JobExecution]):
    """The history, newest first."""

    serializer_class = ExecutionRowSerializer
    pagination_class = HistoryPages
    queryset = JobExecution.objects.defer("output", "stack_trace")

    def get_queryset(self) -> ExecutionQuerySet:
        return narrowed(JobExecution.objects.defer("output", "stack_trace"), HistoryQuery.of(self.request))

    @extend_schema(parameters=[HistoryQuery])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.list(request, *args, **kwargs)


class ExecutionsOfJobView(ExecutionsView):
    """The history of one live job; that of a deleted one is at /executions?jobId=."""

    def get_queryset(self) -> ExecutionQuerySet:
        return super().get_queryset().filter(job=find_job(self.kwargs["job_id"]))


class ExecutionView(APIView):
    @extend_schema(responses=ExecutionSerializer)
    def get(self, request: Request, execution_id: str) -> Response:
        return Response(ExecutionSerializer(find_execution(execution_id)).data)


class CancelView(APIView):
    """End a queued run at once; ask a running one to stop, and end its process after 10 s."""

    roles = {"POST": "operator"}

    @extend_schema(request=None, responses={202: ExecutionSerializer})
    def post(self, request: Request, execution_id: str) -> Response:
        control.cancel(JobExecution.objects.only("id").get(pk=execution_key(execution_id)))
        return Response(ExecutionSerializer(find_execution(execution_id)).data, status=status.HTTP_202_ACCEPTED)


class RetryView(APIView):
    """Queue one more attempt of a run that has ended. It is not tried again by itself."""

    roles = {"POST": "operator"}

    @extend_schema(request=None, responses={202: ExecutionSerializer})
    def post(self, request: Request, execution_id: str) -> Response:
        attempt = control.retry(JobExecution.objects.get(pk=execution_key(execution_id)), by=caller(request))
        location = reverse("execution", args=[attempt.id])
        return Response(
            ExecutionSerializer(attempt).data, status=status.HTTP_202_ACCEPTED, headers={"Location": location}
        )


class PlainText(BaseRenderer):
    media_type = "text/plain"
    format = "txt"


class EventStream(BaseRenderer):
    media_type = "text/event-stream"
    format = "events"


class ExecutionLogView(APIView):
    """What a run said, from character `after` on: as text, or as a stream of events while it runs.

    Each event `log` has the next `after` as its id, which a browser that was cut off sends back as `Last-Event-ID`; an
    event `end` with the status closes the stream.
    """

    renderer_classes = [PlainText, EventStream, JSONRenderer]

    @extend_schema(
        parameters=[LogQuery],
        responses={
            (200, "text/plain"): OpenApiResponse(str, description="`X-Log-Next` is the next `after`."),
            (200, "text/event-stream"): OpenApiResponse(ONE_EVENT, description="Events `log` and, last of all, `end`."),
        },
    )
    def get(self, request: Request, execution_id: str) -> HttpResponseBase:
        after = LogQuery.of(request)["after"]
        execution = find_execution(execution_id)
        if request.accepted_renderer.media_type == EventStream.media_type:
            return live_log.stream(execution.id, after=live_log.position(request.headers, after))
        answer = HttpResponse(execution.output[after:], content_type="text/plain; charset=utf-8")
        answer["X-Log-Next"] = max(after, len(execution.output))
        answer["X-Log-Complete"] = str(execution.is_finished).lower()
        return answer


class RunNowView(APIView):
    """Queue a run beside the schedule and answer at once."""

    roles = {"POST": lambda request: "operator" if _keeps_stored_parameters(request) else "admin"}

    @extend_schema(request=RunNowSerializer, parameters=[IDEMPOTENCY_KEY], responses={202: ExecutionSerializer})
    def post(self, request: Request, job_id: str) -> Response:
        job = find_job(job_id)
        asked = RunNowSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        execution = dispatch.run_now(job, _run_request(request, asked))
        location = reverse("execution", args=[execution.id])
        return Response(
            ExecutionSerializer(execution).data, status=status.HTTP_202_ACCEPTED, headers={"Location": location}
        )


def _keeps_stored_parameters(request: Request) -> bool:
    """Where the body is at fault the answer says so, whoever asks."""
    asked = RunNowSerializer(data=request.data)
    return not asked.is_valid() or _run_request(request, asked).keeps_stored_parameters


def _run_request(request: Request, asked: RunNowSerializer) -> dispatch.RunRequest:
    key = request.headers.get("Idempotency-Key", "").strip()
    if len(key) > IDEMPOTENCY_KEY_MAX_LENGTH:
        text = _("The key is longer than %(max)d characters.") % {"max": IDEMPOTENCY_KEY_MAX_LENGTH}
        raise ValidationError({"Idempotency-Key": text})
    return dispatch.RunRequest(by=caller(request), idempotency_key=key, **asked.validated_data)
