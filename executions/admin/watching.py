"""The admin of alerts and workers, to read."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from executions.admin.reading import ReadOnlyAdmin, flower_url
from executions.models import Alert, Worker
from executions.workers import SILENT_AFTER_SECONDS
from jobs.admin.display import NOTHING, badge, instant, link


class OpenFilter(admin.SimpleListFilter):
    title = gettext_lazy("state")
    parameter_name = "open"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, Any]]:
        return [("yes", _("Open")), ("no", _("Closed"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Alert]) -> QuerySet[Alert]:
        is_open = {"yes": True, "no": False}.get(self.value() or "")
        return queryset if is_open is None else queryset.filter(closed_at__isnull=is_open)


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin):
    list_display = ("state", "subject", "rule", "job_link", "opened", "closed")
    list_display_links = ("state", "subject")
    list_filter = (OpenFilter, "rule")
    search_fields = ("subject", "message", "job__name")
    list_select_related = ("job",)
    sortable_by = ()
    fields = ("state", "subject", "rule", "job_link", "message", "opened", "closed")

    @admin.display(description=gettext_lazy("state"))
    def state(self, alert: Alert) -> str:
        return badge("closed", _("Closed")) if alert.closed_at else badge("open", _("Open"))

    @admin.display(description=gettext_lazy("job"))
    def job_link(self, alert: Alert) -> str:
        if alert.job is None:
            return NOTHING
        return alert.job.name if alert.job.deleted_at else link(alert.job)

    @admin.display(description=gettext_lazy("opened at"))
    def opened(self, alert: Alert) -> str:
        return instant(alert.opened_at, seconds=True)

    @admin.display(description=gettext_lazy("closed at"))
    def closed(self, alert: Alert) -> str:
        return instant(alert.closed_at, seconds=True)


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
        return format_html('<a href="{}">{}</a>', url, url)

    @admin.display(description=gettext_lazy("started at"))
    def started(self, worker: Worker) -> str:
        return instant(worker.started_at, seconds=True)

    @admin.display(description=gettext_lazy("last seen at"))
    def last_seen(self, worker: Worker) -> str:
        return instant(worker.last_seen_at, seconds=True)

    @admin.display(description=gettext_lazy("stopped at"))
    def stopped(self, worker: Worker) -> str:
        return instant(worker.stopped_at, seconds=True)
