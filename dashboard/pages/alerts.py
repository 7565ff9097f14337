"""What is wrong, what is being looked at, what was: with what was told to whom."""

from typing import Any

from django.core.paginator import Paginator
from django.db.models import Prefetch, Q
from django.http import HttpRequest
from django.utils.translation import gettext as _

from dashboard.pages.base import Page, key_of
from executions.models import Alert, Notice
from jobs.admin.display import people

ON_A_PAGE = 30
STATES = {
    "open": Q(closed_at=None, acknowledged_at=None),
    "acknowledged": Q(closed_at=None, acknowledged_at__isnull=False),
    "past": Q(closed_at__isnull=False),
}


class AlertsPage(Page):
    template = "dashboard/alerts.html"
    section = "alerts-page"

    def context(self, request: HttpRequest, **kwargs: Any) -> dict[str, Any]:
        state, key = request.GET.get("state", ""), key_of(request.GET.get("alert"))
        chosen = Q(pk=key) if key else STATES.get(state, Q(closed_at=None))
        notices = Prefetch("notices", Notice.objects.order_by("id"))
        found = Alert.objects.filter(chosen).select_related("job").prefetch_related(notices).order_by("-opened_at")
        page = Paginator(found, ON_A_PAGE).get_page(request.GET.get("page"))
        return {
            "page": page,
            "alerts": page.object_list,
            "people": people(alert.acknowledged_by for alert in page.object_list),
            "state": None if key else state if state in STATES else "",
            "states": [
                ("", _("Not over")), ("open", _("Open")), ("acknowledged", _("Acknowledged")), ("past", _("Past"))
            ],
        }  # fmt: skip
