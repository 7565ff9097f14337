"""What the audit judges, fetched from the stage's database."""

import csv
import json
import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from django.db.models import Func, IntegerField, Value

from executions.models import JobExecution
from jobs.clock import database_now
from jobs.models import ScheduledJob, ScheduleRevision
from tests.faults import witness
from tests.faults.audit import Facts
from tests.faults.delays import Course

LEDGER_COLUMNS = (
    "id", "job_id", "job_name", "scheduled_for", "retry_attempt", "trigger", "status", "reason", "queued_at",
    "available_at", "rung_at", "rings", "started_at", "completed_at", "cancel_requested_at", "worker_name", "worker_id",
    "process_id", "error_message",
)  # fmt: skip
# Those of `tests.sample_jobs.WitnessJob`.
LINES = Func("output", Value("INFO line [0-9]+\n"), function="regexp_count", output_field=IntegerField())
REVISION_COLUMNS = ("job_id", "version", "effective_from", "status", "definition")


def fetch(witness_file: Path, promised: Sequence[uuid.UUID]) -> Facts:
    revisions: dict[uuid.UUID, list[ScheduleRevision]] = defaultdict(list)
    for revision in ScheduleRevision.objects.order_by("version"):
        revisions[revision.job_id].append(revision)
    return Facts(
        at=database_now(),
        jobs=list(ScheduledJob.objects.with_figures()),
        revisions=revisions,
        rows=list(JobExecution.objects.defer("output", "stack_trace").order_by("id")),
        bodies=witness.read(witness_file),
        promised=promised,
        lines=dict(JobExecution.objects.annotate(lines=LINES).values_list("id", "lines")),
    )


def write_down(facts: Facts, course: Course, folder: Path) -> None:
    """Rows and revisions as CSV, and what happened on the stage as JSON, for who looks for the cause of a finding."""
    _write(folder / "ledger.csv", facts.rows, LEDGER_COLUMNS)
    changes = [revision for revisions in facts.revisions.values() for revision in revisions]
    _write(folder / "revisions.csv", changes, REVISION_COLUMNS)
    (folder / "course.json").write_text(json.dumps(asdict(course), indent=1))


def _write(path: Path, rows: Sequence[object], columns: Sequence[str]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows([getattr(row, name) for name in columns] for row in rows)
