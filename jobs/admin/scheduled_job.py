"""The admin of jobs. Every change goes through the verbs of `ScheduledJob`; nothing here calls `save`.

`executions.admin` registers a subclass that adds what belongs to runs: run now, and the way to a job's executions.
"""

import uuid
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import admin
from django.contrib.admin import helpers
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from jobs import cron, periodic
from jobs.admin import previews, revisions
from jobs.admin.display import NOTHING, badge, duration, instant, link, page_of, people, sentence
from jobs.admin.verbs import DISABLE, ENABLE, PAUSE, RESUME, Verb, carry_out, tell
from jobs.enums import ExecutionStatus, JobStatus
from jobs.forms import ScheduledJobForm
from jobs.models import ScheduledJob, VersionConflict


@admin.register(ScheduledJob)
class ScheduledJobAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
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
        "start_deadline_seconds", "max_duration_seconds", "grace_seconds", "queue", "priority",
    )  # fmt: skip
    RECORD = ("key", "created", "last_modified", "revision")

    class Media:
        css = {"all": ["jobs/admin.css"]}
        js = ["jobs/live_regions.js"]

    # --- Permissions: whoever answers for `jobs.operate_scheduledjob` (SPEC §9: operators) ----------------------------
    def has_operate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("jobs.operate_scheduledjob")

    def _may(self, request: HttpRequest, verb: Verb) -> bool:
        may: Callable[[HttpRequest], bool] = getattr(self, f"has_{verb.permission}_permission")
        return may(request)

    # --- The list ----------------------------------------------------------------------------------------------------
    def get_queryset(self, request: HttpRequest) -> QuerySet[ScheduledJob]:
        return ScheduledJob.objects.live().with_figures()

    @admin.display(description=gettext_lazy("status"), ordering="status")
    def state(self, job: ScheduledJob) -> str:
        shown = badge(job.status, job.get_status_display())
        details = [job.pause_reason] if job.pause_reason else []
        if job.paused_until:
            details.append(format_html(_("until {}"), instant(job.paused_until, job.time_zone)))
        return format_html("{}{}", shown, _details(details))

    @admin.display(description=gettext_lazy("schedule"))
    def schedule(self, job: ScheduledJob) -> str:
        zone = [] if job.time_zone == cron.DEFAULT_TIME_ZONE else [job.time_zone]
        return format_html(
            "{}{}",
            sentence(job.cron_expression),
            _details([format_html("<code>{}</code>", job.cron_expression), *zone]),
        )

    @admin.display(description=gettext_lazy("next execution"), ordering="next_execution_at")
    def next_execution(self, job: ScheduledJob) -> str:
        return instant(job.next_execution_at, job.time_zone)

    @admin.display(description=gettext_lazy("last execution"))
    def last_execution(self, job: ScheduledJob) -> str:
        if not job.last_execution_at:
            return NOTHING
        status = job.last_execution_status or ""
        label = ExecutionStatus(status).label if status in ExecutionStatus.values else status
        error = [job.last_execution_error[:120]] if job.last_execution_error else []
        return format_html(
            "{}{}", badge(status, label), _details([instant(job.last_execution_at, job.time_zone), *error])
        )

    @admin.display(description=gettext_lazy("runs"))
    def figures(self, job: ScheduledJob) -> str:
        if not job.total_executions:
            return NOTHING
        details = [_("%(count)d failed") % {"count": job.failed_executions}] if job.failed_executions else []
        average = _("avg. %(duration)s") % {"duration": duration(job.average_duration)}
        return format_html("{}{}", job.total_executions, _details([*details, average]))

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions = super().get_actions(request)
        verbs = {
            verb.name: (_action(verb), verb.name, verb.action_label) for verb in self.verbs if self._may(request, verb)
        }
        return {**verbs, **actions}

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
            context["buttons"] = [
                {"label": verb.label, "url": _verb_url(job, verb), "asks_first": verb.form is not None}
                for verb in self.verbs
                if verb.suits(job) and self._may(request, verb)
            ]
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
        definition, by = form.definition, _user_id(request)
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
            obj.retire(by=_user_id(request))

    def delete_queryset(self, request: HttpRequest, queryset: Iterable[ScheduledJob]) -> None:
        for job in queryset:
            self.delete_model(request, job)

    # --- Verbs and previews ------------------------------------------------------------------------------------------
    def get_urls(self) -> list[URLPattern]:
        own = [
            path("cron-preview/", self._read(self.cron_preview_view), name="jobs_scheduledjob_cron_preview"),
            path(
                "parameters-preview/", self._read(self.parameters_preview_view),
                name="jobs_scheduledjob_parameters_preview",
            ),
            path(
                "<path:object_id>/do/<slug:name>/", self.admin_site.admin_view(self.verb_view),
                name="jobs_scheduledjob_do",
            ),
        ]  # fmt: skip
        return own + super().get_urls()

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

    def verb_view(self, request: HttpRequest, object_id: str, name: str) -> HttpResponse:
        """A button of the job's page: the verb on this one job, then the page again."""
        verb = next((verb for verb in self.verbs if verb.name == name), None)
        job = self.get_object(request, unquote(object_id))
        if verb is None or job is None:
            raise Http404
        if not self._may(request, verb):
            raise PermissionDenied
        if request.method == "POST" or verb.form:
            page = self.carry_out(request, verb, [job], is_answered=request.method == "POST")
            if page is not None:
                return page
        return HttpResponseRedirect(page_of(job))

    def carry_out(
        self, request: HttpRequest, verb: Verb, jobs: Iterable[ScheduledJob], *, is_answered: bool
    ) -> HttpResponse | None:
        """Do it and say so (None), or the page that asks for what the verb needs to know."""
        jobs = list(jobs)
        answers: dict[str, Any] = {}
        if verb.form is not None:
            zones = {job.time_zone for job in jobs}
            zone = zones.pop() if len(zones) == 1 else cron.DEFAULT_TIME_ZONE
            with timezone.override(ZoneInfo(zone)):
                form = verb.form(request.POST if is_answered else None)
                if not form.is_valid():
                    return self._asking(request, verb, jobs, form, zone)
            answers = form.cleaned_data
        outcome = carry_out(verb, jobs, by=_user_id(request), answers=answers)
        tell(request, verb, outcome)
        for job in jobs:
            if job.name in {name for _page, name in outcome.done}:
                self.log_change(request, job, str(verb.label).rstrip("…"))
        return None

    def _asking(
        self, request: HttpRequest, verb: Verb, jobs: list[ScheduledJob], form: Any, zone: str
    ) -> TemplateResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": str(verb.label).rstrip("…"), "opts": self.opts, "media": self.media, "form": form, "jobs": jobs,
            "verb": verb, "zone": zone, "action_checkbox_name": helpers.ACTION_CHECKBOX_NAME,
            "is_action": "action" in request.POST, "cancel_url": reverse("admin:jobs_scheduledjob_changelist"),
        }  # fmt: skip
        if not context["is_action"]:
            context["cancel_url"] = page_of(jobs[0])
        request.current_app = self.admin_site.name  # type: ignore[attr-defined]
        return TemplateResponse(request, "admin/jobs/scheduledjob/ask.html", context)


def _action(verb: Verb) -> Callable[..., HttpResponse | None]:
    def action(model_admin: ScheduledJobAdmin, request: HttpRequest, jobs: Any) -> HttpResponse | None:
        return model_admin.carry_out(request, verb, jobs, is_answered="answered" in request.POST)

    return action


def _verb_url(job: ScheduledJob, verb: Verb) -> str:
    return reverse("admin:jobs_scheduledjob_do", args=[job.pk, verb.name])


def _live_region(view: str, fields: str, shown: str) -> str:
    return format_html(
        '<div class="live-region" data-live-url="{}" data-live-fields="{}" data-live-failure="{}" aria-live="polite">'
        "{}</div>",
        reverse(f"admin:jobs_scheduledjob_{view}"), fields, _("The preview could not be fetched."), shown,
    )  # fmt: skip


def _details(lines: Iterable[Any]) -> str:
    """Smaller lines below a cell's main one."""
    shown = [format_html('<span class="detail">{}</span>', line) for line in lines]
    return format_html("{}" * len(shown), *shown) if shown else ""


def _user_id(request: HttpRequest) -> uuid.UUID:
    user_id: Any = request.user.pk
    return uuid.UUID(str(user_id))
