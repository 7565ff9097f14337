"""`manage.py restore_log_archive`: bring days of log rows back from cold storage into a table."""

from argparse import ArgumentTypeError
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from jobs import gateways
from jobs.archive_restore import ArchiveRestore, Figures
from jobs.base import JobError
from jobs.gateways import Gateways, destinations
from jobs.gateways.row_tables import RowTable
from jobs.gateways.sessions import session


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no day: use 2026-01-31.") from None


class Command(BaseCommand):
    help = (
        "Fetches the rows of log tables that CleanupOldLogsJob archived, compares their checksums, and inserts them"
        " into a table of the same columns. A row whose key is there already is left as it is, so that the same days"
        " may be restored again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--source", required=True, metavar="DATABASE.TABLE", help="As the job calls it: errorservice.Logs"
        )
        parser.add_argument(
            "--day", required=True, type=_day, metavar="DAY", help="In America/Santo_Domingo: 2026-01-31"
        )
        parser.add_argument("--until", type=_day, metavar="DAY", help="The last day, if there are several.")
        parser.add_argument("--into-table", required=True, metavar="TABLE", help="As it is spelled, or schema.table")
        parser.add_argument(
            "--database", required=True, metavar="DATABASE",
            help="Where that table is: the alias of a configured database, or postgresql://user@host:5432/database,"
            " with the password in PGPASSWORD or PGPASSFILE.",
        )  # fmt: skip
        parser.add_argument(
            "--create", action="store_true",
            help="Make the table, if it is not there, of the columns and key that the source has in its own database.",
        )  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        first, last = options["day"], options["until"] or options["day"]
        if last < first:
            raise CommandError(f"--until {last} is before --day {first}.")
        if options["source"].count(".") == 0:
            raise CommandError(f"--source {options['source']} is not of the form database.table.")
        try:
            figures = self._restore(gateways.current(), options, first, last)
        except (JobError, OSError) as fault:
            raise CommandError(str(fault)) from fault
        self._tell(figures)

    def _restore(self, worlds: Gateways, options: dict[str, Any], first: date, last: date) -> Figures:
        with session(_address(worlds, options["database"])) as connection:
            table = RowTable(connection, options["into_table"])
            if not table.columns:
                self._make(worlds, table, options)
            restore = ArchiveRestore(
                worlds.archive, options["source"], table, worlds.work_folder, say=self.stdout.write
            )
            return restore.restore(first, last)

    def _make(self, worlds: Gateways, table: RowTable, options: dict[str, Any]) -> None:
        if not options["create"]:
            raise CommandError(f"There is no table {table.name} in {options['database']}. Make it, or give --create.")
        database, _point, name = options["source"].partition(".")
        with session(worlds.databases.address(database)) as connection:
            columns = RowTable(connection, name).columns
        if not columns:
            raise CommandError(
                f"The database {database} has no table {name} to take the columns from: make it yourself."
            )
        table.make(columns)
        self.stdout.write(f"Made the table {table.name} with {len(columns)} columns")

    def _tell(self, figures: Figures) -> None:
        known = figures.rows - figures.inserted
        text = f"{figures.objects} objects, {figures.rows:,} rows: {figures.inserted:,} inserted, {known:,} were there."
        self.stdout.write(self.style.SUCCESS(text))
        if figures.left_out:
            raise CommandError(f"Left out, for they have no manifest: {', '.join(figures.left_out)}")


def _address(worlds: Gateways, database: str) -> dict[str, str]:
    if destinations.is_url(database):
        return destinations.of_url(database)
    return dict(worlds.databases.address(database))
