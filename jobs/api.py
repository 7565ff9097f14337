"""The doors to the jobs: who may, one verb of the model, the answer."""

from typing import Any, cast
from uuid import UUID

from django.db.models import F, Q, prefetch_related_objects
from django.urls import reverse
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, status
from rest_framework.exceptions import APIException
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from jobs import cron, holds, registry
from jobs.clock import database_now
from jobs.models import JobQuerySet, ScheduledJob, ScheduleRevision, VersionConflict
from jobs.serializers import (
    DueTimesQuery,
    DueTimesSerializer,
    HoldRequestSerializer,
    HoldSerializer,
    JobQuery,
    JobSerializer,
    JobTypeSerializer,
    NewJobSerializer,
    PauseSerializer,
    PreviewRequestSerializer,
    PreviewSerializer,
    RevisionSerializer,
)

ORDERS = {"name": "name", "nextExecutionAt": "next_execution_at", "createdAt": "created_at"}
IF_MATCH = OpenApiParameter("If-Match", str, OpenApiParameter.HEADER, description="The ETag that the job must have.")


class UnreadableSchedule(APIException):
    """What is stored was sound once: zone data, for one, forget zones."""

    status_code = status.HTTP_409_CONFLICT


def find_job(job_id: str) -> ScheduledJob:
    """The live job. Raises ScheduledJob.DoesNotExist, also for what is no uuid."""
    try:
        key = UUID(job_id)
    except ValueError:
        raise ScheduledJob.DoesNotExist from None
    return ScheduledJob.objects.live().get(pk=key)


def caller(request: Request) -> UUID:
    """Who asks. The permission classes let nobody through who is nobody."""
    return cast(UUID, request.user.id)


@extend_schema_view(
    list=extend_schema(parameters=[JobQuery], responses=JobSerializer(many=True)),
    create=extend_schema(request=NewJobSerializer, responses={201: JobSerializer}),
    update=extend_schema(parameters=[IF_MATCH]),
    partial_update=extend_schema(parameters=[IF_MATCH]),
    destroy=extend_schema(parameters=[IF_MATCH], responses={204: OpenApiResponse(description="It is gone.")}),
)
class JobViewSet(mixins.ListModelMixin, GenericViewSet[ScheduledJob]):
    queryset = ScheduledJob.objects.live()
    serializer_class = JobSerializer
    roles = {"pause": "operator", "resume": "operator"}

    def get_queryset(self) -> JobQuerySet:
        return narrowed(ScheduledJob.objects.live().with_figures(), JobQuery.of(self.request))

    def create(self, request: Request) -> Response:
        new = NewJobSerializer(data=request.data, context=self.get_serializer_context())
        new.is_valid(raise_exception=True)
        job = ScheduledJob.define(by=caller(request), **new.validated_data)
        return self.answer(job, status.HTTP_201_CREATED, Location=reverse("job", args=[job.id]))

    def retrieve(self, request: Request, job_id: str) -> Response:
        return self.answer(find_job(job_id))

    def update(self, request: Request, job_id: str, partial: bool = False) -> Response:
        job = find_job(job_id)
        changes = self.get_serializer(job, data=request.data, partial=partial)
        changes.is_valid(raise_exception=True)
        expected = expected_version(request, job)
        return self.answer(job.redefine(by=caller(request), expected_version=expected, **changes.validated_data))

    def partial_update(self, request: Request, job_id: str) -> Response:
        return self.update(request, job_id, partial=True)

    def destroy(self, request: Request, job_id: str) -> Response:
        job = find_job(job_id)
        job.retire(by=caller(request), expected_version=expected_version(request, job))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses=JobSerializer)
    def enable(self, request: Request, job_id: str) -> Response:
        return self.answer(find_job(job_id).enable(by=caller(request)))

    @extend_schema(request=None, responses=JobSerializer)
    def disable(self, request: Request, job_id: str) -> Response:
        return self.answer(find_job(job_id).disable(by=caller(request)))

    @extend_schema(request=PauseSerializer, responses=JobSerializer)
    def pause(self, request: Request, job_id: str) -> Response:
        job = find_job(job_id)
        pause = PauseSerializer(data=request.data, context={"now": database_now()})
        pause.is_valid(raise_exception=True)
        reason, until = pause.validated_data.get("reason") or "", pause.validated_data.get("until")
        return self.answer(job.pause(by=caller(request), reason=reason, until=until))

    @extend_schema(request=None, responses=JobSerializer)
    def resume(self, request: Request, job_id: str) -> Response:
        return self.answer(find_job(job_id).resume(by=caller(request)))

    def answer(self, job: ScheduledJob, code: int = status.HTTP_200_OK, **headers: str) -> Response:
        """The job with its ETag, which serves If-Match alone: figures change without it, so no 304 follows."""
        prefetch_related_objects([job], "figures")
        return Response(self.get_serializer(job).data, status=code, headers={"ETag": f'"{job.version}"', **headers})


