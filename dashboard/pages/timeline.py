"""Past runs as bars over time, by job or by worker, and the coming ones with their expected length."""

from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _

from dashboard import timeline
from dashboard.charts.lanes import lanes, shared
from dashboard.pages.base import Page

# How far back and how far ahead.
WINDOWS = {
    "1h": (timedelta(minutes=45), timedelta(minutes=15)),
    "6h": (timedelta(hours=4), timedelta(hours=2)),
    "24h": (timedelta(hours=16), timedelta(hours=8)),
    "7d": (timedelta(days=0), timedelta(days=7)),
}
SAME = timedelta(minutes=1)
CLASHES = 20


class Timeline(Page):
    template = "dashboard/timeline.html"
    section = "timeline"

    def context(self, request: HttpRequest, **kwargs: Any) -> dict[str, Any]:
        now = self.moment.now
        window = request.GET.get("window", "24h") if request.GET.get("window") in WINDOWS else "24h"
        by_worker = request.GET.get("by") == "worker"
        begin, end = now - WINDOWS[window][0], now + WINDOWS[window][1]
        ahead = timeline.coming(now, max(end, now + timedelta(days=7)))
        past = timeline.past(begin, now, by_worker=by_worker)
        spans = past if by_worker else [*past, *(span for span in ahead if span.begin < end)]
        shown, all_lanes = timeline.busiest(spans)
        return {
            "window": window, "by_worker": by_worker, "begin": begin, "end": end,
            "lanes": lanes(shown, begin=begin, end=_end(end, now, by_worker=by_worker), now=now),
            "all_lanes": all_lanes if all_lanes > timeline.MOST_LANES else 0,
            "clashes": shared(timeline.rare(ahead), within=SAME)[:CLASHES],
            "windows": [("1h", _("1 hour")), ("6h", _("6 hours")), ("24h", _("24 hours")), ("7d", _("Next 7 days"))],
        }  # fmt: skip


def _end(end: datetime, now: datetime, *, by_worker: bool) -> datetime:
    """Which worker will take a run is not known before."""
    return now + timedelta(seconds=1) if by_worker else end
