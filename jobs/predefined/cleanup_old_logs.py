"""CleanupOldLogsJob: moves old log rows to cold storage, and deletes only what is archived and verified.

Rows of a table that the mapping calls `archive_only` are copied there, each day once, and stay.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop
from pydantic import Field
from pydantic.alias_generators import to_camel

from jobs import business_days, guardrails, row_files, work_folder
from jobs.archived_days import ArchivedDays, Move
from jobs.base import Job, JobContext, JobError
from jobs.failpoints import failpoint
from jobs.gateways.archive import AlreadyThere, sha256_of
from jobs.gateways.logs import FIRST_DAY, LogTable
from jobs.row_files import RowFile

# Of a table that is only archived, days so near the newest archived one are looked at again: a run may have left one.
LOOK_BACK = timedelta(days=31)


class CleanupOldLogsParameters(guardrails.LimitedJobParameters):
    days: int = Field(
        90,
        ge=1,
        le=36_500,
        description=gettext_noop(
            "Rows of days longer ago than this are archived and deleted; a table may keep its own for longer,"
            " or for ever."
        ),
    )
    batch_size: int = Field(5_000, ge=1, le=50_000, description=gettext_noop("How many rows one statement deletes."))
    storage_class: str = Field(
        "GLACIER",
        pattern=r"^[A-Z][A-Z0-9_]{0,39}$",
        description=gettext_noop(
            "Storage class of the archived rows where the archive has such: STANDARD, GLACIER, DEEP_ARCHIVE."
        ),
    )
    sources: list[Annotated[str, Field(min_length=1, max_length=130)]] = Field(
        [], max_length=100, description=gettext_noop("Only these tables, as database.table; empty: all that are known.")
    )


Context = JobContext[CleanupOldLogsParameters]


@dataclass
class Figures:
    """What was done with one source. A row without a day has no real time; it stays where it is.

    `first_kept`: the day from which on rows stayed. `days_held_back`: how many of them the job was told to move and
    the mapping keeps. `archive_only`: rows are copied and stay, and `archived_through` says up to which day they are.
    """

    source: str
    archive_only: bool = False
    archived_through: str = ""
    first_kept: str = ""
    days_held_back: int = 0
    rows_archived: int = 0
    rows_deleted: int = 0
    objects: int = 0
    bytes: int = 0
    days: int = 0
    rows_without_day: int = 0
    would_archive: dict[str, int] = field(default_factory=dict)  # by day


class CleanupOldLogsJob(Job[CleanupOldLogsParameters]):
    description = _("Archives old log rows in cold storage and deletes them.")
    parameters_model = CleanupOldLogsParameters

    def execute(self, context: Context) -> Mapping[str, Any]:
        """Every source is tried; then the run fails if any one of them did."""
        sources = _sources(context)
        if not context.dry_run:
            context.gateways.archive.check()
        first_kept = business_days.day_of(context.reference_time) - timedelta(days=context.parameters.days)
        context.log(f"Rows from before {first_kept}, 00:00 in {business_days.ZONE.key}: archive, verify, delete")
        if context.parameters.max_affected is not None:
            guardrails.stop_if_too_many(context, _count(context, sources, first_kept), "old log rows")
        done: list[Figures] = []
        failed: dict[str, Exception] = {}
        for source in sources:
            context.check_cancelled()
            done.append(Figures(source))
            try:
                with context.gateways.logs.open(source) as table:
                    _Cleanup(context, table, done[-1]).clean(first_kept)
            except (JobError, OSError) as fault:
                context.log(f"{source}: {fault}", level="ERROR")
                failed[source] = fault
        result = _result(context, done, failed)
        return guardrails.watch(context, result, guardrails.ROWS, archived_rows=result["rowsArchived"])


def _count(context: Context, sources: list[str], first_kept: date) -> int:
    """How many rows are to be deleted, of all sources; one that cannot be asked fails when its turn comes."""
    found = 0
    for source in sources:
        with suppress(JobError, OSError), context.gateways.logs.open(source) as table:
            found += _Cleanup(context, table, Figures(source)).count(first_kept)
    return found


def _sources(context: Context) -> list[str]:
    known = list(context.gateways.logs.sources)
    wanted = list(dict.fromkeys(context.parameters.sources)) or known
    unknown = [source for source in wanted if source not in known]
    if unknown:
        text = f"sources: {', '.join(unknown)} is not known; choose from {', '.join(known)}."
        raise JobError(text, permanent=True)
    return wanted


def _result(context: Context, done: list[Figures], failed: Mapping[str, Exception]) -> dict[str, Any]:
    result: dict[str, Any] = {
        to_camel(name): sum(getattr(figures, name) for figures in done)
        for name in ("rows_archived", "rows_deleted", "objects", "bytes", "days", "rows_without_day", "days_held_back")
    }
    if context.dry_run:
        result["wouldArchive"] = sum(sum(figures.would_archive.values()) for figures in done)
    result["sources"] = [
        {to_camel(name): value for name, value in asdict(figures).items() if value not in ({}, "")} for figures in done
    ]
    if failed:
        text = "; ".join(f"{source}: {fault}" for source, fault in failed.items())
        is_permanent = all(getattr(fault, "permanent", False) for fault in failed.values())
        raise JobError(text, permanent=is_permanent, result=result)
    return result


class _Cleanup:
    """One source, whole days at a time, oldest first. What is done is counted as it is done."""

    def __init__(self, context: Context, table: LogTable, figures: Figures) -> None:
        self.context, self.table, self.figures = context, table, figures
        self.archived = ArchivedDays(context.gateways.archive, table.table, table.name)
        figures.archive_only = table.table.archive_only

    def count(self, told: date) -> int:
        """How many rows are to be deleted; those that are only copied stay."""
        return 0 if self.figures.archive_only else sum(rows for _day, rows in self._days(told, self._first_kept(told)))

    def clean(self, told: date) -> None:
        """`told`: from which day on rows stay, as the job says; a table that keeps its rows longer has another."""
        first_kept = self._first_kept(told)
        self.figures.first_kept = first_kept.isoformat()
        busy = set() if self.context.dry_run else self._finish_what_was_begun()
        days = self._new_days(first_kept) if self.figures.archive_only else self._days(told, first_kept)
        total = sum(rows for _day, rows in days)
        self.context.log(f"{self.table.name}: {total} rows of {len(days)} days")
        self._note_rows_without_day()
        goes = "" if self.figures.archive_only else " and deleted"
        for day, rows in days:
            self.context.check_cancelled()
            if self.context.dry_run:
                self.figures.would_archive[day.isoformat()] = rows
                self.context.log(f"{self.table.name}, {day}: {rows} rows would be archived{goes}")
            elif day not in busy:
                self._move(day)
            self.context.progress(min(self.figures.rows_archived, total), total, f"{self.table.name} {day}")

    def _first_kept(self, told: date) -> date:
        """How long a table keeps its rows is the law's or its owner's word, and no parameter's."""
        kept = timedelta(days=self.table.table.kept_days)
        return min(told, business_days.day_of(self.context.reference_time) - kept)

    def _new_days(self, first_kept: date) -> list[tuple[date, int]]:
        """Of a table that is only archived: those that cold storage, which remembers how far it got, has not."""
        known = self.archived.days()
        if known:
            self.figures.archived_through = max(known).isoformat()
            text = f"{self.table.name}: archived through {max(known)}; rows of this table are copied and stay"
            self.context.log(text)
        since = max(known) - LOOK_BACK if known else FIRST_DAY
        days = self.table.days(business_days.begin_of(first_kept), since=since)
        return [(day, rows) for day, rows in days if day not in known]

    def _days(self, told: date, first_kept: date) -> list[tuple[date, int]]:
        """Those that may go."""
        days = self.table.days(business_days.begin_of(told))
        held_back = [(day, rows) for day, rows in days if day >= first_kept]
        self.figures.days_held_back = len(held_back)
        if held_back:
            rows = sum(rows for _day, rows in held_back)
            self.context.log(
                f"{self.table.name}: {rows} rows of {len(held_back)} days are held back: this table keeps its rows for"
                f" {self.table.table.kept_days} days, whatever the job is told; only those from before {first_kept} go"
            )
        return days[: len(days) - len(held_back)]

    def _note_rows_without_day(self) -> None:
        self.figures.rows_without_day = self.table.count_without_day()
        if self.figures.rows_without_day:
            text = f"{self.table.name}: {self.figures.rows_without_day} rows without a real time are left alone"
            self.context.log(text, level="WARNING")

    # --- A day that an earlier run has left on the move --------------------------------------------------------------
    def _finish_what_was_begun(self) -> set[date]:
        """The days that are not done all the same: nothing else of them may move yet."""
        busy: set[date] = set()
        for day in self.archived.unfinished():
            self.context.check_cancelled()
            # One that has to stay by now waits with its index until it is old enough.
            if day.isoformat() < self.figures.first_kept and not self._finish(day):
                busy.add(day)
        return busy

    def _finish(self, day: date) -> bool:
        with work_folder.temporary(self.context.gateways.work_folder, "logs") as folder:
            move = self.archived.take_up(day, folder)
            if not move:
                return True
            self.context.log(f"{self.table.name}, {day}: taking up {move.object} where a run has ended")
            # Asked again at last: another run may have stored it, and begun to delete, in between.
            if self.archived.has(move) or self._store_again(move, folder) or self.archived.has(move):
                return self._let_go(move, move.object)
            text = f"{self.table.name}, {day}: rows have changed since they were read for {move.object}; read again"
            self.context.log(text, level="WARNING")
            self.archived.end(move)
            return True

    def _store_again(self, move: Move, folder: Path) -> bool:
        """No row has gone yet, so the object can be made once more; False if one has changed or gone meanwhile."""
        with self.table.export(move.day) as rows:
            file = row_files.write(
                folder / "again", move.index.among(rows), check_cancelled=self.context.check_cancelled
            )
        if sha256_of(file.path) != move.sha256:
            return False
        try:
            self._store(move, file)
        except AlreadyThere:
            return False
        return True

    # --- A day from its beginning ------------------------------------------------------------------------------------
    def _move(self, day: date) -> None:
        """One day: to a file, to cold storage, out of the table. Each step begins when the one before is certain."""
        with work_folder.temporary(self.context.gateways.work_folder, "logs") as folder:
            # Before the rows are read: what another run stores under that name later on are rows of ours.
            name = self.archived.free_name(day)
            file = self._read(day, folder)
            if not file.rows:
                return  # somebody else was quicker
            try:
                move = self.archived.begin(day, name, file)
            except AlreadyThere:
                self._leave(day)
                return
            # Whoever holds the index is alone with the day, and may find that another run was just there.
            if self.figures.archive_only and self.archived.has_rows_of(day):
                self.archived.end(move)
                return
            try:
                location = self._store(move, file)
            except AlreadyThere:
                self.archived.end(move)
                self._leave(day)
                return
            self._let_go(move, location)

    def _read(self, day: date, folder: Path) -> RowFile:
        stop = self.context.check_cancelled
        with self.table.export(day) as rows:
            file = row_files.write(folder / "rows", rows, check_cancelled=stop)
        file.verify(check_cancelled=stop)
        return file

    def _leave(self, day: date) -> None:
        text = f"{self.table.name}, {day}: another run is at work on this day; what it leaves is the next run's"
        self.context.log(text, level="WARNING")

    def _store(self, move: Move, file: RowFile) -> str:
        """Where it is, for people."""
        stored = self.archived.store(
            move,
            file,
            storage_class=self.context.parameters.storage_class,
            check_cancelled=self.context.check_cancelled,
        )
        self.figures.days += 1
        self.figures.rows_archived += file.rows
        self.figures.objects += 1
        self.figures.bytes += stored.size
        return stored.location

    # --- Delete ------------------------------------------------------------------------------------------------------
    def _let_go(self, move: Move, location: str) -> bool:
        """What is stored goes from the table, or the table is only archived. False if it is not done: see `_delete`."""
        if not self.figures.archive_only:
            return self._delete(move, location)
        self.archived.end(move)
        self.figures.archived_through = max(self.figures.archived_through, move.day.isoformat())
        self.context.log(f"{self.table.name}, {move.day}: archived as {location}; its rows stay")
        return True

    def _delete(self, move: Move, location: str) -> bool:
        """What is stored and still the same. False if rows of it are in use: the index stays, they go next time."""
        rows = deleted = in_use = 0
        for batch in move.index.batches(self.context.parameters.batch_size):
            self.context.check_cancelled()
            gone = self.table.delete(move.day, batch)
            failpoint("archive.after_delete_batch")
            rows, deleted = rows + len(batch), deleted + gone
            self.figures.rows_deleted += gone
            if gone < len(batch):
                in_use += self.table.count_same(move.day, batch)
        text = f"{self.table.name}, {move.day}: {rows} rows archived as {location}, {deleted} deleted"
        if deleted < rows:
            text += f"; {rows - deleted} had changed, were in use or gone"
        self.context.log(text)
        if not in_use:
            self.archived.end(move)
        return not in_use
