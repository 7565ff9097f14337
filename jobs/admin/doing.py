"""Carrying out the verbs in the admin: as actions of the list and as buttons of a job's page."""

import uuid
from collections.abc import Callable, Iterable
from typing import Any

from django.contrib import admin
from django.contrib.admin import helpers
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from jobs import cron
from jobs.admin.display import page_of, zone_of
from jobs.admin.verbs import Verb, carry_out, tell
from jobs.models import ScheduledJob


class VerbsAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """An admin of jobs whose `verbs` are actions and buttons, for whoever has the permission each one names."""

    verbs: tuple[Verb, ...] = ()

    # Whoever answers for `jobs.operate_scheduledjob`: by the roles, operators (SPEC §9).
    def has_operate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("jobs.operate_scheduledjob")

    def _may(self, request: HttpRequest, verb: Verb) -> bool:
        may: Callable[[HttpRequest], bool] = getattr(self, f"has_{verb.permission}_permission")
        return may(request)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions = super().get_actions(request)
        verbs = {
            verb.name: (_action(verb), verb.name, verb.action_label) for verb in self.verbs if self._may(request, verb)
        }
        return {**verbs, **actions}

    def buttons(self, request: HttpRequest, job: ScheduledJob) -> list[dict[str, Any]]:
        """What the page of this job offers."""
        return [
            {"label": verb.label, "url": _verb_url(job, verb), "asks_first": verb.form is not None}
            for verb in self.verbs
            if verb.suits(job) and self._may(request, verb)
        ]

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.verb_view)
        return [path("<path:object_id>/do/<slug:name>/", view, name="jobs_scheduledjob_do"), *super().get_urls()]

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
            with timezone.override(zone_of(zone)):
                form = verb.form(request.POST if is_answered else None)
                if not form.is_valid():
                    return self._asking(request, verb, jobs, form, zone)
            answers = form.cleaned_data
        outcome = carry_out(verb, jobs, by=user_id(request), answers=answers)
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
    def action(model_admin: VerbsAdmin, request: HttpRequest, jobs: Any) -> HttpResponse | None:
        return model_admin.carry_out(request, verb, jobs, is_answered="answered" in request.POST)

    return action


def _verb_url(job: ScheduledJob, verb: Verb) -> str:
    return reverse("admin:jobs_scheduledjob_do", args=[job.pk, verb.name])


def user_id(request: HttpRequest) -> uuid.UUID:
    return uuid.UUID(str(request.user.pk))
