"""Pure: whether a ledger at rest is right, judged from its rows, the jobs' revisions and what the bodies wrote down."""

import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise

from executions import ids
from executions.models import NEVER_RAN, JobExecution
from jobs import cron
from jobs.enums import ExecutionStatus, JobStatus, OverlapPolicy, Reason, Trigger
from jobs.models import ScheduledJob, ScheduleRevision
from tests.faults.witness import Bodies

ON_SCHEDULE = (JobStatus.ENABLED, JobStatus.PAUSED)
TRIED_AGAIN = (Reason.ERROR, Reason.TIMEOUT, Reason.WORKER_LOST, Reason.SHUTDOWN)
WAS_LOST = (Reason.WORKER_LOST, Reason.SHUTDOWN)
# A body's end and its row's are two moments; the next attempt may begin between them by no more than this.
_TICK = timedelta(microseconds=1)


class Kind(StrEnum):
    LOST = "lost"  # a planned due time, or a run that was promised, and no row
    UNPLANNED = "unplanned"  # a row for a due time that no revision planned
    TWICE = "twice"
    STUCK = "stuck"
    FIGURES = "figures"
    OUTPUT = "output"  # lines that the body said are not in it, or are in it twice
    NOT_RUN = "not run"  # the row says that it ran; no body did
    SIDE_BY_SIDE = "side by side"  # two runs of a job whose overlap policy forbids it


@dataclass(frozen=True)
class Finding:
    kind: Kind
    text: str


@dataclass(frozen=True)
class Facts:
    """`jobs` with their figures, deleted ones too; `revisions` by job, oldest first; `at`: the database's time."""

    at: datetime
    jobs: Sequence[ScheduledJob]
    revisions: Mapping[uuid.UUID, Sequence[ScheduleRevision]]
    rows: Sequence[JobExecution]
    bodies: Mapping[uuid.UUID, Bodies]
    promised: Sequence[uuid.UUID] = ()
    lines: Mapping[uuid.UUID, int] = field(default_factory=dict)  # that are in the output of a row
    attempts: Mapping[uuid.UUID, list[JobExecution]] = field(init=False)

    def __post_init__(self) -> None:
        """`attempts`: by the run's first, in order."""
        attempts: dict[uuid.UUID, list[JobExecution]] = defaultdict(list)
        for row in sorted(self.rows, key=lambda row: row.retry_attempt):
            attempts[row.first_attempt].append(row)
        object.__setattr__(self, "attempts", attempts)


def audit(facts: Facts) -> list[Finding]:
    checks = (
        due_times, promises, bodies_of_attempts, attempts_of_runs, runs_of_jobs, open_rows, next_attempts, figures,
        outputs,
    )  # fmt: skip
    return [finding for check in checks for finding in check(facts)]


# --- Each due time once ----------------------------------------------------------------------------------------------
def planned(revisions: Sequence[ScheduleRevision], until: datetime) -> Iterator[datetime]:
    """The due times that a job's revisions plan, up to `until`: each change settles what was due by the one before."""
    for this, following in pairwise([*revisions, None]):
        assert this is not None
        if this.status in ON_SCHEDULE:
            schedule = cron.parse(this.definition["cron_expression"], this.definition["time_zone"])
            yield from schedule.between(this.effective_from, following.effective_from if following else until)


def due_times(facts: Facts) -> Iterator[Finding]:
    written = Counter(
        (row.job_id, row.scheduled_for)
        for row in facts.rows
        if row.scheduled_for and not row.is_retry and row.trigger != Trigger.MANUAL
    )
    for job in facts.jobs:
        if job.next_execution_at and job.next_execution_at <= facts.at:
            yield Finding(Kind.STUCK, f"{job.name}: due since {job.next_execution_at} and not fired")
        until = job.next_execution_at - _TICK if job.next_execution_at else facts.at
        wanted = list(planned(facts.revisions[job.id], until))
        for due in wanted:
            if (count := written.pop((job.id, due), 0)) != 1:
                kind = Kind.TWICE if count else Kind.LOST
                yield Finding(kind, f"{job.name}: {count} rows for the due time {due}")
    for (job_id, due), count in written.items():
        yield Finding(Kind.UNPLANNED, f"job {job_id}: {count} rows for {due}, which no revision planned")


def promises(facts: Facts) -> Iterator[Finding]:
    there = {row.id for row in facts.rows}
    for run_id in facts.promised:
        if run_id not in there:
            yield Finding(Kind.LOST, f"{run_id} was promised to somebody, and there is no row")


# --- Each attempt's body once ----------------------------------------------------------------------------------------
def bodies_of_attempts(facts: Facts) -> Iterator[Finding]:
    rows = {row.id: row for row in facts.rows}
    for run_id, bodies in facts.bodies.items():
        if len(bodies.begins) > 1:
            yield Finding(Kind.TWICE, f"{run_id}: its body began {len(bodies.begins)} times")
        row = rows.get(run_id)
        if row is None or row.status in NEVER_RAN or row.started_at is None:
            yield Finding(Kind.TWICE, f"{run_id}: its body ran, and the ledger says {row.status if row else 'nothing'}")
    for row in facts.rows:
        bodies = facts.bodies.get(row.id, Bodies())
        if row.status == ExecutionStatus.COMPLETED and (len(bodies.begins), len(bodies.ends)) != (1, 1):
            text = f"{said(row)}: its body began {len(bodies.begins)} times and ended {len(bodies.ends)} times"
            yield Finding(Kind.NOT_RUN if not bodies.begins else Kind.TWICE, text)


