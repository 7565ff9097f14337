"""The admin of jobs. Every change goes through the verbs of `ScheduledJob`; nothing here calls `save`.

`executions.admin` registers a subclass that adds what belongs to runs: run now, and the way to a job's executions.
"""

import uuid
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from jobs import periodic
from jobs.admin import previews, revisions
from jobs.admin.columns import JobColumns
from jobs.admin.display import NOTHING, instant, link, page_of, people
from jobs.admin.doing import VerbsAdmin, user_id
from jobs.admin.verbs import DISABLE, ENABLE, PAUSE, RESUME, Verb
from jobs.enums import JobStatus
from jobs.forms import ScheduledJobForm
from jobs.models import ScheduledJob, VersionConflict


@admin.register(ScheduledJob)
class ScheduledJobAdmin(JobColumns, VerbsAdmin):
    verbs: tuple[Verb, ...] = (ENABLE, DISABLE, PAUSE, RESUME)

    form = ScheduledJobForm
    list_display = ("name", "state", "schedule", "next_execution", "last_execution", "figures")
    list_filter = ("status", "job_type", "queue")
    search_fields = ("name", "key", "description", "job_type")
    search_help_text = gettext_lazy("Name, key, description or job type")
    ordering = ("name",)
    list_per_page = 50
    empty_value_display = NOTHING
    save_on_top = False
    readonly_fields = ("schedule_preview", "parameters_preview", "key", "created", "last_modified", "revision")
    change_form_template = "admin/jobs/scheduledjob/change_form.html"
    delete_confirmation_template = "admin/jobs/scheduledjob/delete_confirmation.html"
    delete_selected_confirmation_template = "admin/jobs/scheduledjob/delete_selected_confirmation.html"

    DEFINITION = (
        "name", "description", "job_type", "parameters", "parameters_preview", "cron_expression", "time_zone",
        "schedule_preview", "status", "max_retries", "retry_delay_minutes", "notify_on_failure", "notification_emails",
    )  # fmt: skip
    ADVANCED = (
        "retry_backoff", "timeout_seconds", "overlap_policy", "misfire_policy", "misfire_grace_seconds",
        "start_deadline_seconds", "max_duration_seconds", "grace_seconds", "max_consecutive_failures", "queue",
        "priority",
    )  # fmt: skip
    RECORD = ("key", "created", "last_modified", "revision")

    class Media:
        css = {"all": ["jobs/admin.css"]}
        js = ["jobs/live_regions.js"]

    # --- The list ----------------------------------------------------------------------------------------------------
    def get_queryset(self, request: HttpRequest) -> QuerySet[ScheduledJob]:
        return ScheduledJob.objects.live().with_figures()

    # --- The page ----------------------------------------------------------------------------------------------------
    def get_fieldsets(self, request: HttpRequest, obj: ScheduledJob | None = None) -> Any:
        is_editable = self.has_change_permission(request, obj) if obj else True
        own = ("seen_version",) if is_editable else ()
        fieldsets = [
            (None, {"fields": (*own, *self.DEFINITION)}),
            (_("Advanced"), {"fields": self.ADVANCED, "classes": ("collapse",)}),
        ]
        return [*fieldsets, (_("Record"), {"fields": self.RECORD, "classes": ("collapse",)})] if obj else fieldsets

    @admin.display(description=gettext_lazy("Next times"))
    def schedule_preview(self, job: ScheduledJob) -> str:
        shown = previews.schedule(job.cron_expression, job.time_zone, now=timezone.now())
        return _live_region("cron_preview", "cron_expression time_zone", shown)

    @admin.display(description=gettext_lazy("About the type"))
    def parameters_preview(self, job: ScheduledJob) -> str:
        return _live_region("parameters_preview", "job_type", previews.parameters(job.job_type))

    @admin.display(description=gettext_lazy("created"))
    def created(self, job: ScheduledJob) -> str:
        return self._when_and_who(job.created_at, job.created_by_user_id)

    @admin.display(description=gettext_lazy("last modified"))
    def last_modified(self, job: ScheduledJob) -> str:
        return instant(job.last_modified_at)

    @admin.display(description=gettext_lazy("version"))
    def revision(self, job: ScheduledJob) -> int:
        return job.version

    def _when_and_who(self, at: Any, user_id: uuid.UUID) -> str:
        return format_html("{} · {}", instant(at), people([user_id])[user_id])

    def links(self, request: HttpRequest, job: ScheduledJob) -> list[tuple[Any, str]]:
        """Where one may go from a job's page: label and address."""
        mirror = periodic.mirrored().filter(name=job.key).first()
        return [(_("Periodic task"), page_of(mirror))] if mirror else []

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        job = kwargs.get("obj")
        if job is not None:
            context["facts"] = self._facts(job)
            context["buttons"] = self.buttons(request, job)
            context["links"] = self.links(request, job)
            context["revisions"] = [(line, instant(line.effective_from, seconds=True)) for line in revisions.lines(job)]
        return super().render_change_form(request, context, *args, **kwargs)

    def _facts(self, job: ScheduledJob) -> list[tuple[Any, str]]:
        stored = ScheduledJob.objects.with_figures().get(pk=job.pk)  # `job` may carry what a refused form held
        return [
            (_("Status"), self.state(stored)),
            (_("Next execution"), self.next_execution(stored)),
            (_("Last execution"), self.last_execution(stored)),
            (_("Runs"), self.figures(stored)),
        ]

    # --- Saving ------------------------------------------------------------------------------------------------------
    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except IntegrityError:
            pass  # somebody took the name a moment ago: the form will find it now
        except VersionConflict:
            request.refusal = self._changed_meanwhile(request, object_id)  # type: ignore[attr-defined]
        except ValidationError as fault:  # by the verb, about what the form does not hold
            request.refusal = ValidationError(fault.messages)  # type: ignore[attr-defined]
        except ScheduledJob.DoesNotExist:
            request.refusal = ValidationError(_("The job was deleted meanwhile."))  # type: ignore[attr-defined]
        # What was begun is undone by its transaction. The form is shown again and says why.
        return super().changeform_view(request, object_id, form_url, extra_context)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form: Any = super().get_form(request, obj, change, **kwargs)
        form.refusal = getattr(request, "refusal", None)  # the class was made for this request
        return form

    def save_model(self, request: HttpRequest, obj: ScheduledJob, form: Any, change: bool) -> None:
        definition, by = form.definition, user_id(request)
        if change:
            if definition["status"] == JobStatus.PAUSED and form.initial["status"] != JobStatus.PAUSED:
                definition["paused_by_user_id"] = by
            obj.redefine(by=by, expected_version=form.cleaned_data["seen_version"], **definition)
        else:
            ScheduledJob.define(by=by, id=obj.id, **definition)

    def _changed_meanwhile(self, request: HttpRequest, object_id: str | None) -> ValidationError:
        job = ScheduledJob.objects.get(pk=unquote(object_id or ""))
        changes, who = revisions.since(job, int(request.POST.get("seen_version") or 0))
        listed = "; ".join(f"{change.label}: {change.before} → {change.after}" for change in changes) or NOTHING
        text = _(
            "Nothing was saved: {who} changed this job while you had it open ({changes})."
            ' <a href="">Open it as it is now</a> and make your change there.'
        )
        return ValidationError(format_html(text, who=who, changes=listed))

    # --- Deleting ----------------------------------------------------------------------------------------------------
    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Nothing is cascaded: the jobs go off the schedule, their history stays."""
        return [link(job) for job in objs], {}, set(), []

    def delete_model(self, request: HttpRequest, obj: ScheduledJob) -> None:
        with suppress(ScheduledJob.DoesNotExist):  # somebody was faster
            obj.retire(by=user_id(request))

    def delete_queryset(self, request: HttpRequest, queryset: Iterable[ScheduledJob]) -> None:
        for job in queryset:
            self.delete_model(request, job)

    # --- Previews ----------------------------------------------------------------------------------------------------
    def get_urls(self) -> list[URLPattern]:
        own = [
            path("cron-preview/", self._read(self.cron_preview_view), name="jobs_scheduledjob_cron_preview"),
            path(
                "parameters-preview/", self._read(self.parameters_preview_view),
                name="jobs_scheduledjob_parameters_preview",
            ),
        ]  # fmt: skip
        return [*own, *super().get_urls()]

    def _read(self, view: Callable[[HttpRequest], HttpResponse]) -> Callable[..., HttpResponse]:
        def guarded(request: HttpRequest) -> HttpResponse:
            if not self.has_view_or_change_permission(request):
                raise PermissionDenied
            return view(request)

        return self.admin_site.admin_view(guarded)

    def cron_preview_view(self, request: HttpRequest) -> HttpResponse:
        asked = request.GET
        return HttpResponse(
            previews.schedule(asked.get("cron_expression", ""), asked.get("time_zone", ""), now=timezone.now())
        )

    def parameters_preview_view(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse(previews.parameters(request.GET.get("job_type", "")))


def _live_region(view: str, fields: str, shown: str) -> str:
    return format_html(
        '<div class="live-region" data-live-url="{}" data-live-fields="{}" data-live-failure="{}" aria-live="polite"'
        ' tabindex="0">{}</div>',
        reverse(f"admin:jobs_scheduledjob_{view}"), fields, _("The preview could not be fetched."), shown,
    )  # fmt: skip
