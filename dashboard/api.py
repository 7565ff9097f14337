"""GET /dashboard: the original's six numbers, and the further ones."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from dashboard import metrics
from jobs.enums import ExecutionStatus, JobStatus
from jobs.wire import CamelCase, Instant, TimeSpan


class NextExecutionSerializer(CamelCase):
    job_name = serializers.CharField()
    scheduled_at = Instant()


class LedgerSerializer(CamelCase):
    unaccounted = serializers.IntegerField(help_text="Planned due times that no row of the ledger tells of.")
    unplanned = serializers.IntegerField(help_text="Rows of the schedule that no revision of a job planned.")
    checked_until = Instant()
    checked_at = Instant(source="finished_at")


class DashboardSerializer(serializers.Serializer[Any]):
    totalJobs = serializers.IntegerField(help_text="Live jobs.")
    enabledJobs = serializers.IntegerField(help_text="Those whose status is Enabled.")
    runningJobs = serializers.IntegerField(help_text="Executions that are Running.")
    nextExecution = NextExecutionSerializer(allow_null=True)
    recentFailures = serializers.IntegerField(help_text="Runs that finally failed in the last 24 h.")
    avgExecutionTime = TimeSpan(help_text="Over the last 24 h, in whole seconds.")
    queuedJobs = serializers.IntegerField(help_text="Executions that are Queued.")
    succeededLast24h = serializers.IntegerField()
    failedLast24h = serializers.IntegerField(help_text="Attempts that failed, also those that were made again.")
    skippedLast24h = serializers.IntegerField()
    missedLast24h = serializers.IntegerField()
    workers = serializers.IntegerField(help_text="Workers heard of in the last 45 seconds.")
    alerts = serializers.IntegerField(help_text="Open alerts.")
    ledger = LedgerSerializer(allow_null=True, help_text="What the last check of the ledger found.")


class DashboardView(APIView):
    @extend_schema(responses=DashboardSerializer)
    def get(self, request: Request) -> Response:
        return Response(DashboardSerializer(numbers()).data)


def numbers() -> dict[str, Any]:
    moment = metrics.moment()
    jobs, running = metrics.jobs_by_status(), metrics.open_executions_by_status()
    finished, average = metrics.last_day(moment.now)
    return {
        "totalJobs": sum(jobs.values()),
        "enabledJobs": jobs[JobStatus.ENABLED],
        "runningJobs": running[ExecutionStatus.RUNNING],
        "nextExecution": moment.next_execution,
        "recentFailures": metrics.recent_failures(moment.now),
        "avgExecutionTime": average,
        "queuedJobs": running[ExecutionStatus.QUEUED],
        "succeededLast24h": finished[ExecutionStatus.COMPLETED],
        "failedLast24h": finished[ExecutionStatus.FAILED],
        "skippedLast24h": finished[ExecutionStatus.SKIPPED],
        "missedLast24h": finished[ExecutionStatus.MISSED],
        "workers": metrics.workers_alive(moment.now),
        "alerts": moment.open_alerts,
        "ledger": moment.ledger,
    }
