"""The page of the morning: is anything wrong, what runs, what comes next, what happened in the night."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from dashboard import coming, history, plant, recent, running
from dashboard.charts import bars
from dashboard.metrics import Moment
from dashboard.pages.base import Page
from dashboard.trends import trends
from executions.models import Alert
from jobs import cron
from jobs.admin.display import zone_of

SHOWN = 10
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Window:
    """A choice of the history: so many buckets of a length, and how their beginnings are written."""

    key: str
    label: Any
    step: timedelta
    number: int
    tick_format: str
    row_format: str

    def begin(self, now: datetime) -> datetime:
        """Where the first bucket begins: on a whole hour, or a midnight of the business."""
        zone = zone_of(cron.DEFAULT_TIME_ZONE)
        if self.step >= DAY:
            midnight = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
            return midnight - self.step * (self.number - 1)
        hour = now.replace(minute=0, second=0, microsecond=0)
        return hour + timedelta(hours=1) - self.step * self.number


WINDOWS = (
    Window("24h", _("24 hours"), timedelta(hours=1), 24, "H:i", "j M, H:i"),
    Window("7d", _("7 days"), timedelta(hours=6), 28, "D j", "j M, H:i"),
    Window("30d", _("30 days"), DAY, 30, "j M", "j M Y"),
)


class Overview(Page):
    template = "dashboard/overview.html"
    section = "overview"

    def context(self, request: HttpRequest, **kwargs: Any) -> dict[str, Any]:
        now, work = self.moment.now, plant.plant(self.moment.now)
        window = next((each for each in WINDOWS if each.key == request.GET.get("span")), WINDOWS[0])
        ended = history.pieces(min(window.begin(now), now - 2 * DAY), now)
        alerts = Alert.objects.filter(closed_at=None).select_related("job")
        return {
            "numbers": _numbers(self.moment, work, history.together(ended, since=now - DAY)),
            "trends": trends(ended, now),
            "alerts": alerts[:SHOWN] if self.moment.open_alerts else [],
            "strip": bars.stacked(history.last_minutes(ended, now), width=800, height=60),
            "running": running.now_running(now, limit=SHOWN) if work.running else [],
            "coming": coming.coming(now, within=DAY, limit=12),
            "troubles": recent.troubles(ended, now, within=DAY, limit=SHOWN),
            "plant": work,
            "history": _drawn(ended, window, now),
            "span": window,
            "spans": WINDOWS,
        }


def _numbers(moment: Moment, work: plant.Plant, ended: history.Ended) -> dict[str, Any]:
    """By the names that the API has for them."""
    return {
        "runningJobs": work.running,
        "queuedJobs": work.queued,
        "succeededLast24h": ended.counts["Completed"],
        "failedLast24h": ended.counts["Failed"],
        "avgExecutionTime": ended.average,
        "nextExecution": moment.next_execution,
        "ledger": moment.ledger,
    }


def _drawn(ended: list[history.Ended], window: Window, now: datetime) -> bars.Bars:
    begin, zone = window.begin(now), zone_of(cron.DEFAULT_TIME_ZONE)
    return bars.stacked(history.buckets(ended, begin, step=window.step, number=window.number, zone=zone), width=1200)
