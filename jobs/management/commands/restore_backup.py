"""`manage.py restore_backup`: bring a stored backup back into an empty database, or list what there is."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from jobs import gateways
from jobs.backup_restore import BackupRestore
from jobs.base import JobError
from jobs.gateways import Gateways, destinations
from jobs.gateways.tables import alias_of
from jobs.stored_backups import LATEST, StoredBackups

WITHOUT_ROLES = ("--no-owner", "--no-privileges")


class Command(BaseCommand):
    help = (
        "Fetches a backup that BackupDatabaseJob stored, compares its checksum, and restores it into an empty database."
        " Nothing is ever dropped. With --list it shows the backups instead."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--list", action="store_true", help="List the backups, of --database or of all.")
        parser.add_argument("--database", metavar="ALIAS", help="Whose backup: authservice, say.")
        parser.add_argument(
            "--backup", metavar="NAME", default=LATEST, help="As --list shows it; without it the latest."
        )
        parser.add_argument(
            "--into", metavar="DATABASE",
            help="The name of a database on the same server as ALIAS and reached in the same way, or"
            " postgresql://user@host:5432/database, with the password in PGPASSWORD or PGPASSFILE.",
        )  # fmt: skip
        parser.add_argument("--create", action="store_true", help="Make that database if it is not there.")
        parser.add_argument("--not-empty", action="store_true", help="Restore even if the database holds something.")
        parser.add_argument(
            "--no-owner", action="store_true", help="Leave out owners and rights: all is the role's own."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["list"]:
                self._list(options["database"])
            else:
                self._restore(options)
        except (JobError, OSError) as fault:
            raise CommandError(str(fault)) from fault

    def _list(self, database: str | None) -> None:
        found = StoredBackups(gateways.current().backups).listed([database] if database else [])
        for backup, size in found:
            state = "" if backup.is_good else "  unfinished"
            self.stdout.write(f"{backup.file_name}  {backup.taken_at:%Y-%m-%d %H:%M:%S} UTC  {size:>15,} bytes{state}")
        self.stdout.write(f"{len(found)} backups" + (f" of {database}" if database else ""))

    def _restore(self, options: dict[str, Any]) -> None:
        database, into = options["database"], options["into"]
        if not database or not into:
            raise CommandError("Say --database, whose backup it is, and --into, where it goes; or --list.")
        worlds = gateways.current()
        restore = BackupRestore(
            worlds,
            _target(worlds, database, into),
            say=self.stdout.write,
            home=worlds.databases.addresses.get(alias_of(database), {}).get("dbname", ""),
            create=options["create"],
            into_what_is_there=options["not_empty"],
            options=WITHOUT_ROLES if options["no_owner"] else (),
        )
        done = restore.restore(StoredBackups(worlds.backups).chosen(database, options["backup"]))
        text = f"Restored {done.backup.file_name}: {done.tables} tables, {done.rows:,} rows, {done.seconds} s."
        self.stdout.write(self.style.SUCCESS(text))
        self.stdout.write("Run ANALYZE there before it is used: a restored database is slow until then.")


def _target(worlds: Gateways, database: str, into: str) -> dict[str, str]:
    if destinations.is_url(into):
        return destinations.of_url(into)
    return destinations.beside(worlds.databases.address(database), into)
