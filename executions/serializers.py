"""An execution in JSON, and what a run-now takes."""

from typing import Any

from django.urls import reverse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from executions import ids
from executions.models import Artifact, ExecutionQuerySet, JobExecution
from jobs.enums import ExecutionStatus, Trigger
from jobs.wire import CamelCase, EnumField, Instant, ParametersField, Query, Strict, TextOrNull, WireModelSerializer


@extend_schema_field({"type": ["object", "null"], "additionalProperties": True})
class ParametersOfRun(serializers.JSONField):
    """As they were for the run."""


class ExecutionRowSerializer(WireModelSerializer):
    """An execution in a list: without its long texts."""

    job_id = serializers.UUIDField(read_only=True)
    parameters = ParametersOfRun(read_only=True)
    reason = TextOrNull(read_only=True)
    machine_name = TextOrNull(read_only=True)
    worker_name = TextOrNull(read_only=True)
    progress_message = TextOrNull(read_only=True)
    is_retry = serializers.BooleanField(read_only=True)

    class Meta:
        model = JobExecution
        fields: tuple[str, ...] = (
            "id", "job_id", "job_name", "job_type", "parameters", "scheduled_for", "trigger", "status", "reason",
            "available_at", "queued_at", "started_at", "completed_at", "duration",
            "error_message", "result", "progress", "progress_message",
            "retry_attempt", "is_retry", "retry_of", "machine_name", "process_id", "worker_name",
            "triggered_by", "queue", "priority",
        )  # fmt: skip
        read_only_fields = fields


class ExecutionSerializer(ExecutionRowSerializer):
    """An execution by itself, with its output and, after a failure, its stack trace."""

    output = TextOrNull(read_only=True)

    class Meta(ExecutionRowSerializer.Meta):
        fields = (*ExecutionRowSerializer.Meta.fields, "output", "stack_trace")
        read_only_fields = fields


class ArtifactSerializer(WireModelSerializer):
    """A file that a run left, without its content: that is at `url`."""

    url = serializers.SerializerMethodField()

    class Meta:
        model = Artifact
        fields = ("name", "content_type", "size", "created_at", "url")
        read_only_fields = fields

    def get_url(self, artifact: Artifact) -> str:
        return reverse("execution-artifact", args=[artifact.execution_id, artifact.name])


class ArtifactsSerializer(CamelCase):
    items = ArtifactSerializer(many=True, read_only=True)


class RunNowSerializer(Strict):
    """With what to run; nothing of it is needed."""

    parameters = ParametersField(
        required=False,
        allow_null=True,
        help_text="In the place of the stored ones; `dryRun` alone is laid over them.",
    )
    scheduled_for = Instant(
        required=False, allow_null=True, help_text="A past due time of the job, to run once more with that reference."
    )


class HistoryQuery(Query):
    """Which executions. `from` (included) and `to` (excluded) mean the due time, or the moment of asking."""

    names = {"since": "from", "until": "to"}
    job_id = serializers.UUIDField(required=False)
    status = EnumField(choices=ExecutionStatus.choices, required=False)
    trigger = EnumField(choices=Trigger.choices, required=False)
    since = Instant(required=False)
    until = Instant(required=False)
    search = serializers.CharField(required=False, help_text="A part of the job's name or of the error message.")


class LogQuery(Query):
    after = serializers.IntegerField(
        default=0, min_value=0, max_value=2**31, help_text="How many characters of the log the caller has already."
    )


def narrowed(executions: ExecutionQuerySet, query: dict[str, Any]) -> ExecutionQuerySet:
    """The executions that the query string asks for. Times become bounds of the id, which the partitions go by."""
    for name in ("job_id", "status", "trigger"):
        if name in query:
            executions = executions.filter(**{name: query[name]})
    if "since" in query:
        executions = executions.filter(id__gte=ids.floor(query["since"]))
    if "until" in query:
        executions = executions.filter(id__lt=ids.floor(query["until"]))
    if words := query.get("search"):
        executions = executions.filter(job_name__icontains=words) | executions.filter(error_message__icontains=words)
    return executions
