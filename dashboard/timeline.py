"""The runs of a window of time, past and to come, as spans."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from dashboard.charts.lanes import COMING, Span
from dashboard.metrics import Hold
from dashboard.planned import PlannedJob, due_times, often, will_run
from executions.models import JobExecution
from jobs.enums import ExecutionStatus

MOST_PAST, MOST_OF_ONE_JOB = 600, 24
MOST_LANES, MOST_SPANS = 50, 300  # more than that nobody can read
SHOWN_FIELDS = ("id", "job_name", "worker_name", "status", "started_at", "completed_at")


def past(begin: datetime, end: datetime, *, by_worker: bool) -> list[Span]:
    """Runs that were going on between the two; of very many the longest."""
    ran = JobExecution.objects.filter(started_at__lt=end).only(*SHOWN_FIELDS)
    ended = ran.filter(completed_at__gte=begin, duration__isnull=False).order_by("-duration")[:MOST_PAST]
    running = ran.filter(status=ExecutionStatus.RUNNING)[:MOST_PAST]
    return [
        Span(run.worker_name if by_worker else run.job_name, run.started_at, run.completed_at or end, run.status, run)
        for run in [*ended, *running]
        if run.started_at
    ]


def coming(jobs: Iterable[PlannedJob], begin: datetime, end: datetime, hold: Hold | None) -> list[Span]:
    """Due times that will run as things stand, with the job's average as the expected length."""
    return [span for job in jobs for span in _of(job, begin, end, hold)]


def busiest(spans: list[Span]) -> tuple[list[Span], int]:
    """Of very many lanes those with the most time taken, of their spans the longest; and how many lanes there are."""
    taken: dict[str, timedelta] = {}
    for span in spans:
        taken[span.lane] = taken.get(span.lane, timedelta()) + _taken(span)
    kept = set(sorted(taken, key=lambda lane: taken[lane], reverse=True)[:MOST_LANES])
    longest = sorted((span for span in spans if span.lane in kept), key=_taken, reverse=True)
    return sorted(longest[:MOST_SPANS], key=lambda span: (span.begin, span.lane)), len(taken)


def _taken(span: Span) -> timedelta:
    return span.end - span.begin if span.times == 1 else span.what.length * span.times


def _of(job: PlannedJob, begin: datetime, end: datetime, hold: Hold | None) -> Iterator[Span]:
    """Each due time, or one band where there are too many to tell apart."""
    times = due_times(job, begin, end)
    if times is None or len(times) > MOST_OF_ONE_JOB:
        if band := _band(job, begin, end, hold):
            yield band
        return
    for due in will_run(job, times, hold):
        yield Span(job.name, due, due + job.length, COMING, job)


def _band(job: PlannedJob, begin: datetime, end: datetime, hold: Hold | None) -> Span | None:
    """From where it runs again: the instant at which a pause or a hold ends is in neither."""
    ends = [hold.until or end] if hold and hold.covers(begin) else []
    ends += [job.paused_until or end] if job.is_paused_at(begin) else []
    after = max(ends) - timedelta.resolution if ends else begin
    found = often(job, after, end) if after < end else None
    return Span(job.name, found[0], found[1] + job.length, COMING, job, times=found[2]) if found else None
