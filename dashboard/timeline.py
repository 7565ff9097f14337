"""The runs of a window of time, past and to come, as spans."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise

from dashboard.charts.lanes import Span
from executions.models import JobExecution
from jobs import cron
from jobs.enums import ExecutionStatus
from jobs.models import ScheduledJob

MOST_PAST, MOST_JOBS, MOST_OF_ONE_JOB = 600, 100, 60
MOST_LANES, MOST_SPANS = 50, 800  # more than that nobody can read
UNKNOWN_LENGTH = timedelta(seconds=1)
FREQUENT = timedelta(minutes=59)  # what comes more often than hourly shares its minute with everything


def past(begin: datetime, end: datetime, *, by_worker: bool) -> list[Span]:
    """Runs that were going on between the two; of very many the longest."""
    fields = ("id", "job_name", "worker_name", "status", "started_at", "completed_at")
    ran = JobExecution.objects.filter(started_at__lt=end).only(*fields)
    ended = ran.filter(completed_at__gte=begin, duration__isnull=False).order_by("-duration")[:MOST_PAST]
    running = ran.filter(status=ExecutionStatus.RUNNING)[:MOST_PAST]
    return [
        Span(run.worker_name if by_worker else run.job_name, run.started_at, run.completed_at or end, run.status, run)
        for run in [*ended, *running]
        if run.started_at
    ]


def coming(begin: datetime, end: datetime) -> list[Span]:
    """Due times to come, with the job's average as the expected length."""
    jobs = ScheduledJob.objects.live().with_figures().filter(next_execution_at__lt=end).order_by("next_execution_at")
    return [span for job in jobs[:MOST_JOBS] for span in _of(job, begin, end)]


def busiest(spans: list[Span]) -> tuple[list[Span], int]:
    """Of very many lanes those with the most time taken, of their spans the longest; and how many lanes there are."""
    taken: dict[str, timedelta] = {}
    for span in spans:
        taken[span.lane] = taken.get(span.lane, timedelta()) + (span.end - span.begin)
    kept = set(sorted(taken, key=lambda lane: taken[lane], reverse=True)[:MOST_LANES])
    shown = sorted((span for span in spans if span.lane in kept), key=lambda span: span.begin - span.end)[:MOST_SPANS]
    return sorted(shown, key=lambda span: (span.begin, span.lane)), len(taken)


def _of(job: ScheduledJob, begin: datetime, end: datetime) -> Iterator[Span]:
    length = job.average_duration or UNKNOWN_LENGTH
    for _number, due in zip(range(MOST_OF_ONE_JOB), _due_times(job, begin, end), strict=False):
        yield Span(job.name, due, due + length, "Coming", job)


def _due_times(job: ScheduledJob, begin: datetime, end: datetime) -> Iterator[datetime]:
    try:
        yield from job.schedule.between(begin, end)
    except cron.CronError:  # stored by hand: the job's page says what is wrong
        return


def rare(spans: list[Span]) -> list[Span]:
    """Those of jobs that come less often than hourly."""
    by_lane: dict[str, list[datetime]] = {}
    for span in spans:
        by_lane.setdefault(span.lane, []).append(span.begin)
    gaps = {
        lane: min((later - one for one, later in pairwise(times)), default=timedelta.max)
        for lane, times in by_lane.items()
    }
    return [span for span in spans if gaps[span.lane] > FREQUENT]