def attempts_of_runs(facts: Facts) -> Iterator[Finding]:
    """No two attempts of a run side by side, and none after a success, unless the earlier one was lost."""
    for attempts in facts.attempts.values():
        for earlier, later in pairwise(attempts):
            if earlier.reason in WAS_LOST:
                continue
            if earlier.status == ExecutionStatus.COMPLETED and later.trigger != Trigger.MANUAL:
                yield Finding(Kind.TWICE, f"{said(later)} came after an attempt that was completed")
            ended = max(_instants(facts, earlier, "ends"), default=None)
            if ended and any(began < ended for began in _instants(facts, later, "begins")):
                yield Finding(Kind.TWICE, f"{said(later)} began while {said(earlier)} was going on")


def runs_of_jobs(facts: Facts) -> Iterator[Finding]:
    """No two bodies of a job at once, unless its policy is Allow or the one that was there was lost."""
    alone = {job.id for job in facts.jobs if job.overlap_policy != OverlapPolicy.ALLOW}
    bodies: dict[uuid.UUID, list[tuple[float, float, JobExecution]]] = defaultdict(list)
    for row in facts.rows:
        if row.job_id in alone:
            spans = zip(_instants(facts, row, "begins"), _instants(facts, row, "ends"), strict=False)
            bodies[row.job_id] += [(began, ended, row) for began, ended in spans]
    for spans_of_job in bodies.values():
        kept = sorted((span for span in spans_of_job if span[2].reason not in WAS_LOST), key=lambda span: span[0])
        for (_began, ended, earlier), (began, _ended, later) in pairwise(kept):
            if began < ended:
                yield Finding(
                    Kind.SIDE_BY_SIDE, f"{said(later)} began {ended - began:.1f} s before {said(earlier)} ended"
                )


def _instants(facts: Facts, row: JobExecution, which: str) -> list[float]:
    found: list[float] = getattr(facts.bodies.get(row.id, Bodies()), which)
    return found


# --- Nothing is left behind ------------------------------------------------------------------------------------------
def open_rows(facts: Facts) -> Iterator[Finding]:
    for row in facts.rows:
        if not row.is_finished:
            yield Finding(
                Kind.STUCK, f"{said(row)} is {row.status}, available {row.available_at}, rung {row.rings} times"
            )


def next_attempts(facts: Facts) -> Iterator[Finding]:
    jobs = {job.id: job for job in facts.jobs}
    for attempts in facts.attempts.values():
        for row in attempts:
            follows = any(other.retry_attempt == row.retry_attempt + 1 for other in attempts)
            if not follows and _must_be_tried_again(facts, row, jobs[row.job_id], attempts):
                yield Finding(Kind.STUCK, f"{said(row)} has attempts left, and no next one was made")


def _must_be_tried_again(facts: Facts, row: JobExecution, job: ScheduledJob, attempts: list[JobExecution]) -> bool:
    if row.status != ExecutionStatus.FAILED or row.reason not in TRIED_AGAIN or row.cancel_requested_at:
        return False
    then = [one for one in facts.revisions[job.id] if row.completed_at and one.effective_from <= row.completed_at]
    if not then or then[-1].status not in ON_SCHEDULE:
        return False
    if row.reason == Reason.SHUTDOWN:
        return True  # costs no retry
    was_asked_for = row.is_retry and row.trigger == Trigger.MANUAL
    for_nothing = sum(one.reason == Reason.SHUTDOWN for one in attempts if one.retry_attempt < row.retry_attempt)
    return not was_asked_for and row.retry_attempt - for_nothing < int(then[-1].definition["max_retries"])


# --- The figures -----------------------------------------------------------------------------------------------------
def figures(facts: Facts) -> Iterator[Finding]:
    ran: dict[uuid.UUID, list[str]] = defaultdict(list)
    for row in facts.rows:
        if row.started_at and row.is_finished:
            ran[row.job_id].append(row.status)
    for job in facts.jobs:
        statuses = ran[job.id]
        recount = len(statuses), *(statuses.count(one) for one in (ExecutionStatus.COMPLETED, ExecutionStatus.FAILED))
        counted = job.total_executions, job.successful_executions, job.failed_executions
        if counted != recount:
            yield Finding(Kind.FIGURES, f"{job.name}: its figures say {counted}, the ledger {recount}")


def outputs(facts: Facts) -> Iterator[Finding]:
    for row in facts.rows:
        if row.status == ExecutionStatus.COMPLETED and row.id in facts.lines:
            wanted, there = (row.result or {}).get("lines"), facts.lines[row.id]
            if wanted != there:
                yield Finding(Kind.OUTPUT, f"{said(row)}: its body said {wanted} lines, its output has {there}")


def said(row: JobExecution) -> str:
    when = row.scheduled_for or ids.instant(row.first_attempt)
    return f"{row.job_name} {when:%H:%M:%S} attempt {row.retry_attempt} ({row.id}, {row.status} {row.reason})"


def count(findings: Iterable[Finding]) -> dict[str, int]:
    counted = Counter(finding.kind for finding in findings)
    return {kind.value: counted[kind] for kind in Kind}
