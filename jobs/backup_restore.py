"""A stored backup restored into a database that is empty, which no other one is put in danger by."""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from psycopg import sql

from jobs import work_folder
from jobs.backup_retention import Backup
from jobs.base import JobError
from jobs.gateways import Gateways, destinations, table_counts
from jobs.gateways.archive_contract import never
from jobs.gateways.backups import BackupError
from jobs.gateways.sessions import Session, session, unlimited
from jobs.stored_backups import StoredBackups

# Somewhere to be while a database is made: these are on most servers.
MAINTENANCE = ("postgres", "template1")
OBJECTS_TOLD = 3
OF_ROLES = re.compile(r"\brole\b|owner|permission")

Say = Callable[[str], None]


@dataclass(frozen=True)
class Restored:
    backup: Backup
    tables: int
    rows: int
    seconds: float


@dataclass(frozen=True)
class BackupRestore:
    """`target`: libpq's parameters. `home`: a database of its server where one may be while another one is made.

    `create`: make the database if it is not there. `into_what_is_there`: go on if it is not empty. `options`:
    pg_restore's.
    """

    gateways: Gateways
    target: Mapping[str, str]
    say: Say
    home: str = ""
    create: bool = False
    into_what_is_there: bool = False
    options: tuple[str, ...] = ()

    def restore(self, backup: Backup) -> Restored:
        """Raises JobError. What it made or filled by then stays: nothing is ever dropped."""
        began, where = time.monotonic(), destinations.spoken(self.target)
        self._prepare()
        with work_folder.temporary(self.gateways.work_folder, "restore") as folder:
            self.say(f"Fetching {backup.name}")
            dump = StoredBackups(self.gateways.backups).fetch(backup, folder)
            self.say(f"{dump.stat().st_size:,} bytes, and their SHA-256 is right. Restoring into {where}")
            self._fill(dump)
        with session(self.target) as connection, unlimited(connection):
            counts = table_counts.count(connection, check_cancelled=never)
        return Restored(backup, len(counts), sum(counts.values()), round(time.monotonic() - began, 1))

    def _prepare(self) -> None:
        """The target is there, and empty unless that was waived."""
        if self.create and self._make():
            return self.say(f"Made the database {destinations.spoken(self.target)}")
        try:
            with session(self.target) as connection:
                found = table_counts.objects(connection)
        except BackupError as fault:
            remedy = " Make it, or give --create." if "does not exist" in str(fault) else ""
            raise JobError(f"{fault}{remedy}", permanent=True) from fault
        if found and not self.into_what_is_there:
            told = ", ".join(found[:OBJECTS_TOLD]) + (", ..." if len(found) > OBJECTS_TOLD else "")
            raise JobError(
                f"{destinations.spoken(self.target)} is not empty: it holds {told} ({len(found)} in all). Nothing was"
                " restored. Choose an empty database, or give --not-empty to add to what is there.",
                permanent=True,
            )
        return None

    def _make(self) -> bool:
        """Whether it was not there."""
        name = self.target["dbname"]
        with self._elsewhere() as connection:
            if connection.execute("SELECT FROM pg_database WHERE datname = %s", [name]).fetchone() is not None:
                return False
            statement = sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'")
            connection.execute(statement.format(sql.Identifier(name)))
            return True

    @contextmanager
    def _elsewhere(self) -> Iterator[Session]:
        """In the first database of that server that lets us in, and is another one."""
        names = [name for name in (*MAINTENANCE, self.home) if name and name != self.target["dbname"]]
        with ExitStack() as opened:
            for name in names:
                try:
                    connection = opened.enter_context(session(destinations.beside(self.target, name)))
                    break
                except BackupError:
                    if name == names[-1]:
                        raise
            yield connection

    def _fill(self, dump: Path) -> None:
        try:
            self.gateways.postgres.restore(dump, self.target, options=self.options, check_cancelled=never)
        except BackupError as fault:
            where = destinations.spoken(self.target)
            remedy = " Make the roles that are missing, or give --no-owner." if OF_ROLES.search(str(fault)) else ""
            text = (
                f"{fault}{remedy} What got into {where} stays there, and is not whole: begin again with an empty one."
            )
            raise JobError(text, permanent=True) from fault
