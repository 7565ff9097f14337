"""How the numbers of the last day compare with those of the day before."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from dashboard.history import Ended, together

DAY = timedelta(days=1)
MUCH = 9.99  # beyond this a factor says nothing more


@dataclass(frozen=True)
class Trend:
    """`before`: of the day before; `now`: of the last day."""

    now: float
    before: float

    @property
    def text(self) -> str:
        if not self.before:
            return _("none the day before") if self.now else _("as the day before")
        change = (self.now - self.before) / self.before
        if abs(change) < 0.005:
            return _("as the day before")
        if change > MUCH:
            return _("more than ten times the day before")
        return _("%(change)s on the day before") % {"change": f"{change:+.0%}"}


def trends(found: Iterable[Ended], now: datetime) -> Mapping[str, Trend]:
    """Of what succeeded, failed, and the average duration. `found`: of the last two days at least."""
    pieces = list(found)
    last = together(pieces, since=now - DAY)
    before = together([each for each in pieces if each.begins_at < now - DAY], since=now - 2 * DAY)
    return {
        "succeeded": Trend(last.counts["Completed"], before.counts["Completed"]),
        "failed": Trend(last.counts["Failed"], before.counts["Failed"]),
        "duration": Trend(_average(last), _average(before)),
    }


def _average(ended: Ended) -> float:
    return ended.mean.total_seconds() if ended.mean else 0.0
