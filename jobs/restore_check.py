"""The proof of a dump: it is restored into a scratch database, and every table has the rows that it had."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeVar

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from psycopg import sql
from pydantic import Field

from jobs.base import ChangingJobParameters, JobContext, JobError
from jobs.failpoints import failpoint
from jobs.gateways import scratch_databases, table_counts
from jobs.gateways.backups import FOR_A_TRIAL, BackupError, Unrestorable
from jobs.gateways.sessions import session, unlimited
from jobs.gateways.table_counts import Counts, Snapshot
from jobs.gateways.tables import alias_of

STATE = "restoreCheck"
# A little less than a week: the run of the seventh day must not come a minute too early.
WEEK = timedelta(days=6, hours=12)
TOLD_TABLES = 5
SIZE = sql.SQL("SELECT pg_database_size(current_database())")

OtherDatabase = Annotated[str, Field(pattern=r"^([A-Za-z0-9][A-Za-z0-9_-]*)?$", max_length=63)]


class When(StrEnum):
    OFF = "off"
    WEEKLY = "weekly"
    ALWAYS = "always"


class RestoreCheckParameters(ChangingJobParameters):
    restore_check: When = Field(
        When.WEEKLY,
        description=gettext_noop(
            "How often the new dump of one database is restored into a scratch database and its rows are"
            " counted there: off, weekly, or always, at each run."
        ),
    )
    restore_check_database: OtherDatabase = Field(
        "", description=gettext_noop("Of which database; empty: of the smallest one.")
    )
    restore_check_server: OtherDatabase = Field(
        "",
        description=gettext_noop(
            "Where: on the server of this database, whose role must be allowed to make databases (CREATEDB)."
            " Empty: on its own server."
        ),
    )


P = TypeVar("P", bound=RestoreCheckParameters)


class RestoreCheck:
    """Of one run: at most one of its databases is tried.

    What is compared is exact. Before the dump begins, a session counts the rows of every table in a snapshot, and
    pg_dump dumps from that same snapshot; so the restored tables must be these ones, with just these rows, whatever
    others write meanwhile. Restoring also parses every value, and builds and checks every index and constraint. Not
    compared: the values one by one (the dump carries checksums of its own, and was read to its end before), and owners,
    rights, comments, publications and subscriptions, which a trial leaves out.
    """

    def __init__(self, context: JobContext[P], databases: Sequence[str]) -> None:
        self._context = context
        self._snapshot: Snapshot | None = None
        self.warnings: list[str] = []
        if not context.dry_run:
            elsewhere = context.parameters.restore_check_server
            self._sweep([elsewhere] if elsewhere else databases)
        self.database = self._chosen(databases)

    @contextmanager
    def snapshot_of(self, database: str, address: Mapping[str, str]) -> Iterator[str]:
        """By its id for pg_dump, while it is held; empty for a database that is not tried, or cannot be."""
        with ExitStack() as held:
            if database == self.database:
                try:
                    snapshot = table_counts.snapshot(address, check_cancelled=self._context.check_cancelled)
                    self._snapshot = held.enter_context(snapshot)
                except BackupError as fault:
                    self._warn(fault)
            yield self._snapshot.id if self._snapshot and database == self.database else ""

    def prove(self, database: str, dump: Path) -> dict[str, Any] | None:
        """Figures of the proof; None if none was due, or could be made, which is no fault of the dump.

        Raises Unrestorable if the dump is none.
        """
        if database != self.database or self._snapshot is None:
            return None
        began = time.monotonic()
        try:
            restored = self._restored(dump, self._snapshot)
        except Unrestorable:
            raise
        except (JobError, OSError) as fault:
            self._warn(fault)
            return None
        return self._compared(restored, dump, round(time.monotonic() - began, 1))

    def figures(self) -> dict[str, Any] | None:
        """For the result of the run: the last proof, whenever that was."""
        last: dict[str, Any] | None = self._context.state.get(STATE)
        if self._context.dry_run and self.database:
            return {"wouldRestore": self.database, "last": last}
        return last

    # --- When and which ----------------------------------------------------------------------------------------------
    def _chosen(self, databases: Sequence[str]) -> str | None:
        wanted = self._context.parameters
        if wanted.restore_check is When.OFF or (wanted.restore_check is When.WEEKLY and self._is_proved()):
            return None
        if wanted.restore_check_database not in ("", *databases):
            self._note(
                _("restoreCheckDatabase %(database)s is none of the databases of this run: nothing is tried out.")
                % {"database": wanted.restore_check_database}
            )
            return None
        chosen = wanted.restore_check_database or self._smallest(databases)
        if self._context.dry_run and chosen:
            self._context.log(f"{chosen}: the dump would be restored into a scratch database, and its rows counted")
        return chosen

    def _is_proved(self) -> bool:
        """Within a week; a clock that was wrong then, and put the last proof into the future, does not end them."""
        last, named = self._context.state.get(STATE), self._context.parameters.restore_check_database
        if not last or (named and last["database"] != named):
            return False
        return abs(datetime.now(UTC) - datetime.fromisoformat(last["at"])) < WEEK

    def _smallest(self, databases: Sequence[str]) -> str | None:
        sizes: dict[str, int] = {}
        for name in databases:
            self._context.check_cancelled()
            try:
                with self._context.gateways.databases.open(name) as database:
                    sizes[name] = int(database.value(SIZE))
            except JobError as fault:  # told of again where it is backed up
                self._context.log(f"{name}: its size is not known: {fault}", level="WARNING")
        return min(sizes, key=sizes.__getitem__, default=None)

    def _sweep(self, databases: Iterable[str]) -> None:
        """Once a server, whatever is due: what a run that was killed left behind must not wait for the next trial."""
        addresses = [self._context.gateways.databases.addresses.get(alias_of(name)) for name in databases]
        servers = {(at.get("host"), at.get("port"), at.get("user")): at for at in addresses if at}
        for server in servers.values():
            with suppress(BackupError), session(server) as connection:  # one that is down is told of soon enough
                for name in scratch_databases.drop_left_behind(connection):
                    self._context.log(f"Dropped {name}, which a run that was killed had left", level="WARNING")

    # --- The trial ---------------------------------------------------------------------------------------------------
    def _restored(self, dump: Path, snapshot: Snapshot) -> Counts:
        context, gateways = self._context, self._context.gateways
        server = gateways.databases.address(context.parameters.restore_check_server or str(self.database))
        with scratch_databases.scratch_database(
            server, context.run_id, shape=snapshot.shape, warn=self._note
        ) as scratch:
            context.log(f"{self.database}: restoring the dump into {scratch['dbname']}")
            gateways.postgres.restore(dump, scratch, options=FOR_A_TRIAL, check_cancelled=context.check_cancelled)
            failpoint("backup.in_trial")
            with session(scratch) as connection, unlimited(connection):
                return table_counts.count(connection, check_cancelled=context.check_cancelled)

    def _compared(self, restored: Counts, dump: Path, seconds: float) -> dict[str, Any]:
        counted = self._snapshot.counts if self._snapshot else {}
        if differing := table_counts.difference(counted, restored):
            told = "; ".join(differing[:TOLD_TABLES]) + ("; ..." if len(differing) > TOLD_TABLES else "")
            raise Unrestorable(f"{dump.name} is not what was in the database: {told}", permanent=True)
        figures = {"tables": len(restored), "rows": sum(restored.values()), "seconds": seconds}
        about = {"at": datetime.now(UTC).isoformat(), "database": self.database, "backup": dump.name}
        self._context.state.set(STATE, {**about, **figures})
        text = f"{self.database}: proved: {figures['tables']} tables and {figures['rows']:,} rows are in the dump"
        self._context.log(f"{text}, restored and counted in {seconds} s")
        return figures

    # --- What did not go well ----------------------------------------------------------------------------------------
    def _warn(self, fault: Exception) -> None:
        text = _("%(database)s: the dump could not be tried out by restoring it, for no fault of its own: %(fault)s")
        self._note(text % {"database": self.database, "fault": fault})

    def _note(self, text: str) -> None:
        self._context.log(text, level="WARNING")
        self.warnings.append(text)
