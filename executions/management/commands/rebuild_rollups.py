"""`manage.py rebuild_rollups`: counts the ledger anew, should the roll-ups ever be doubted."""

from typing import Any

from django.core.management.base import BaseCommand

from executions.rollups import rebuilding, totals


class Command(BaseCommand):
    help = (
        "Counts every execution that the ledger holds anew. Pages and metrics show the old numbers until it is done; it"
        " may run beside a working system. Counters of the metrics then begin with what the ledger holds, which"
        " Prometheus takes for a restart; hours from before the ledger's first month are kept."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        rebuilding.rebuild()
        found = totals.totals(per_job=False)[None].finished
        self.stdout.write("Counted: " + ", ".join(f"{count} {status}" for status, count in found.items()) + ".")
