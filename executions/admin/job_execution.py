"""The admin of executions: the ledger to read, newest first."""

import uuid
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from executions import ids
from executions.admin.filters import MOST_COUNTED, CappedPaginator, JobFilter, SinceFilter
from executions.admin.handling import HandlingAdmin
from executions.admin.reading import ReadOnlyAdmin, flower_url
from executions.models import Artifact, JobExecution, OutputChunk
from jobs.admin.display import (
    NOTHING,
    badge,
    clock,
    duration,
    instant,
    link,
    page_of,
    people,
    preformatted,
    pretty_json,
)
from jobs.enums import ExecutionStatus, Reason
from jobs.models import ScheduledJob

LONG_FIELDS = ("output", "stack_trace", "error_message", "result", "parameters")
MOST_RETRIES = 20


@admin.register(JobExecution)
class JobExecutionAdmin(HandlingAdmin, ReadOnlyAdmin):
    list_display = (
        "state_and_reason", "job_link", "due", "trigger_and_attempt", "started", "took", "worker_name",
    )  # fmt: skip
    list_display_links = ("state_and_reason", "due")
    list_filter = ("status", "trigger", SinceFilter, JobFilter)
    list_per_page = 50
    ordering = ("-id",)
    sortable_by = ()
    paginator = CappedPaginator
    search_fields = ("id",)  # what is asked is decided in get_search_results
    search_help_text = gettext_lazy("Name of the job, or id of an execution")
    change_form_template = "admin/executions/jobexecution/change_form.html"
    change_list_template = "admin/executions/jobexecution/change_list.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[JobExecution]:
        rows = JobExecution.objects.select_related("job")
        match = request.resolver_match
        return rows.defer(*LONG_FIELDS) if match and str(match.url_name).endswith("_changelist") else rows

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """Through the keys: a scan for a word in millions of rows would take seconds."""
        term = search_term.strip()
        if not term:
            return queryset, False
        try:
            wanted = uuid.UUID(term)
        except ValueError:
            jobs = ScheduledJob.objects.filter(Q(name__icontains=term) | Q(key__icontains=term))
            return queryset.filter(job_id__in=list(jobs.values_list("id", flat=True))), False
        return queryset.filter(Q(id=wanted) | Q(job_id=wanted)), False

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return super().changelist_view(request, {**(extra_context or {}), "most_counted": MOST_COUNTED})

    # --- Cells -------------------------------------------------------------------------------------------------------
    @admin.display(description=gettext_lazy("status"))
    def state(self, run: JobExecution) -> str:
        shown = badge(run.status, run.get_status_display())
        if run.status == ExecutionStatus.RUNNING and run.progress is not None:
            return format_html('{}<span class="detail">{} % {}</span>', shown, run.progress, run.progress_message)
        return shown

    @admin.display(description=gettext_lazy("status"))
    def state_and_reason(self, run: JobExecution) -> str:
        reason = format_html('<span class="detail">{}</span>', self.why(run)) if run.reason else ""
        return format_html("{}{}", self.state(run), reason)

    @admin.display(description=gettext_lazy("job"))
    def job_link(self, run: JobExecution) -> str:
        if run.job.deleted_at:
            return format_html('{}<span class="detail">{}</span>', run.job_name, _("deleted"))
        return link(run.job, run.job_name)

    @admin.display(description=gettext_lazy("scheduled for"))
    def due(self, run: JobExecution) -> str:
        if run.scheduled_for:
            return instant(run.scheduled_for, run.job.time_zone)
        return format_html(_("by hand, {}"), instant(run.queued_at, run.job.time_zone))

    @admin.display(description=gettext_lazy("trigger"))
    def trigger_and_attempt(self, run: JobExecution) -> str:
        if not run.is_retry:
            return run.get_trigger_display()
        attempt = _("attempt %(number)d") % {"number": run.retry_attempt + 1}
        return format_html('{}<span class="detail">{}</span>', run.get_trigger_display(), attempt)

    @admin.display(description=gettext_lazy("started"))
    def started(self, run: JobExecution) -> str:
        if run.started_at is None:
            return NOTHING
        return clock(run.started_at, run.job.time_zone, seconds=True, beside=run.reference_time)

    @admin.display(description=gettext_lazy("duration"))
    def took(self, run: JobExecution) -> str:
        if run.status == ExecutionStatus.RUNNING and run.started_at:
            return format_html(_("{} so far"), duration(timezone.now() - run.started_at))
        return duration(run.duration)

    @admin.display(description=gettext_lazy("reason"))
    def why(self, run: JobExecution) -> str:
        return str(Reason(run.reason).label) if run.reason in Reason.values else run.reason or NOTHING

    # --- The page ----------------------------------------------------------------------------------------------------
    def get_fieldsets(self, request: HttpRequest, obj: JobExecution | None = None) -> Any:
        error = [(_("Error"), {"fields": ("error_shown", "stack_trace_shown")})] if obj and obj.error_message else []
        return [
            (None, {"fields": ("state", "why", "job_link", "job_type", "due", "asked", "attempts")}),
            *error,
            (_("Output"), {"fields": ("output_shown", "result_shown", *self._artifacts_of(obj))}),
            (_("Parameters of this run"), {"fields": ("parameters_shown",)}),
            (_("Times"), {"fields": ("queued", "available", "begun", "completed", "took")}),
            (_("Place"), {"fields": ("queue", "priority", "worker_name", "machine_name", "process_id", "id")}),
        ]

    def _artifacts_of(self, run: JobExecution | None) -> tuple[str, ...]:
        return ("artifacts_shown",) if run and Artifact.objects.filter(execution_id=run.id).exists() else ()

    @admin.display(description=gettext_lazy("trigger"))
    def asked(self, run: JobExecution) -> str:
        if run.triggered_by is None:
            return run.get_trigger_display()
        return format_html("{} · {}", run.get_trigger_display(), people([run.triggered_by])[run.triggered_by])

    @admin.display(description=gettext_lazy("attempts"))
    def attempts(self, run: JobExecution) -> str:
        """All attempts of this run in order: their ids follow from the first one's."""
        keys = [run.first_attempt, *(ids.of_retry(run.first_attempt, n) for n in range(1, MOST_RETRIES + 1)), run.id]
        rows = JobExecution.objects.filter(id__in=keys).defer(*LONG_FIELDS).order_by("retry_attempt", "id")
        shown = [(self._attempt(row, is_this=row.id == run.id),) for row in rows]
        return format_html_join("", '<span class="attempt">{}</span>', shown)

    def _attempt(self, row: JobExecution, *, is_this: bool) -> str:
        text = format_html("{}. {}", row.retry_attempt + 1, badge(row.status, row.get_status_display()))
        return format_html("<strong>{}</strong>", text) if is_this else link(row, text)

    @admin.display(description=gettext_lazy("error message"))
    def error_shown(self, run: JobExecution) -> str:
        return preformatted(run.error_message)

    @admin.display(description=gettext_lazy("stack trace"))
    def stack_trace_shown(self, run: JobExecution) -> str:
        return preformatted(run.stack_trace)

    @admin.display(description=gettext_lazy("output"))
    def output_shown(self, run: JobExecution) -> str:
        """What a running one has said so far is in pieces still."""
        pieces = OutputChunk.objects.filter(execution_id=run.id).order_by("id").values_list("text", flat=True)
        return preformatted(run.output or ("" if run.is_finished else "".join(pieces)))

    @admin.display(description=gettext_lazy("result"))
    def result_shown(self, run: JobExecution) -> str:
        return pretty_json(run.result)

    @admin.display(description=gettext_lazy("artifacts"))
    def artifacts_shown(self, run: JobExecution) -> str:
        """What the run left, each a link to where it can be read."""
        rows = Artifact.objects.filter(execution_id=run.id).defer("content")
        shown = [
            (reverse("execution-artifact", args=[run.id, row.name]), row, row.content_type, filesizeformat(row.size))
            for row in rows
        ]
        return format_html_join("", '<div><a href="{}">{}</a><span class="detail">{}, {}</span></div>', shown)

    @admin.display(description=gettext_lazy("parameters"))
    def parameters_shown(self, run: JobExecution) -> str:
        return pretty_json(run.parameters)

    @admin.display(description=gettext_lazy("queued at"))
    def queued(self, run: JobExecution) -> str:
        return instant(run.queued_at, run.job.time_zone, seconds=True)

    @admin.display(description=gettext_lazy("available at"))
    def available(self, run: JobExecution) -> str:
        if run.available_at is None and run.status == ExecutionStatus.QUEUED:
            return _("held behind another run")
        return instant(run.available_at, run.job.time_zone, seconds=True)

    @admin.display(description=gettext_lazy("started at"))
    def begun(self, run: JobExecution) -> str:
        return instant(run.started_at, run.job.time_zone, seconds=True)

    @admin.display(description=gettext_lazy("completed at"))
    def completed(self, run: JobExecution) -> str:
        return instant(run.completed_at, run.job.time_zone, seconds=True)

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        run = kwargs["obj"]
        context["subtitle"] = format_html("{} · {}", run.job_name, instant(run.reference_time, run.job.time_zone))
        context["buttons"] = self.buttons(request, run)
        flower = flower_url("task", run.id)
        context["links"] = [(_("Flower"), flower)] if flower else []
        if not run.job.deleted_at:
            context["links"].insert(0, (_("Job"), page_of(run.job)))
        return super().render_change_form(request, context, *args, **kwargs)
