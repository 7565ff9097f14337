"""Past runs as bars over time, by job or by worker, and the coming ones with their expected length."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext as _

from dashboard import live, planned, timeline
from dashboard.charts.bars import ORDER
from dashboard.charts.lanes import COMING, Span, lanes
from dashboard.pages.base import Page
from jobs import cron
from jobs.admin.display import zone_of

# How far back and how far ahead.
WINDOWS = {
    "1h": (timedelta(minutes=45), timedelta(minutes=15)),
    "6h": (timedelta(hours=4), timedelta(hours=2)),
    "24h": (timedelta(hours=16), timedelta(hours=8)),
    "7d": (timedelta(days=0), timedelta(days=7)),
}
AHEAD_ALONE = "7d"  # which worker will take a run is not known before
CLASHES, JOBS_OF_CLASH = 20, 6


class Timeline(Page):
    template = "dashboard/timeline.html"
    section = "timeline"

    def context(self, request: HttpRequest, **kwargs: Any) -> dict[str, Any]:
        now, by_worker = self.moment.now, request.GET.get("by") == "worker"
        words = _windows(by_worker=by_worker)
        window = request.GET.get("window", "") if request.GET.get("window") in words else "24h"
        begin, end = now - WINDOWS[window][0], now + WINDOWS[window][1]
        jobs = [] if by_worker and live.is_live(request) else planned.planned(now)
        spans = timeline.past(begin, now, by_worker=by_worker)
        if not by_worker:
            spans += timeline.coming(jobs, now, end, self.moment.hold)
        return {
            "window": window, "windows": words.items(), "by_worker": by_worker,
            "flower": settings.SCHEDULER_FLOWER_URL if by_worker else "",
            **_drawn(spans, begin, now + timedelta(seconds=1) if by_worker else end, now),
            **({} if live.is_live(request) else self._clashes(jobs)),
        }  # fmt: skip

    def _clashes(self, jobs: list[planned.PlannedJob]) -> dict[str, Any]:
        """They are in no live region: which jobs come together changes by the day."""
        found = planned.clashes(jobs, self.moment.now, self.moment.hold)
        shown = sorted(found[:CLASHES], key=lambda clash: clash.first)
        return {
            "clashes": [(each, each.jobs[:JOBS_OF_CLASH], len(each.jobs[JOBS_OF_CLASH:])) for each in shown],
            "all_clashes": len(found),
        }


def _windows(*, by_worker: bool) -> dict[str, str]:
    words = {"1h": _("1 hour"), "6h": _("6 hours"), "24h": _("24 hours"), AHEAD_ALONE: _("Next 7 days")}
    return {key: label for key, label in words.items() if not (by_worker and key == AHEAD_ALONE)}


def _drawn(spans: list[Span], begin: datetime, end: datetime, now: datetime) -> dict[str, Any]:
    shown, all_lanes = timeline.busiest(spans)
    drawing = lanes(shown, begin=begin, end=end, now=now, zone=zone_of(cron.DEFAULT_TIME_ZONE))
    return {
        "lanes": drawing, "all_lanes": all_lanes, "is_cut": len(shown) < len(spans), "shown": len(shown),
        "statuses": [status for status in (*ORDER, COMING) if any(span.status == status for span in shown)],
        "tick_format": "H:i" if end - begin < timedelta(days=2) else "D j",
    }  # fmt: skip
