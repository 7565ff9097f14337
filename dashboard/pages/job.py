"""One job: what it is and when, how it has gone, who changed it; and the doors to run, pause and change it."""

import uuid
from datetime import datetime, timedelta
from typing import Any

from django.http import Http404, HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from dashboard import history
from dashboard.charts.calendar import WORST, calendar
from dashboard.charts.durations import durations
from dashboard.jobs import line
from dashboard.pages.base import Page
from dashboard.pages.doors import VERBS, may
from dashboard.parameters import parameter_form
from executions import why
from executions.admin.job_execution import LONG_FIELDS
from executions.models import JobExecution
from jobs import cron, registry
from jobs.admin import revisions
from jobs.admin.display import people, zone_of
from jobs.admin.verbs import PAUSE
from jobs.models import ScheduledJob
from jobs.wire import EARLIEST, LATEST

NEXT_TIMES, RUNS, RUNS_LISTED, ALERTS = 5, 100, 20, 5
DAYS = 371  # 53 weeks
USUAL_MAX_DURATION = timedelta(seconds=1800)  # SPEC §2


class JobPage(Page):
    template = "dashboard/job.html"
    section = "jobs-page"

    def context(self, request: HttpRequest, **kwargs: Any) -> dict[str, Any]:
        job, now = _found(kwargs["job_id"]), self.moment.now
        zone = zone_of(job.time_zone)
        year = history.days_of_job(job.id, now, zone, number=DAYS)
        runs = list(JobExecution.objects.filter(job_id=job.id).select_related("job").defer(*LONG_FIELDS)[:RUNS])
        seconds = job.max_duration_seconds
        threshold = timedelta(seconds=seconds) if seconds else USUAL_MAX_DURATION
        verbs = [verb for verb in VERBS if job.deleted_at is None and verb.suits(job) and may(request, verb)]
        return {
            "job": job, "line": line(job, runs), "runs": runs[:RUNS_LISTED], "threshold": threshold,
            "durations": durations(runs, threshold=threshold),
            "calendar": calendar(year, today=now.astimezone(zone).date()),
            "calendar_words": WORST,
            "next_times": _next_times(job, now),
            "alerts": job.alerts.all()[:ALERTS],
            "revisions": revisions.lines(job),
            "verbs": [verb for verb in verbs if verb.form is None],
            "pause_form": PAUSE.form() if PAUSE in verbs and PAUSE.form else None,
            "run_form": _run_form(job) if any(verb.name == "run_now" for verb in verbs) else None,
            "asked_at": request.GET.get("at", ""),
            "why": _why(job, request.GET.get("at", "")),
            "creator": people([job.created_by_user_id])[job.created_by_user_id],
        }  # fmt: skip


def _found(job_id: uuid.UUID) -> ScheduledJob:
    """Also a deleted one: its history is still to be seen."""
    job = ScheduledJob.objects.with_figures().filter(pk=job_id).first()
    if job is None:
        raise Http404
    return job


def _next_times(job: ScheduledJob, now: datetime) -> list[Any]:
    if not job.is_on_schedule:
        return []
    try:
        return list(cron.preview(job.schedule, NEXT_TIMES, now))
    except cron.CronError:
        return []


def _run_form(job: ScheduledJob) -> Any:
    try:
        return parameter_form(job)
    except registry.UnknownJobType:
        return None


def _why(job: ScheduledJob, asked: str) -> why.Explanation | None:
    """About the instant that was asked for, on the clock of the job's zone where it names none. None: it is none."""
    try:
        at = parse_datetime(asked)
        if at is None:
            return None
        at = at if timezone.is_aware(at) else at.replace(tzinfo=zone_of(job.time_zone))
        return why.explain(job, at) if EARLIEST <= at <= LATEST else None
    except (ValueError, OverflowError):
        return None
