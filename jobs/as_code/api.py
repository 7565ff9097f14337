"""The doors to schedules as code: plan a file, apply a file."""

from typing import Any

from django.urls import path
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from jobs.api import caller
from jobs.as_code.faults import FaultyFile
from jobs.as_code.planning import Action, Choices, Plan
from jobs.as_code.schedule_file import Disturbed, Edited, ScheduleFile
from jobs.as_code.telling import told
from jobs.wire import CamelCase, Instant, Strict

MOST_FAULTS_TOLD = 100


class ScheduleFileSerializer(Strict):
    """A file of schedules, and what is to become of jobs that were edited elsewhere."""

    document = serializers.CharField(trim_whitespace=False, help_text="The file's text, YAML.")
    file = serializers.CharField(default="document", max_length=500, help_text="What faults call the file.")
    take_over = serializers.ListField(
        child=serializers.CharField(max_length=200), default=list, help_text="Keys of edited jobs to overwrite."
    )
    take_over_all = serializers.BooleanField(default=False)
    keep_edits = serializers.BooleanField(default=False, help_text="Leave edited jobs as they are, apply the rest.")


class PlanSerializer(CamelCase):
    """What becomes of each job of the set."""

    set = serializers.CharField()
    at = Instant()
    applied = serializers.BooleanField()
    counts = serializers.DictField(child=serializers.IntegerField())
    jobs = serializers.ListField(child=serializers.DictField())


class FileRefused(APIException):
    status_code = status.HTTP_409_CONFLICT


class _FileView(APIView):
    def _file(self, request: Request) -> tuple[ScheduleFile, Choices, str]:
        asked = ScheduleFileSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        values = asked.validated_data
        choices = Choices(frozenset(values["take_over"]), values["take_over_all"], values["keep_edits"])
        return ScheduleFile(values["document"], caller(request)), choices, values["file"]


class PlanView(_FileView):
    """What applying the file would do. Writes nothing."""

    roles = {"POST": "viewer"}

    @extend_schema(request=ScheduleFileSerializer, responses=PlanSerializer)
    def post(self, request: Request) -> Response:
        file, choices, name = self._file(request)
        try:
            return Response(told(file.plan(choices)))
        except FaultyFile as fault:
            raise _faulty(fault, name) from None


class ApplyView(_FileView):
    """Make the jobs of the set what the file says: all of it or nothing. 409 while jobs were edited elsewhere."""

    @extend_schema(request=ScheduleFileSerializer, responses=PlanSerializer)
    def post(self, request: Request) -> Response:
        file, choices, name = self._file(request)
        try:
            return Response(told(file.apply(choices), is_applied=True))
        except FaultyFile as fault:
            raise _faulty(fault, name) from None
        except Edited as fault:
            raise FileRefused(f"{fault} {_keys(fault.plan)}") from None
        except Disturbed as fault:
            raise FileRefused(str(fault)) from None


def _faulty(fault: FaultyFile, name: str) -> ValidationError:
    lines: list[Any] = [each.sentence(name) for each in fault.faults[:MOST_FAULTS_TOLD]]
    if more := len(fault.faults) - MOST_FAULTS_TOLD:
        lines += [_("and %(count)d more") % {"count": more}] if more > 0 else []
    return ValidationError({"document": lines})


def _keys(plan: Plan) -> str:
    return ", ".join(item.key for item in plan.of(Action.REFUSED))


urlpatterns = [
    path("schedules/plan", PlanView.as_view(), name="schedules-plan"),
    path("schedules/apply", ApplyView.as_view(), name="schedules-apply"),
]