class RevisionsView(mixins.ListModelMixin, GenericAPIView[ScheduleRevision]):
    """Every definition that the job has had, the newest first."""

    queryset = ScheduleRevision.objects.all()
    serializer_class = RevisionSerializer

    def get(self, request: Request, job_id: str) -> Response:
        self.queryset = find_job(job_id).revisions.all()
        return self.list(request)


class DueTimesView(APIView):
    """The job's coming due times; a job that is off the schedule has none."""

    @extend_schema(parameters=[DueTimesQuery], responses=DueTimesSerializer)
    def get(self, request: Request, job_id: str) -> Response:
        job, query = find_job(job_id), DueTimesQuery.of(request)
        after = query.get("after") or database_now()
        try:
            due_times = cron.preview(job.schedule, query["count"], after) if job.is_on_schedule else []
        except cron.CronError as fault:
            raise UnreadableSchedule(_("The schedule that is stored for the job cannot be read: %s") % fault) from None
        return Response(DueTimesSerializer({"next_executions": due_times}).data)


class HoldView(APIView):
    """Hold the whole schedule: due times become Skipped (held) until it is released; run-now stays possible."""

    @extend_schema(request=HoldRequestSerializer, responses=HoldSerializer)
    def post(self, request: Request) -> Response:
        wanted = HoldRequestSerializer(data=request.data, context={"now": database_now()})
        wanted.is_valid(raise_exception=True)
        reason, until = wanted.validated_data.get("reason") or "", wanted.validated_data.get("until")
        held = holds.hold(by=caller(request), reason=reason, until=until)
        return Response(HoldSerializer(held).data)


class ReleaseView(APIView):
    """Let the schedule go on. Without a hold nothing changes."""

    @extend_schema(request=None, responses=HoldSerializer)
    def post(self, request: Request) -> Response:
        holds.release(by=caller(request))
        return Response(HoldSerializer().to_representation(None))


class JobTypesView(APIView):
    """What can be scheduled."""

    @extend_schema(responses=JobTypeSerializer(many=True))
    def get(self, request: Request) -> Response:
        return Response(JobTypeSerializer(registry.types(), many=True).data)


class CronPreviewView(APIView):
    """What an expression means: in words, in due times and in remarks."""

    roles = {"POST": "viewer"}

    @extend_schema(request=PreviewRequestSerializer, responses=PreviewSerializer)
    def post(self, request: Request) -> Response:
        wanted = PreviewRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        schedule: cron.Cron = wanted.validated_data["schedule"]
        after = wanted.validated_data.get("after") or database_now()
        preview: dict[str, Any] = {
            "description": {
                "en": cron.describe(schedule.expression, "en"),
                "es": cron.describe(schedule.expression, "es"),
            },
            "next_executions": cron.preview(schedule, wanted.validated_data["count"], after),
            "remarks": [str(remark) for remark in cron.lint(schedule, after)],
        }
        return Response(PreviewSerializer(preview).data)


def narrowed(jobs: JobQuerySet, query: dict[str, Any]) -> JobQuerySet:
    """The jobs that the query string asks for, in its order; without one by name."""
    for name in ("status", "job_type", "queue"):
        if name in query:
            jobs = jobs.filter(**{name: query[name]})
    if words := query.get("search"):
        fields = ("name", "key", "job_type", "description")
        jobs = jobs.filter(Q(*((f"{field}__icontains", words) for field in fields), _connector=Q.OR))
    order = query.get("order", "name")
    column = F(ORDERS[order.removeprefix("-")])
    direction = column.desc if order.startswith("-") else column.asc
    return jobs.order_by(direction(nulls_last=True), "id")


def expected_version(request: Request, job: ScheduledJob) -> int | None:
    """The version that `If-Match` demands, None when it demands nothing; VersionConflict when the job has another.

    Strong, weak (a proxy that compresses makes them so) and bare tags are all understood.
    """
    header = request.headers.get("If-Match", "*")
    tags = {tag.strip().removeprefix("W/").strip('"') for tag in header.split(",")}
    if "*" in tags:
        return None
    if str(job.version) not in tags:
        raise VersionConflict
    return job.version
