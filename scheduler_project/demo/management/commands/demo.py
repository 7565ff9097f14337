"""`manage.py demo`: makes the demo's databases, brings them up to today, says what is in them, removes them."""

from typing import Any

import psycopg
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from jobs import business_days
from scheduler_project.demo import databases, population
from scheduler_project.demo.databases import MAPPING_VARIABLE, RECORDS, DemoDatabases, DemoError
from scheduler_project.demo.figures import figures
from scheduler_project.demo.guard import REFUSAL, refuse_in_production


class Command(BaseCommand):
    help = (
        "The databases of the demo, a small OKLA to run against. They stand beside the service's own on the server of"
        " DATABASE_URL and are named demo_authservice, demo_okla and so on. SCHEDULER_TABLE_MAPPING says which tables"
        " they have, those of original or of okla. Never in production."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        verbs.add_parser("reset", help="make everything anew; what was changed and received is gone")
        verbs.add_parser("ensure", help="make what is missing and add the rows of the days since")
        verbs.add_parser("status", help="say what waits for the jobs")
        verbs.add_parser("remove", help="drop the demo's databases")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            refuse_in_production()
        except ImproperlyConfigured:
            raise CommandError(REFUSAL) from None
        try:
            getattr(self, options["verb"])(databases.current())
        except (DemoError, ImproperlyConfigured) as fault:
            raise CommandError(str(fault)) from fault
        except psycopg.Error as fault:
            raise CommandError(f"The server of DATABASE_URL did not do it: {str(fault).strip()}") from fault

    def reset(self, demo: DemoDatabases) -> None:
        population.reset(demo, day=business_days.day_of(timezone.now()))
        self.status(demo)

    def ensure(self, demo: DemoDatabases) -> None:
        for done in population.ensure(demo, day=business_days.day_of(timezone.now())) or ["Nothing to add."]:
            self.stdout.write(done)

    def remove(self, demo: DemoDatabases) -> None:
        population.remove(demo)
        self.stdout.write("Removed.")

    def status(self, demo: DemoDatabases) -> None:
        with demo.alone() as server:
            made = {service: demo.schema_of(server, service) for service in (*demo.services, RECORDS)}
            others = [service for service in demo.services if made[service] not in (None, demo.schema)]
        if missing := [demo.name(service) for service, schema in made.items() if schema is None]:
            raise CommandError(f"Not there: {', '.join(missing)}. Make them with: python manage.py demo reset")
        if others:
            raise CommandError(
                f"Made for another mapping than {MAPPING_VARIABLE}={demo.schema}: {', '.join(map(demo.name, others))}."
                " Make them anew with: python manage.py demo ensure"
            )
        for figure in figures(demo, timezone.now()):
            self.stdout.write(f"{figure.count:6d}  {figure.title} ({figure.job})")
