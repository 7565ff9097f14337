"""`manage.py check_ledger`: whether every planned due time has its row in the ledger, and every row was planned."""

import json
from argparse import ArgumentTypeError
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rest_framework.exceptions import ValidationError

from executions import accounting, comparison
from executions.comparison import Comparison
from jobs.clock import database_now
from jobs.models import ScheduledJob
from jobs.wire import Instant


def _instant(text: str) -> datetime:
    try:
        return Instant().run_validation(text)  # type: ignore[no-any-return]
    except ValidationError as fault:
        raise ArgumentTypeError(" ".join(map(str, fault.detail))) from None


class Command(BaseCommand):
    help = (
        "Compares the due times that the jobs' revisions planned with the rows of the ledger, and exits with 1 when"
        " they differ. Without options it looks at everything that the ledger holds, and keeps the answer as the last"
        " check, which the dashboard shows."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--from", type=_instant, dest="after", metavar="ISO", help="Due times after this instant.")
        parser.add_argument("--until", type=_instant, metavar="ISO", help="Up to this one.")
        parser.add_argument("--job", metavar="KEY_OR_ID", help="This job alone, also a deleted one.")
        parser.add_argument("--json", action="store_true", help="Tell it as one JSON object.")

    def handle(self, *args: Any, **options: Any) -> None:
        after, until, job = options["after"], options["until"], options["job"]
        found = comparison.compare(
            after or comparison.ledger_begins(), until or database_now(), only=_jobs(job) if job else None
        )
        if not (after or until or job):
            accounting.keep(found)
        self.stdout.write(json.dumps(_told(found), indent=2) if options["json"] else "\n".join(_lines(found)))
        if not found.is_clean:
            raise CommandError("The ledger is not complete.")


def _jobs(key_or_id: str) -> Sequence[UUID]:
    """Several had that key when they were deleted one after another."""
    try:
        jobs = ScheduledJob.objects.filter(id=UUID(key_or_id))
    except ValueError:
        jobs = ScheduledJob.objects.filter(key=key_or_id)
    found = list(jobs.values_list("id", flat=True))
    if not found:
        raise CommandError(f"No job has the key or id {key_or_id}.")
    return found


def _told(found: Comparison) -> dict[str, Any]:
    return {
        "from": f"{found.after:%Y-%m-%dT%H:%M:%SZ}",
        "until": f"{found.until:%Y-%m-%dT%H:%M:%SZ}",
        "jobs": len(found.jobs),
        "planned": found.planned,
        "rows": found.rows,
        "pending": found.pending,
        "unaccounted": found.unaccounted,
        "unplanned": found.unplanned,
        "examples": [each.told() for each in found.examples],
        "unreadable": found.unreadable,
    }


def _lines(found: Comparison) -> list[str]:
    told = _told(found)
    return [
        f"{told['from']} to {told['until']}, {told['jobs']} jobs:",
        f"{found.planned} planned due times, {found.rows} rows, {found.pending} pending",
        f"{found.unaccounted} unaccounted, {found.unplanned} unplanned",
        *(f"  {each['kind']:<11} {each['dueTime']} {each['jobKey']} {each['jobId']}" for each in told["examples"]),
        *(f"  left out: {key}, whose schedule cannot be read: {why}" for key, why in found.unreadable.items()),
    ]
