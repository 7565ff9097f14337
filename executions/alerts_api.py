"""The doors to the alerts: what is wrong or was, what was told of it, and that somebody looks after it."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from executions.alerts import episodes, wording
from executions.alerts.states import AlertState, narrowed, state_of
from executions.enums import AlertRule
from executions.models import Alert, Notice
from jobs.api import caller
from jobs.wire import EnumField, Query, Strict, TextOrNull, TimeSpan, WireModelSerializer, timespan


class AlertQuery(Query):
    state = EnumField(choices=AlertState.choices, required=False)
    rule = EnumField(choices=AlertRule.choices, required=False)
    job_id = serializers.UUIDField(required=False)


class AcknowledgeSerializer(Strict):
    """What whoever looks after it has to say."""

    note = serializers.CharField(
        required=False, allow_null=True, allow_blank=True, max_length=1_000, help_text="What is known or being done."
    )


class NoticeSerializer(WireModelSerializer):
    """What was told to whom, or waits for it."""

    recipient = TextOrNull(read_only=True)
    last_error = TextOrNull(read_only=True)

    class Meta:
        model = Notice
        fields = (
            "kind", "channel", "recipient", "state", "tries", "last_error", "created_at", "next_try_at", "sent_at",
        )  # fmt: skip
        read_only_fields = fields


class AlertRowSerializer(WireModelSerializer):
    """An alert in a list. Title and message are in the language that the caller accepts."""

    job_id = serializers.UUIDField(read_only=True, allow_null=True)
    job_name = serializers.CharField(source="job.name", read_only=True, allow_null=True, default=None)
    subject = TextOrNull(read_only=True)
    title = serializers.SerializerMethodField()
    message = serializers.SerializerMethodField()
    facts = serializers.DictField(read_only=True, help_text="The plain values that the message is made of.")
    state = serializers.SerializerMethodField()
    note = TextOrNull(read_only=True)
    duration = serializers.SerializerMethodField()

    class Meta:
        model = Alert
        fields: tuple[str, ...] = (
            "id", "rule", "job_id", "job_name", "subject", "severity", "title", "message", "facts", "state",
            "opened_at", "told_at", "acknowledged_at", "acknowledged_by", "note", "closed_at", "duration",
        )  # fmt: skip
        read_only_fields = fields

    def get_title(self, alert: Alert) -> str:
        return wording.title(alert)

    def get_message(self, alert: Alert) -> str:
        return wording.message(alert)

    # Not as an enum: those get a name from the field's, and other things have states too.
    @extend_schema_field({"type": "string", "oneOf": [{"const": state} for state in AlertState.values]})
    def get_state(self, alert: Alert) -> str:
        return state_of(alert).value

    @extend_schema_field(TimeSpan(allow_null=True))
    def get_duration(self, alert: Alert) -> str | None:
        return timespan(alert.closed_at - alert.opened_at) if alert.closed_at else None


class AlertSerializer(AlertRowSerializer):
    """An alert by itself, with what was told of it."""

    notices = NoticeSerializer(many=True, read_only=True)

    class Meta(AlertRowSerializer.Meta):
        fields = (*AlertRowSerializer.Meta.fields, "notices")
        read_only_fields = fields


class AlertsView(ListAPIView[Alert]):
    """What is wrong or was, newest first."""

    serializer_class = AlertRowSerializer
    queryset = Alert.objects.select_related("job").order_by("-opened_at", "id")

    def get_queryset(self) -> QuerySet[Alert]:
        query = AlertQuery.of(self.request)
        alerts = super().get_queryset()
        if "state" in query:
            alerts = narrowed(alerts, query.pop("state"))
        return alerts.filter(**query)

    @extend_schema(parameters=[AlertQuery])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.list(request, *args, **kwargs)


class AlertView(APIView):
    @extend_schema(responses=AlertSerializer)
    def get(self, request: Request, alert_id: str) -> Response:
        return Response(AlertSerializer(_found(alert_id)).data)


class AcknowledgeView(APIView):
    """Say that somebody looks after it. Who did so first stays, with their note; also of an alert that is over."""

    roles = {"POST": "operator"}

    @extend_schema(request=AcknowledgeSerializer, responses=AlertSerializer)
    def post(self, request: Request, alert_id: str) -> Response:
        asked = AcknowledgeSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        episodes.acknowledge(_key(alert_id), by=caller(request), note=asked.validated_data.get("note") or "")
        return Response(AlertSerializer(_found(alert_id)).data)


def _found(alert_id: str) -> Alert:
    return Alert.objects.select_related("job").prefetch_related("notices").get(pk=_key(alert_id))


def _key(alert_id: str) -> UUID:
    """Raises Alert.DoesNotExist for what is no uuid."""
    try:
        return UUID(alert_id)
    except ValueError:
        raise Alert.DoesNotExist from None
