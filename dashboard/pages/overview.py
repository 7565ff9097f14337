"""The page of the morning: is anything wrong, what runs, what comes next, what happened in the night."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from dashboard import coming, history, plant, recent, running
from dashboard.charts import bars
from dashboard.metrics import Moment
from dashboard.pages.base import Page
from dashboard.trends import trends
from dashboard.verdict import verdict
from executions.models import NOT_WELL, Alert
from jobs import cron
from jobs.admin.display import zone_of

SHOWN, SHOWN_COMING = 10, 12
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
        """Where the first bucket begins: the last one holds this moment, and midnights of the business part them."""
        wall = now.astimezone(zone_of(cron.DEFAULT_TIME_ZONE))
        midnight = wall.replace(hour=0, minute=0, second=0, microsecond=0)
        last = midnight + (wall - midnight) // self.step * self.step
        return last - self.step * (self.number - 1)


WINDOWS = (
    Window("24h", _("24 hours"), timedelta(hours=1), 24, "H:i", "j M, H:i"),
    Window("7d", _("7 days"), timedelta(hours=6), 28, "D j", "j M, H:i"),
    Window("30d", _("30 days"), DAY, 30, "j M", "j M Y"),
)


class Overview(Page):
    template = "dashboard/overview.html"
    section = "overview"

    def context(self, request: HttpRequest, **kwargs: Any) -> dict[str, Any]:
        now, hold, work = self.moment.now, self.moment.hold, plant.plant(self.moment.now)
        window = next((each for each in WINDOWS if each.key == request.GET.get("span")), WINDOWS[0])
        ended = history.pieces(min(window.begin(now), now - 2 * DAY), now)
        alerts = Alert.objects.filter(closed_at=None).select_related("job")
        ahead = coming.coming(now, hold=hold, within=DAY, limit=SHOWN_COMING)
        troubles = recent.troubles(ended, now, within=DAY, limit=SHOWN)
        runs, steps = running.now_running(now, limit=SHOWN), history.last_minutes(ended, now)
        active = runs.over_time(ended, steps)
        return {
            "verdict": verdict(self.moment, work, ahead, troubles),
            "numbers": _numbers(self.moment, work, history.together(ended, since=now - DAY)),
            "trends": trends(ended, now),
            "alerts": alerts[:SHOWN] if self.moment.open_alerts else [],
            "strip": bars.stacked(steps, step=history.FINE_STEP, zone=_zone(), height=60),
            "active": bars.stacked(active, step=history.FINE_STEP, zone=_zone(), height=30),
            "most_active": max(step.total for step in active),
            "running": runs, "coming": ahead, "troubles": troubles, "plant": work,
            "oldest_waiting": min((queue.oldest for queue in work.queues if queue.oldest), default=None),
            "history": _drawn(ended, window, now),
            "span": window, "spans": WINDOWS,
            "flower": settings.SCHEDULER_FLOWER_URL,
        }  # fmt: skip


def _numbers(moment: Moment, work: plant.Plant, ended: history.Ended) -> dict[str, Any]:
    coming_next = moment.next_execution
    return {
        "running": work.running,
        "queued": work.queued,
        "ended": ended.counts,
        "not_well": [(status.value, ended.counts[status]) for status in NOT_WELL if ended.counts[status]],
        "mean": ended.mean,
        "next": coming_next,
        "next_is_held": bool(coming_next and moment.hold and moment.hold.covers(coming_next.scheduled_at)),
        "next_is_late": bool(coming_next and coming_next.scheduled_at < moment.now - coming.LATE_AFTER),
    }


def _drawn(ended: Sequence[history.Ended], window: Window, now: datetime) -> bars.Bars:
    buckets = history.buckets(ended, window.begin(now), step=window.step, number=window.number, zone=_zone())
    return bars.stacked(buckets, step=window.step, zone=_zone())


def _zone() -> Any:
    return zone_of(cron.DEFAULT_TIME_ZONE)
