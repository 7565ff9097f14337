"""A job, its revisions and its due times in JSON."""

from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from pydantic.alias_generators import to_camel
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

from jobs import cron
from jobs.enums import ExecutionStatus, JobStatus
from jobs.holds import ScheduleHold
from jobs.models import ScheduledJob, ScheduleRevision
from jobs.wire import (
    CamelCase,
    CodedInteger,
    EnumField,
    Instant,
    ParametersField,
    Query,
    Strict,
    TextOrNull,
    TimeSpan,
    WireModelSerializer,
)

MOST_NOTIFIED = 50
MOST_DUE_TIMES = 100
# What `null` stands for where the database knows no null.
MEANING_OF_NULL: dict[str, Any] = {
    "description": "",
    "pause_reason": "",
    "time_zone": cron.DEFAULT_TIME_ZONE,
    "notification_emails": [],
}

# The body of the original document's POST /jobs, as it stands there.
EXAMPLE_JOB = {
    "name": "Daily Vehicle Cleanup",
    "description": "Remove expired listings",
    "jobType": "CleanupExpiredListingsJob",
    "cronExpression": "0 3 * * *",
    "isEnabled": True,
    "notifyOnFailure": True,
    "notificationEmails": ["admin@okla.com.do"],
}


class JobSerializer(Strict, WireModelSerializer):
    """A job as GET gives it and as PUT takes it back: read-only fields are ignored, unknown ones refused."""

    parameters = ParametersField(required=False, allow_null=True)
    # Its length is checked with the rest of the expression, so that the error is JOB_001.
    cron_expression = serializers.CharField(help_text="Five fields, or a macro such as @daily.")
    time_zone = serializers.CharField(required=False, allow_null=True, allow_blank=True, max_length=64)
    description = serializers.CharField(required=False, allow_null=True, allow_blank=True, max_length=1000)
    is_enabled = serializers.BooleanField(required=False, help_text="Counts only when `status` is not given.")
    pause_reason = TextOrNull(required=False, max_length=500)
    timeout_seconds = CodedInteger(code="JOB_007", required=False, min_value=1, max_value=86_400)
    max_retries = CodedInteger(code="JOB_008", required=False, min_value=0, max_value=20)
    notification_emails = serializers.ListField(
        child=serializers.CharField(max_length=254), required=False, allow_null=True, max_length=MOST_NOTIFIED
    )
    last_execution_at = Instant(read_only=True, allow_null=True)
    last_execution_status = EnumField(choices=ExecutionStatus.choices, read_only=True, allow_null=True)
    last_execution_error = serializers.CharField(read_only=True, allow_null=True)
    total_executions = serializers.IntegerField(read_only=True)
    successful_executions = serializers.IntegerField(read_only=True)
    failed_executions = serializers.IntegerField(read_only=True)
    average_duration = TimeSpan(read_only=True, allow_null=True)

    class Meta:
        model = ScheduledJob
        fields = (
            "id", "key", "name", "description", "job_type", "parameters", "cron_expression", "time_zone",
            "status", "is_enabled", "paused_until", "pause_reason", "paused_by_user_id",
            "last_execution_at", "next_execution_at", "last_execution_status", "last_execution_error",
            "total_executions", "successful_executions", "failed_executions", "average_duration",
            "max_retries", "retry_delay_minutes", "retry_backoff", "timeout_seconds",
            "overlap_policy", "misfire_policy", "misfire_grace_seconds", "start_deadline_seconds",
            "max_duration_seconds", "grace_seconds", "max_consecutive_failures", "notify_on_failure",
            "notification_emails", "queue", "priority",
            "created_by_user_id", "created_at", "last_modified_at", "version",
        )  # fmt: skip

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """The definition as `ScheduledJob.define` and `redefine` take it."""
        for name, meaning in MEANING_OF_NULL.items():
            if name in attrs and not attrs[name]:
                attrs[name] = meaning
        self._resolve_status(attrs)
        self._resolve_pause(attrs)
        return attrs

    def _resolve_status(self, attrs: dict[str, Any]) -> None:
        """`isEnabled` counts only when `status` is not given; given both, they must agree (SPEC §2)."""
        is_enabled = attrs.pop("is_enabled", None)
        if is_enabled is None:
            return
        status = attrs.setdefault("status", JobStatus.ENABLED if is_enabled else JobStatus.DISABLED)
        if is_enabled != (status == JobStatus.ENABLED):
            text = _("isEnabled and status disagree: status is %(status)s. Leave one of them out.")
            raise ValidationError({"isEnabled": text % {"status": status}})

    def _resolve_pause(self, attrs: dict[str, Any]) -> None:
        """A pause has an end, a reason and somebody; without a pause they mean nothing."""
        before = self.instance.status if self.instance else JobStatus.ENABLED
        if attrs.get("status", before) != JobStatus.PAUSED:
            attrs.pop("paused_until", None)
            attrs.pop("pause_reason", None)
        elif before != JobStatus.PAUSED:
            attrs["paused_by_user_id"] = self.context["request"].user.id


