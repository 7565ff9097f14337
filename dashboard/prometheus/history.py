"""Families that only grow: what ended, how long it took, how late it was fired. They stand in the roll-ups."""

from collections.abc import Iterator, Mapping, Sequence
from uuid import UUID

from prometheus_client.metrics_core import CounterMetricFamily, HistogramMetricFamily, Metric, UnknownMetricFamily

from executions.rollups.counts import DURATION_BOUNDS, LATENESS_BOUNDS
from executions.rollups.totals import NOTHING, Totals, totals
from jobs.enums import ExecutionStatus
from jobs.models import ScheduledJob

DURATION = "scheduler_execution_duration_seconds"


class Written(Metric):
    """A family whose samples are text already: of ten thousand jobs that is made ten times as fast."""

    def __init__(self, name: str, documentation: str, kind: str, lines: Iterator[str]) -> None:
        super().__init__(name, documentation, kind)
        self.text = "".join(lines)


def families(*, per_job: bool) -> Iterator[Metric]:
    """`per_job`: the executions and their durations by the name of each live job, also of those that never ran."""
    found = totals(per_job=per_job)
    everything = found[None]
    jobs = _by_label(found) if per_job else {"": everything}
    yield Written(
        "scheduler_executions", "Executions that ended, each attempt counted, by how.", "counter", _executions(jobs)
    )
    yield Written(DURATION, "How long the executions took that a worker had.", "histogram", _durations(jobs))
    yield HistogramMetricFamily(
        "scheduler_firing_lateness_seconds",
        "From a due time to when it was fired, skipped or missed; known when its execution has ended.",
        buckets=_buckets(LATENESS_BOUNDS, everything.late_at_most, everything.fired),
        sum_value=everything.lateness_seconds,
    )
    yield CounterMetricFamily(
        "scheduler_failed_executions", "Executions that failed, each attempt counted, of all jobs there ever were.",
        everything.finished[ExecutionStatus.FAILED],
    )  # fmt: skip
    # The name was given; no type of its own ends in _count.
    yield UnknownMetricFamily(
        "scheduler_retry_count", "Attempts after the first that ran, of all jobs there ever were. It only grows.",
        everything.retries,
    )  # fmt: skip


def _by_label(found: Mapping[UUID | None, Totals]) -> dict[str, Totals]:
    """Of the live jobs, by what names them in the braces of a sample."""
    live = ScheduledJob.objects.live().order_by("name").values_list("id", "name")
    return {f'job_name="{_escaped(name)}"': found.get(job_id, NOTHING) for job_id, name in live}


def _executions(jobs: Mapping[str, Totals]) -> Iterator[str]:
    for label, job in jobs.items():
        comma = "," if label else ""
        for status, count in job.finished.items():
            yield f'scheduler_executions_total{{{label}{comma}status="{status}"}} {count}\n'


def _durations(jobs: Mapping[str, Totals]) -> Iterator[str]:
    for label, job in jobs.items():
        if job.ran:
            comma, braces = ("," if label else ""), (f"{{{label}}}" if label else "")
            for bound, count in _buckets(DURATION_BOUNDS, job.took_at_most, job.ran):
                yield f'{DURATION}_bucket{{{label}{comma}le="{bound}"}} {count}\n'
            yield f"{DURATION}_count{braces} {job.ran}\n{DURATION}_sum{braces} {job.duration_seconds}\n"


def _buckets(bounds: Sequence[float], at_most: Sequence[int], count: int) -> list[tuple[str, float]]:
    return [*zip(map(str, bounds), at_most, strict=True), ("+Inf", count)]


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
