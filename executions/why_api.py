"""GET /jobs/{id}/why: why a job ran, did not run or will not run at an instant."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import translation
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from executions import why
from executions.models import JobExecution
from executions.why.wording import Text
from jobs.admin.display import zone_of
from jobs.clock import database_now
from jobs.models import ScheduledJob
from jobs.wire import CamelCase, EnumField, Instant, Query, TextOrNull, WireModelSerializer

LANGUAGES = ("en", "es")
# A plus sign that nobody escaped comes out of an address as a space.
UNESCAPED_OFFSET = re.compile(r"(T[\d:.]+) (\d\d:?\d\d)\Z")


class InstantInAddress(Instant):
    def to_internal_value(self, value: Any) -> datetime:
        return super().to_internal_value(UNESCAPED_OFFSET.sub(r"\1+\2", value) if isinstance(value, str) else value)


class WhyQuery(Query):
    at = InstantInAddress(required=False, help_text="The minute that holds this instant; without it, the present one.")


# --- The answer ------------------------------------------------------------------------------------------------------
class BothLanguagesSerializer(serializers.Serializer[Any]):
    en = serializers.CharField()
    es = serializers.CharField()

    def to_representation(self, instance: Text) -> dict[str, Any]:
        return {language: _in(language, instance) for language in LANGUAGES}


class GateSerializer(CamelCase):
    gate = EnumField(choices=why.GateName.choices)
    state = EnumField(choices=why.State.choices)
    is_decisive = serializers.BooleanField(help_text="It said the first no, which decided; at most one gate did.")
    text = BothLanguagesSerializer()
    facts = serializers.DictField(help_text="The plain values that the text is made of.")

    def to_representation(self, gate: why.Gate) -> dict[str, Any]:
        return {**super().to_representation(gate), "facts": {name: _plain(value) for name, value in gate.facts.items()}}


class AttemptSerializer(WireModelSerializer):
    reason = TextOrNull(read_only=True)

    class Meta:
        model = JobExecution
        fields = ("id", "status", "reason", "trigger", "retry_attempt")
        read_only_fields = fields


class WhySerializer(CamelCase):
    job_id = serializers.UUIDField()
    job_name = serializers.CharField()
    at = Instant()
    local = serializers.CharField(help_text="The same instant on the clock of the zone that the job had then.")
    due_time = Instant(allow_null=True, help_text="Of the minute that was asked about; null when it holds none.")
    verdict = EnumField(choices=why.Verdict.choices)
    answer = BothLanguagesSerializer()
    gates = GateSerializer(many=True)
    executions = AttemptSerializer(many=True)


class WhyView(APIView):
    """Why a job ran, did not run or will not run at an instant: one sentence, and the gates in order.

    Also of a deleted job. What was changed since plays no part; for an instant to come, what holds at present decides.
    """

    @extend_schema(parameters=[WhyQuery], responses=WhySerializer)
    def get(self, request: Request, job_id: str) -> Response:
        at = WhyQuery.of(request).get("at") or database_now()
        explained = why.explain(_job(job_id), at)
        return Response(WhySerializer(_told(explained, at)).data)


def _job(job_id: str) -> ScheduledJob:
    """Deleted ones too. Raises ScheduledJob.DoesNotExist, also for what is no uuid."""
    try:
        return ScheduledJob.objects.get(pk=UUID(job_id))
    except ValueError:
        raise ScheduledJob.DoesNotExist from None


def _told(explained: why.Explanation, at: datetime) -> Mapping[str, Any]:
    facts = explained.facts
    return {
        "job_id": facts.job.id,
        "job_name": facts.job.name,
        "at": at,
        "local": at.astimezone(zone_of(str(facts.then.get("time_zone")))).isoformat(),
        "due_time": facts.due,
        "verdict": explained.verdict,
        "answer": explained.answer,
        "gates": explained.gates,
        "executions": [*facts.attempts, *facts.by_hand],
    }


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return Instant().to_representation(value)
    return str(value) if isinstance(value, UUID) else value


def _in(language: str, text: Text) -> str:
    with translation.override(language):
        return str(text)
