"""The door to the audit trail, for admins: read alone."""

from typing import Any

from django.db.models import Q, QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from executions import ids
from executions.pages import HistoryPages
from jobs.wire import EnumField, Instant, Query, TextOrNull, WireModelSerializer
from scheduler_project.audit.models import Means, Record

FOUND_BY_WORD = ("user_name", "subject_name", "credential", "address")


class AuditQuery(Query):
    """Which records. `from` is included, `to` is not."""

    names = {"since": "from", "until": "to"}
    action = serializers.CharField(required=False, help_text="As a record has it: `JobPaused`.")
    subject_type = serializers.CharField(required=False, help_text="Job, Execution, Schedule, Alert, Token or User.")
    subject_id = serializers.CharField(required=False)
    user_id = serializers.UUIDField(required=False)
    means = EnumField(choices=Means.choices, required=False)
    correlation_id = serializers.CharField(required=False)
    since = Instant(required=False)
    until = Instant(required=False)
    search = serializers.CharField(
        required=False, help_text="A part of who did it, with which token, from where, or of what it was done to."
    )


class AuditRecordSerializer(WireModelSerializer):
    """Who did what to what, with what, from where. `before` and `after` hold the fields that differ, secrets masked."""

    user_name = TextOrNull(read_only=True)
    credential = TextOrNull(read_only=True)
    address = TextOrNull(read_only=True)
    correlation_id = TextOrNull(read_only=True)
    subject_id = TextOrNull(read_only=True)
    subject_name = TextOrNull(read_only=True)
    before = serializers.DictField(read_only=True, allow_null=True)
    after = serializers.DictField(read_only=True, allow_null=True)

    class Meta:
        model = Record
        fields = (
            "id", "at", "user_id", "user_name", "means", "credential", "address", "correlation_id", "action",
            "subject_type", "subject_id", "subject_name", "before", "after",
        )  # fmt: skip
        read_only_fields = fields


class AuditView(ListAPIView[Record]):
    """Everything that was done, newest first."""

    roles = {"GET": "admin", "HEAD": "admin"}
    serializer_class = AuditRecordSerializer
    pagination_class = HistoryPages
    queryset = Record.objects.all()

    def get_queryset(self) -> QuerySet[Record]:
        return narrowed(Record.objects.all(), AuditQuery.of(self.request))

    @extend_schema(parameters=[AuditQuery])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.list(request, *args, **kwargs)


def narrowed(records: QuerySet[Record], query: dict[str, Any]) -> QuerySet[Record]:
    """The records that the query string asks for. Times are bounds of the id, by which records are sorted."""
    for name in ("action", "subject_type", "subject_id", "user_id", "means", "correlation_id"):
        if name in query:
            records = records.filter(**{name: query[name]})
    if "since" in query:
        records = records.filter(id__gte=ids.floor(query["since"]))
    if "until" in query:
        records = records.filter(id__lt=ids.floor(query["until"]))
    if words := query.get("search"):
        records = records.filter(Q(*((f"{field}__icontains", words) for field in FOUND_BY_WORD), _connector=Q.OR))
    return records
