"""One job: what it is and when, how it has gone, who changed it; and the doors to run, pause and change it."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.http import Http404, HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from dashboard import history
from dashboard.charts.calendar import WORST, calendar
from dashboard.charts.durations import durations
from dashboard.jobs import line
from dashboard.pages import verbs
from dashboard.pages.base import Page, can_administer
from dashboard.parameters import ParameterForm, parameter_form
from executions import why
from executions.admin.job_execution import LONG_FIELDS
from executions.alerts.round import LIMITS
from executions.models import JobExecution
from jobs import cron, registry
from jobs.admin import revisions
from jobs.admin.display import people, zone_of
from jobs.admin.verbs import PAUSE, Verb
from jobs.forms import PauseForm
from jobs.models import ScheduledJob
from jobs.wire import EARLIEST, LATEST

NEXT_TIMES, RUNS, RUNS_LISTED, ALERTS = 5, 100, 20, 5
DAYS = 371  # 53 weeks
# What an operator may change of a run's parameters (SPEC §9).
OPERATORS_PARAMETERS = ("dryRun",)


@dataclass(frozen=True)
class NextTime:
    """A due time to come. `is_skipped`: it falls into a pause of the job or the hold, as they are now."""

    scheduled_for: datetime
    remark: Any  # text; None: nothing special
    is_skipped: bool


class JobPage(Page):
    template = "dashboard/job.html"
    section = "jobs-page"

    def context(self, request: HttpRequest, **kwargs: Any) -> dict[str, Any]:
        job, now = _found(kwargs["job_id"]), self.moment.now
        zone = zone_of(job.time_zone)
        year = history.days_of_job(job.id, now, zone, number=DAYS)
        runs = list(JobExecution.objects.filter(job_id=job.id).select_related("job").defer(*LONG_FIELDS)[:RUNS])
        threshold = timedelta(seconds=job.max_duration_seconds or LIMITS["duration"])
        offered = [verb for verb in verbs.VERBS if _is_offered(request, job, verb)]
        next_times, asked_at = self._next_times(job), request.GET.get("at", "")
        explained = _why(job, asked_at)
        return {
            "job": job, "line": line(job, runs), "runs": runs[:RUNS_LISTED], "threshold": threshold,
            "durations": durations(runs, threshold=threshold),
            "calendar": calendar(year, today=now.astimezone(zone).date()),
            "calendar_words": WORST,
            "next_times": next_times,
            "next_is_skipped": any(each.is_skipped for each in next_times[:1]),
            "alerts": job.alerts.all()[:ALERTS],
            "revisions": revisions.lines(job),
            "verbs": [verb for verb in offered if verb.form is None],
            "pause_form": verbs.form_of(PauseForm, [job]) if PAUSE in offered else None,
            "run_form": run_form(request, job) if any(verb.name == "run_now" for verb in offered) else None,
            "asked_at": asked_at, "why": explained, "is_no_time": bool(asked_at) and explained is None,
            "creator": people([job.created_by_user_id])[job.created_by_user_id],
        }  # fmt: skip

    def _next_times(self, job: ScheduledJob) -> list[NextTime]:
        if not job.is_on_schedule:
            return []
        try:
            found = cron.preview(job.schedule, NEXT_TIMES, self.moment.now)
        except cron.CronError:  # stored by hand: the page's head says what is wrong
            return []
        return [NextTime(due.scheduled_for, due.remark, self._is_skipped(job, due.scheduled_for)) for due in found]

    def _is_skipped(self, job: ScheduledJob, at: datetime) -> bool:
        hold = self.moment.hold
        return job.was_paused_at(at) or (hold is not None and hold.covers(at))


def run_form(request: HttpRequest, job: ScheduledJob, data: Any = None) -> ParameterForm | None:
    """What may be asked of a run by whom. None: the job's type is not known (any more)."""
    try:
        return parameter_form(job, data, only=None if can_administer(request) else OPERATORS_PARAMETERS)
    except registry.UnknownJobType:
        return None


def _is_offered(request: HttpRequest, job: ScheduledJob, verb: Verb) -> bool:
    return job.deleted_at is None and verb.suits(job) and verbs.may(request, verb)


def _found(job_id: uuid.UUID) -> ScheduledJob:
    """Also a deleted one: its history is still to be seen."""
    job = ScheduledJob.objects.with_figures().filter(pk=job_id).first()
    if job is None:
        raise Http404
    return job


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
