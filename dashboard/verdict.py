"""Is anything wrong? The first sentence of the overview, from all that the page knows; pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dashboard.coming import Ahead
from dashboard.metrics import LedgerAccount, Moment
from dashboard.plant import Plant
from dashboard.recent import Troubles
from jobs.enums import ExecutionStatus, JobStatus

# The ledger is checked every hour. What was found before that says nothing of the night.
CHECK_IS_OLD_AFTER = timedelta(hours=3)
BAD, WARNING, GOOD = "bad", "warn", "good"


@dataclass(frozen=True)
class Finding:
    """`place`: the id of the part of the page that tells more."""

    level: str
    text: str
    place: str


@dataclass(frozen=True)
class Verdict:
    """`findings`: what it follows from, the worst first. `checked_until`: None when nobody checked the ledger yet."""

    level: str
    findings: Sequence[Finding]
    checked_until: datetime | None
    is_complete: bool  # no due time was found without its row

    @property
    def words(self) -> str:
        if self.level == BAD:
            return _("Something needs a look.")
        if self.level == WARNING:
            return _("Nothing has failed, but not all is as usual.")
        return _("Nothing is wrong.") if self.findings else _("All is well.")


def verdict(moment: Moment, work: Plant, ahead: Ahead, troubles: Troubles) -> Verdict:
    """`troubles`: of the last day."""
    counts = troubles.counts
    wrong = [*_of_plant(moment, work, ahead), *_of_runs(moment, troubles)]
    findings = [*wrong, *_unusual(moment, work, counts), *_told(counts)]
    ledger = moment.ledger
    return Verdict(
        findings[0].level if findings else GOOD, findings, ledger.checked_until if ledger else None,
        ledger is not None and not ledger.unaccounted,
    )  # fmt: skip


def _of_plant(moment: Moment, work: Plant, ahead: Ahead) -> Iterator[Finding]:
    if n := moment.open_alerts:
        yield _bad(ngettext("%(n)d open alert", "%(n)d open alerts", n) % {"n": n}, "alerts")
    if not work.leader:
        yield _bad(_("no beat leads: nothing is fired"), "plant")
    if not work.workers:
        yield _bad(_("no worker: nothing is run"), "plant")
    for queue in work.queues:
        if queue.is_stuck and work.workers:
            yield _bad(_("no worker for queue %(name)s") % {"name": queue.name}, "plant")
    if n := ahead.late:
        yield _bad(ngettext("%(n)d job is late", "%(n)d jobs are late", n) % {"n": n}, "coming")


def _of_runs(moment: Moment, troubles: Troubles) -> Iterator[Finding]:
    counts = troubles.counts
    if n := counts.get(ExecutionStatus.FAILED, 0):
        text = ngettext("%(n)d job failed", "%(n)d jobs failed", n)
        yield _bad((_("more than %(n)d jobs failed") if troubles.has_more_failed else text) % {"n": n}, "troubles")
    if n := counts.get(ExecutionStatus.MISSED, 0):
        yield _bad(ngettext("%(n)d due time was missed", "%(n)d due times were missed", n) % {"n": n}, "troubles")
    if n := moment.ledger.unaccounted if moment.ledger else 0:
        yield _bad(ngettext("%(n)d due time unaccounted", "%(n)d due times unaccounted", n) % {"n": n}, "verdict")


def _unusual(moment: Moment, work: Plant, counts: Mapping[str, int]) -> Iterator[Finding]:
    if moment.hold:
        yield Finding(WARNING, _("the whole schedule is held"), "coming")
    if n := len(work.silent):
        yield Finding(WARNING, ngettext("%(n)d worker is silent", "%(n)d workers are silent", n) % {"n": n}, "plant")
    if n := counts.get("Deleted", 0) + counts.get(JobStatus.DISABLED, 0):
        text = ngettext("%(n)d job was taken off the schedule", "%(n)d jobs were taken off the schedule", n)
        yield Finding(WARNING, text % {"n": n}, "troubles")
    if moment.ledger:
        yield from _of_ledger(moment.ledger, moment.now)


def _of_ledger(ledger: LedgerAccount, now: datetime) -> Iterator[Finding]:
    if n := ledger.unplanned:
        text = ngettext("%(n)d row of the ledger was never planned", "%(n)d rows of the ledger were never planned", n)
        yield Finding(WARNING, text % {"n": n}, "verdict")
    if now - ledger.checked_until > CHECK_IS_OLD_AFTER:
        yield Finding(WARNING, _("the ledger has not been checked for hours"), "verdict")


def _told(counts: Mapping[str, int]) -> Iterator[Finding]:
    """What somebody has wanted so, or a policy: no fault, but neither is it all that was planned."""
    if n := counts.get(ExecutionStatus.SKIPPED, 0):
        yield Finding(GOOD, ngettext("%(n)d was skipped", "%(n)d were skipped", n) % {"n": n}, "troubles")
    if n := counts.get(ExecutionStatus.CANCELLED, 0):
        yield Finding(GOOD, ngettext("%(n)d was cancelled", "%(n)d were cancelled", n) % {"n": n}, "troubles")


def _bad(text: str, place: str) -> Finding:
    return Finding(BAD, text, place)
