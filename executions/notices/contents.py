"""What a message is about: its notices with all that the texts need, in a fixed number of queries."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Case, Value, When
from django.db.models.functions import Left

from executions.enums import NoticeKind, NoticeState, Severity
from executions.models import JobExecution, Notice
from executions.notices.parcels import Parcel

ERROR_MAX_LENGTH = 2_000


@dataclass(frozen=True)
class Item:
    """A notice. `run`: the one that failed, with its `error`, while the ledger has it.

    `is_news`: a recovery whose recipient has not been told that something was wrong.
    """

    notice: Notice
    run: JobExecution | None = None
    error: str = ""
    is_news: bool = False


def of(parcel: Parcel, *, most: int) -> list[Item]:
    """As many of the parcel's notices as `most`: what is critical first, then the newest."""
    is_critical = Case(When(alert__severity=Severity.CRITICAL, then=Value(0)), default=Value(1))
    notices = list(parcel.rows.select_related("alert__job", "job").order_by(is_critical, "-id")[:most])
    runs = _runs(notices)
    untold = _untold(parcel, notices)
    return [_item(notice, runs, is_news=notice.alert_id in untold) for notice in notices]


def _item(notice: Notice, runs: dict[object, JobExecution], *, is_news: bool) -> Item:
    run = runs.get(notice.execution_id)
    error = (run.error or run.reason) if run else ""  # type: ignore[attr-defined]  # a column of the query
    return Item(notice, run, error.strip(), is_news and notice.kind == NoticeKind.RECOVERED)


def _runs(notices: Sequence[Notice]) -> dict[object, JobExecution]:
    keys = [notice.execution_id for notice in notices if notice.execution_id]
    columns = ("id", "job_name", "reason", "retry_attempt", "retry_of", "scheduled_for", "completed_at")
    rows = JobExecution.objects.filter(id__in=keys).only(*columns)
    return {row.id: row for row in rows.annotate(error=Left("error_message", ERROR_MAX_LENGTH))}


def _untold(parcel: Parcel, notices: Sequence[Notice]) -> set[object]:
    """Alerts of which the recipient has heard nothing, for their end came first."""
    replaced = Notice.objects.filter(
        kind=NoticeKind.OPENED, state=NoticeState.REPLACED, channel=parcel.channel, recipient=parcel.recipient,
        alert__in=[notice.alert_id for notice in notices if notice.kind == NoticeKind.RECOVERED],
    )  # fmt: skip
    return set(replaced.values_list("alert_id", flat=True))
