"""CleanupOldLogsJob: moves old log rows to cold storage, and deletes only what is archived and verified."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Annotated, Any

from django.utils.translation import gettext_lazy as _
from pydantic import Field
from pydantic.alias_generators import to_camel

from jobs import business_days, row_files, work_folder
from jobs.base import ChangingJobParameters, Job, JobContext, JobError
from jobs.gateways.archive import AlreadyThere, ArchiveError, Stored
from jobs.gateways.logs import LogTable
from jobs.row_files import RowFile

ROWS, MANIFEST = ".jsonl.gz", ".manifest.json"
MANIFEST_MAX_BYTES = 64 * 1024


class CleanupOldLogsParameters(ChangingJobParameters):
    days: int = Field(90, ge=1, le=36_500, description="Rows of days longer ago than this are archived and deleted.")
    batch_size: int = Field(5_000, ge=1, le=50_000, description="How many rows one statement deletes.")
    storage_class: str = Field(
        "GLACIER",
        pattern=r"^[A-Z][A-Z0-9_]{0,39}$",
        description="Storage class of the archived rows where the archive has such: STANDARD, GLACIER, DEEP_ARCHIVE.",
    )
    sources: list[Annotated[str, Field(min_length=1, max_length=130)]] = Field(
        [], max_length=100, description="Only these tables, as database.table; empty: all that are known."
    )


Context = JobContext[CleanupOldLogsParameters]


@dataclass
class Figures:
    """What was done with one source. A row without a day has no real time; it stays where it is."""

    source: str
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
        return _result(context, done, failed)


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
        for name in ("rows_archived", "rows_deleted", "objects", "bytes", "days", "rows_without_day")
    }
    if context.dry_run:
        result["wouldArchive"] = sum(sum(figures.would_archive.values()) for figures in done)
    result["sources"] = [
        {to_camel(name): value for name, value in asdict(figures).items() if value != {}} for figures in done
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

    def clean(self, first_kept: date) -> None:
        days = self.table.days(business_days.begin_of(first_kept))
        total = sum(rows for _day, rows in days)
        self.context.log(f"{self.table.name}: {total} rows of {len(days)} days")
        self._note_rows_without_day()
        for day, rows in days:
            self.context.check_cancelled()
            if self.context.dry_run:
                self.figures.would_archive[day.isoformat()] = rows
                self.context.log(f"{self.table.name}, {day}: {rows} rows would be archived and deleted")
            else:
                self._move(day)
            self.context.progress(min(self.figures.rows_archived, total), total, f"{self.table.name} {day}")

    def _note_rows_without_day(self) -> None:
        self.figures.rows_without_day = self.table.count_without_day()
        if self.figures.rows_without_day:
            text = f"{self.table.name}: {self.figures.rows_without_day} rows without a real time are left alone"
            self.context.log(text, level="WARNING")

    def _move(self, day: date) -> None:
        """One day: to a file, to cold storage, out of the table. Each step begins when the one before is certain."""
        stop = self.context.check_cancelled
        with work_folder.temporary(self.context.gateways.work_folder, "logs") as folder:
            with self.table.export(day) as rows:
                file = row_files.write(folder / f"{day}{ROWS}", rows, check_cancelled=stop)
            if not file.rows:
                return  # somebody else was quicker
            file.verify(check_cancelled=stop)
            stored = self._archive(day, file)
            self.figures.days += 1
            self.figures.rows_archived += file.rows
            self._delete(day, file, stored)

    # --- Archive -----------------------------------------------------------------------------------------------------
    def _archive(self, day: date, file: RowFile) -> Stored:
        """Under the day's name, or as its next part where other rows of that day have been archived before."""
        archive, kind = self.context.gateways.archive, self.context.parameters.storage_class
        for name in self._names(day):
            try:
                stored = archive.put(
                    name + ROWS, file.path, storage_class=kind, check_cancelled=self.context.check_cancelled
                )
            except AlreadyThere:
                continue
            self._describe(name + MANIFEST, day, file, stored)
            self.figures.objects += 1
            self.figures.bytes += stored.size
            return stored
        raise AssertionError("unreachable")

    def _names(self, day: date) -> Iterator[str]:
        table = self.table.table
        name = f"logs/{table.database}/{table.name}/{day:%Y}/{day:%m}/{day}"
        yield name
        yield from (f"{name}.part-{number}" for number in count(2))

    def _describe(self, name: str, day: date, file: RowFile, stored: Stored) -> None:
        """The manifest: what is in the object, readable without having it restored."""
        manifest = {
            "source": self.table.name, "day": day.isoformat(), "timeZone": business_days.ZONE.key,
            "object": stored.name, "rows": file.rows, "bytes": stored.size, "sha256": stored.sha256,
            "firstId": file.first_id, "lastId": file.last_id, "created": datetime.now(UTC).isoformat(),
        }  # fmt: skip
        path = file.path.with_name("manifest.json")
        path.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
        try:
            self.context.gateways.archive.put(name, path)
        except AlreadyThere:  # a run that was cut off got so far, at another time
            self._compare(name, manifest)

    def _compare(self, name: str, manifest: Mapping[str, Any]) -> None:
        with self.context.gateways.archive.open(name) as stream:
            kept = stream.read(MANIFEST_MAX_BYTES)
        try:
            known = json.loads(kept)
            is_the_same = {**manifest, "created": known["created"]} == known
        except (ValueError, TypeError, KeyError):
            is_the_same = False
        if not is_the_same:
            raise ArchiveError(f"The manifest {name} describes something else than its object.", permanent=True)

    # --- Delete ------------------------------------------------------------------------------------------------------
    def _delete(self, day: date, file: RowFile, stored: Stored) -> None:
        deleted = 0
        for batch in file.batches(self.context.parameters.batch_size):
            self.context.check_cancelled()
            gone = self.table.delete(day, batch)
            deleted += gone
            self.figures.rows_deleted += gone
        text = f"{self.table.name}, {day}: {file.rows} rows archived as {stored.location}, {deleted} deleted"
        if deleted < file.rows:
            text += f"; {file.rows - deleted} had changed, were in use or gone"
        self.context.log(text)
