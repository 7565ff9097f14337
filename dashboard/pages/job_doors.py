"""What may be done with one job, or with the chosen jobs of the list. A form at fault comes back as it was filled."""

import uuid
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from dashboard.pages import verbs
from dashboard.pages.base import can_administer, frame
from dashboard.pages.doors import Door, asked_for, page_of_run
from dashboard.pages.job import JobPage, run_form
from dashboard.parameters import ParameterForm
from executions.admin.runnable_job import RUN_NOW
from executions.dispatch import RunRequest, run_now
from executions.models import JobExecution
from jobs.admin.doing import user_id
from jobs.admin.verbs import carry_out
from jobs.models import ScheduledJob
from jobs.registry import UnknownJobType

MOST_AT_ONCE = 500


class JobDoor(Door):
    """A verb on one job: run now, pause, resume, enable, disable."""

    def may_pass(self, request: HttpRequest) -> bool:
        return verbs.may(request, verbs.named(self.kwargs["name"]))

    def page(self, **kwargs: Any) -> str:
        return _page_of(kwargs["job_id"])

    def go(self, request: HttpRequest, **kwargs: Any) -> str | HttpResponse:
        verb, job = verbs.named(kwargs["name"]), _live(kwargs["job_id"])
        answers: dict[str, Any] = {}
        if verb.form is not None:
            form = verbs.form_of(verb.form, [job], request.POST)
            if not form.is_valid():
                return JobPage.again(request, _page_of(job.id), {"pause_form": form}, job_id=job.id)
            answers = form.cleaned_data
        verbs.tell(request, verb, carry_out(verb, [job], by=user_id(request), answers=answers))
        return _page_of(job.id)


class RunDoor(Door):
    """Run now with parameters of its own, from the form that the job type's schema made."""

    def page(self, **kwargs: Any) -> str:
        return _page_of(kwargs["job_id"])

    def go(self, request: HttpRequest, **kwargs: Any) -> str | HttpResponse:
        job = _live(kwargs["job_id"])
        form = run_form(request, job, request.POST)
        if form is None:
            messages.error(request, str(UnknownJobType(job.job_type)))
            return _page_of(job.id)
        run = self._run(request, job, form) if form.is_valid() else None
        if run is not None:
            return page_of_run(run.id)
        status = 403 if form.is_overstepped else 200
        beside = {"run_form": verbs.focused(form)}
        return JobPage.again(request, _page_of(job.id), beside, status=status, job_id=job.id)

    def _run(self, request: HttpRequest, job: ScheduledJob, form: ParameterForm) -> JobExecution | None:
        """None: refused, and the form says why."""
        asked = RunRequest(by=user_id(request), parameters=form.parameters())
        if not (asked.keeps_stored_parameters or can_administer(request)):
            form.overstep("dryRun")
            return None
        try:
            return run_now(job, asked)
        except ValidationError as fault:
            form.add_error(None, fault.messages)
        except RUN_NOW.refusals as fault:
            form.add_error(None, str(fault))
        return None


class BulkDoor(Door):
    """A verb on the chosen jobs of the list. Without `confirmed` the page that says how many they are."""

    def may_pass(self, request: HttpRequest) -> bool:
        return verbs.may(request, verbs.named(request.POST.get("verb", "")))

    def page(self, **kwargs: Any) -> str:
        return reverse("jobs-page")

    def go(self, request: HttpRequest, **kwargs: Any) -> str | HttpResponse:
        verb, is_confirmed = verbs.named(request.POST.get("verb", "")), "confirmed" in request.POST
        jobs = list(ScheduledJob.objects.live().filter(pk__in=_keys(request.POST.getlist("job")))[:MOST_AT_ONCE])
        if not jobs:
            messages.warning(request, _("Choose some jobs first."))
            return "jobs-page"
        form = verbs.form_of(verb.form, jobs, request.POST if is_confirmed else None) if verb.form else None
        if not is_confirmed or (form and not form.is_valid()):
            context = {"verb": verb, "jobs": jobs, "form": form, "next": asked_for(request)}
            return render(request, "dashboard/bulk.html", {**frame(request, "jobs-page"), **context})
        verbs.tell(request, verb, carry_out(verb, jobs, by=user_id(request), answers=form.cleaned_data if form else {}))
        return "jobs-page"


def _live(key: uuid.UUID) -> ScheduledJob:
    return ScheduledJob.objects.live().get(pk=key)


def _page_of(key: uuid.UUID) -> str:
    return reverse("job-page", args=[key])


def _keys(texts: list[str]) -> list[uuid.UUID]:
    try:
        return [uuid.UUID(text) for text in texts]
    except ValueError:
        raise Http404 from None