@extend_schema_serializer(examples=[OpenApiExample("A daily job", EXAMPLE_JOB, request_only=True)])
class NewJobSerializer(JobSerializer):
    """A job as POST takes it: it may name its key, and no field that only the service writes."""

    key = serializers.CharField(required=False, max_length=200, help_text="From the name when not given.")

    def refuses(self, name: str) -> str | None:
        if name in self.fields and self.fields[name].read_only:
            return _("This field is read-only: leave it out.")
        return super().refuses(name)


class PauseSerializer(Strict):
    """Why, and until when; without an end until somebody resumes."""

    reason = serializers.CharField(required=False, allow_null=True, allow_blank=True, max_length=500)
    until = Instant(required=False, allow_null=True, help_text="The job resumes then by itself.")

    def validate_until(self, until: datetime | None) -> datetime | None:
        if until and until <= self.context["now"]:
            raise ValidationError(_("Give an instant in the future."))
        return until


class HoldRequestSerializer(PauseSerializer):
    """Why, and until when; without an end until somebody releases."""

    until = Instant(required=False, allow_null=True, help_text="The schedule goes on then by itself.")


class HoldSerializer(CamelCase):
    """Whether the whole schedule is held, and by whom, since when, until when, why; null where it is not."""

    is_held = serializers.BooleanField()
    since = Instant(source="began_at", allow_null=True)
    until = Instant(allow_null=True)
    reason = TextOrNull()
    held_by_user_id = serializers.UUIDField(allow_null=True)

    def to_representation(self, instance: ScheduleHold | None) -> dict[str, Any]:
        nothing = dict.fromkeys(("began_at", "until", "reason", "held_by_user_id"))
        facts = nothing if instance is None else {name: getattr(instance, name) for name in nothing}
        return super().to_representation({**facts, "is_held": instance is not None})


class RevisionSerializer(WireModelSerializer):
    definition = serializers.SerializerMethodField()

    class Meta:
        model = ScheduleRevision
        fields = ("version", "effective_from", "status", "definition", "changed_by_user_id")

    def get_definition(self, revision: ScheduleRevision) -> dict[str, Any]:
        return {to_camel(name): value for name, value in revision.definition.items()}


class JobTypeSerializer(CamelCase):
    """A registered job class."""

    name = serializers.CharField()
    aliases = serializers.ListField(child=serializers.CharField())
    description = serializers.CharField()
    parameters_schema = serializers.DictField(
        source="parameters_model.model_json_schema", help_text="JSON Schema of `parameters`."
    )


# --- Query strings ---------------------------------------------------------------------------------------------------
class JobQuery(Query):
    status = EnumField(choices=JobStatus.choices, required=False)
    job_type = serializers.CharField(required=False)
    search = serializers.CharField(required=False, help_text="A part of the name, key, type or description.")
    queue = serializers.CharField(required=False)
    order = serializers.ChoiceField(
        ["name", "-name", "nextExecutionAt", "-nextExecutionAt", "createdAt", "-createdAt"], required=False
    )


class DueTimesQuery(Query):
    names = {"after": "from"}
    count = serializers.IntegerField(default=10, min_value=1, max_value=MOST_DUE_TIMES)
    after = Instant(required=False)


# --- Due times -------------------------------------------------------------------------------------------------------
class DueTimeSerializer(CamelCase):
    scheduled_for = Instant()
    local = serializers.CharField(help_text="The same instant on the clock of the job's zone.")
    remark = serializers.CharField(allow_null=True, help_text="Where a clock change or both day fields play a part.")

    def to_representation(self, due: cron.NextExecution) -> dict[str, Any]:
        return {
            "scheduledFor": Instant().to_representation(due.scheduled_for),
            "local": due.local.isoformat(),
            "remark": due.remark and str(due.remark),
        }


class DueTimesSerializer(CamelCase):
    next_executions = DueTimeSerializer(many=True)


class DescriptionSerializer(serializers.Serializer[Any]):
    en = serializers.CharField()
    es = serializers.CharField()


class PreviewSerializer(DueTimesSerializer):
    description = DescriptionSerializer()
    remarks = serializers.ListField(child=serializers.CharField())


class PreviewRequestSerializer(Strict):
    """An expression to look at; nothing is stored."""

    names = {"after": "from"}
    cron_expression = serializers.CharField()
    time_zone = serializers.CharField(required=False, allow_null=True, allow_blank=True, max_length=64)
    count = serializers.IntegerField(default=10, min_value=1, max_value=MOST_DUE_TIMES)
    after = Instant(required=False, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        try:
            attrs["schedule"] = cron.parse(attrs["cron_expression"], attrs.get("time_zone") or None)
        except cron.CronError as fault:
            if fault.field == "timeZone":
                raise ValidationError({"timeZone": str(fault)}) from None
            raise ValidationError({"cronExpression": ErrorDetail(str(fault), code="JOB_001")}) from None
        return attrs
