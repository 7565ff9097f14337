"""`manage.py check_mapping`: holds the mapping of other services' names against their databases, table by table."""

from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from jobs.gateways.databases import ServiceDatabases
from jobs.gateways.mappings import mapping_named
from jobs.gateways.mappings.inspection import Inspected, inspect


class Command(BaseCommand):
    help = (
        "Says for each table of SCHEDULER_TABLE_MAPPING whether it is there, has the columns that the mapping names,"
        " and may be read and changed by this role. Changes nothing."
    )
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            mapping = mapping_named(settings.SCHEDULER_TABLE_MAPPING)
        except ImproperlyConfigured as fault:
            raise CommandError(str(fault)) from fault
        faulty = 0
        for found in inspect(ServiceDatabases(settings.SCHEDULER_SERVICE_DATABASES), mapping):
            faulty += bool(found.faults)
            self._say(found)
        if faulty:
            raise CommandError(f"{faulty} tables are not as the mapping {mapping.name} says, or cannot be used.")
        self.stdout.write(self.style.SUCCESS(f"The mapping {mapping.name} fits."))

    def _say(self, found: Inspected) -> None:
        mark = self.style.ERROR("wrong") if found.faults else "ok   "
        kept = ", only archived" if found.table.archive_only else ""
        self.stdout.write(f"{mark}  {found.room:12}  {found.table.database}.{found.table.name}{kept}")
        for fault in found.faults:
            self.stdout.write(f"       {fault}")
