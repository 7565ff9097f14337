"""The admin of alerts, to read and to acknowledge, and of workers, to read."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from executions.admin.acknowledging import AcknowledgingAdmin
from executions.admin.reading import ReadOnlyAdmin, flower_url
from executions.alerts import wording
from executions.alerts.states import AlertState, narrowed, state_of
from executions.models import Alert, Worker
from executions.workers import SILENT_AFTER_SECONDS
from jobs.admin.display import NOTHING, badge, duration, instant, link, people, pretty_json


class OpenFilter(admin.SimpleListFilter):
    title = gettext_lazy("state")
    parameter_name = "open"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, Any]]:
        return [("yes", _("Open")), ("known", _("Acknowledged")), ("no", _("Closed"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Alert]) -> QuerySet[Alert]:
        if self.value() == "known":
            return narrowed(queryset, AlertState.ACKNOWLEDGED)
        is_open = {"yes": True, "no": False}.get(self.value() or "")
        return queryset if is_open is None else queryset.filter(closed_at__isnull=is_open)


@admin.register(Alert)
class AlertAdmin(AcknowledgingAdmin):
    list_display = ("state", "what", "rule", "severity", "job_link", "opened", "told", "acknowledged", "closed")
    list_display_links = ("state", "what")
    list_filter = (OpenFilter, "rule", "severity")
    search_fields = ("subject", "message", "job__name")
    list_select_related = ("job",)
    sortable_by = ()
    fields = (
        "state", "what", "says", "rule", "severity", "job_link", "opened", "told", "notices_shown", "acknowledged",
        "note", "closed", "facts_shown",
    )  # fmt: skip

    # --- Cells -------------------------------------------------------------------------------------------------------
    @admin.display(description=gettext_lazy("state"))
    def state(self, alert: Alert) -> str:
        state = state_of(alert)
        return badge("paused" if state == AlertState.ACKNOWLEDGED else state, state.label)

    @admin.display(description=gettext_lazy("alert"))
    def what(self, alert: Alert) -> str:
        return wording.title(alert)

    @admin.display(description=gettext_lazy("message"))
    def says(self, alert: Alert) -> str:
        return wording.message(alert)

    @admin.display(description=gettext_lazy("job"))
    def job_link(self, alert: Alert) -> str:
        if alert.job is None:
            return NOTHING
        return alert.job.name if alert.job.deleted_at else link(alert.job)

    @admin.display(description=gettext_lazy("opened at"))
    def opened(self, alert: Alert) -> str:
        return instant(alert.opened_at, seconds=True)

    @admin.display(description=gettext_lazy("told at"))
    def told(self, alert: Alert) -> str:
        return instant(alert.told_at, seconds=True)

    @admin.display(description=gettext_lazy("acknowledged"))
    def acknowledged(self, alert: Alert) -> str:
        if alert.acknowledged_at is None:
            return NOTHING
        who = people([alert.acknowledged_by])[alert.acknowledged_by]
        return format_html("{} · {}", instant(alert.acknowledged_at, seconds=True), who)

    @admin.display(description=gettext_lazy("closed at"))
    def closed(self, alert: Alert) -> str:
        if alert.closed_at is None:
            return NOTHING
        lasted = duration(alert.closed_at - alert.opened_at)
        return format_html('{}<span class="detail">{}</span>', instant(alert.closed_at, seconds=True), lasted)

    @admin.display(description=gettext_lazy("notices"))
    def notices_shown(self, alert: Alert) -> str:
        shown = [
            (link(notice, f"{notice.get_kind_display()}: {notice.get_channel_display()} {notice.recipient}"), state)
            for notice in alert.notices.order_by("id")
            for state in [notice.get_state_display()]
        ]
        return format_html_join("", '<div>{}<span class="detail">{}</span></div>', shown) or NOTHING

    @admin.display(description=gettext_lazy("facts"))
    def facts_shown(self, alert: Alert) -> str:
        return pretty_json(alert.facts)


@admin.register(Worker)
class WorkerAdmin(ReadOnlyAdmin):
    list_display = ("state", "name", "machine_name", "process_id", "queues_shown", "processes", "held", "last_seen")
    list_display_links = ("state", "name")
    search_fields = ("name", "machine_name")
    sortable_by = ()
    ordering = ("-last_seen_at",)
    fields = (
        "state", "name", "flower", "machine_name", "process_id", "queues_shown", "processes", "held", "started",
        "last_seen", "stopped",
    )  # fmt: skip

    @admin.display(description=gettext_lazy("state"))
    def state(self, worker: Worker) -> str:
        if worker.stopped_at:
            return badge("disabled", _("Stopped"))
        is_silent = timezone.now() - worker.last_seen_at > timedelta(seconds=SILENT_AFTER_SECONDS)
        return badge("silent", _("Silent")) if is_silent else badge("alive", _("Alive"))

    @admin.display(description=gettext_lazy("queues"))
    def queues_shown(self, worker: Worker) -> str:
        return ", ".join(worker.queues)

    @admin.display(description=gettext_lazy("runs"))
    def held(self, worker: Worker) -> int:
        return len(worker.execution_ids)

    @admin.display(description=gettext_lazy("Flower"))
    def flower(self, worker: Worker) -> str:
        url = flower_url("worker", worker.name)
        return format_html('<a href="{}">{}</a>', url, url) if url else NOTHING

    @admin.display(description=gettext_lazy("started at"))
    def started(self, worker: Worker) -> str:
        return instant(worker.started_at, seconds=True)

    @admin.display(description=gettext_lazy("last seen at"))
    def last_seen(self, worker: Worker) -> str:
        return instant(worker.last_seen_at, seconds=True)

    @admin.display(description=gettext_lazy("stopped at"))
    def stopped(self, worker: Worker) -> str:
        return instant(worker.stopped_at, seconds=True)
