"""What may be done from the pages: each door asks for the role, calls one verb of the lower layers, says the result.

The dashboard itself writes nothing.
"""

import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.mixins import AccessMixin
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.generic import View

from dashboard.pages.base import can_administer, can_operate, frame
from dashboard.parameters import parameter_form
from executions.admin.handling import BUTTONS, REFUSALS
from executions.admin.runnable_job import RUN_NOW
from executions.alerts.episodes import acknowledge
from executions.dispatch import RunRequest, run_now
from executions.models import Alert, JobExecution
from jobs import cron
from jobs.admin.display import zone_of
from jobs.admin.doing import user_id
from jobs.admin.verbs import DISABLE, ENABLE, PAUSE, RESUME, Outcome, Verb, carry_out
from jobs.models import ScheduledJob

VERBS = (RUN_NOW, PAUSE, RESUME, ENABLE, DISABLE)
MOST_AT_ONCE = 500
MOST_NAMED = 10
NOTE_MAX_LENGTH = 1000


class Door(AccessMixin, View):
    """POST only. `may_pass` says who; `go` does it and returns where its effect is seen."""

    http_method_names = ["post"]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method != "POST":
            return self.http_method_not_allowed(request)
        if not request.user.is_authenticated:
            return self.handle_no_permission()
        if not self.may_pass(request):
            raise PermissionDenied
        return super().dispatch(request, *args, **kwargs)

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        try:
            place = self.go(request, **kwargs)
        except ScheduledJob.DoesNotExist:
            messages.error(request, _("The job was deleted meanwhile."))
            place = "jobs-page"
        return redirect(_asked_for(request) or place)

    def may_pass(self, request: HttpRequest) -> bool:
        return can_operate(request)

    def go(self, request: HttpRequest, **kwargs: Any) -> Any:
        raise NotImplementedError


class ExecutionDoor(Door):
    """Cancel, and one more attempt."""

    def go(self, request: HttpRequest, **kwargs: Any) -> Any:
        button = next((button for button in BUTTONS if button.name == kwargs["name"]), None)
        run = JobExecution.objects.select_related("job").filter(pk=kwargs["execution_id"]).first()
        if button is None or run is None:
            raise Http404
        try:
            run = button.press(run, user_id(request))
        except REFUSALS as fault:
            messages.error(request, str(fault))
        else:
            messages.success(request, str(button.said))
        return _page_of(run)


class JobDoor(Door):
    """A verb on one job: run now, pause, resume, enable, disable."""

    def may_pass(self, request: HttpRequest) -> bool:
        return may(request, _verb(self.kwargs["name"]))

    def go(self, request: HttpRequest, **kwargs: Any) -> Any:
        verb, job = _verb(kwargs["name"]), ScheduledJob.objects.live().get(pk=kwargs["job_id"])
        answers = _answers(request, verb, [job])
        if answers is not None:
            _tell(request, verb, carry_out(verb, [job], by=user_id(request), answers=answers))
        return reverse("job-page", args=[job.id])


class RunDoor(Door):
    """Run now with parameters of its own, from the form that the job type's schema made."""

    def go(self, request: HttpRequest, **kwargs: Any) -> Any:
        job = ScheduledJob.objects.live().get(pk=kwargs["job_id"])
        form = parameter_form(job, request.POST)
        place = reverse("job-page", args=[job.id])
        if not form.is_valid():
            _tell_faults(request, form)
            return f"{place}#run"
        asked = RunRequest(by=user_id(request), parameters=form.parameters())
        if not (asked.keeps_stored_parameters or can_administer(request)):
            raise PermissionDenied
        try:
            return _page_of(run_now(job, asked))
        except ValidationError as fault:
            messages.error(request, " ".join(fault.messages))
            return f"{place}#run"
        except RUN_NOW.refusals as fault:
            messages.error(request, str(fault))
            return f"{place}#run"


class AlertDoor(Door):
    """Somebody looks at it: who, and a note for the others."""

    def go(self, request: HttpRequest, **kwargs: Any) -> Any:
        note = request.POST.get("note", "").strip()[:NOTE_MAX_LENGTH]
        try:
            acknowledge(kwargs["alert_id"], by=user_id(request), note=note)
        except Alert.DoesNotExist:
            raise Http404 from None
        messages.success(request, _("Acknowledged. It stays here until it is over."))
        return "alerts-page"


class BulkDoor(Door):
    """A verb on the chosen jobs of the list. Without `confirmed` the page that says how many they are."""

    def may_pass(self, request: HttpRequest) -> bool:
        return may(request, _verb(request.POST.get("verb", "")))

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        verb = _verb(request.POST.get("verb", ""))
        jobs = list(ScheduledJob.objects.live().filter(pk__in=_keys(request.POST.getlist("job")))[:MOST_AT_ONCE])
        if not jobs:
            messages.warning(request, _("Choose some jobs first."))
            return redirect(_asked_for(request) or "jobs-page")
        answers = _answers(request, verb, jobs) if "confirmed" in request.POST else None
        if answers is None:
            form = verb.form(request.POST if "confirmed" in request.POST else None) if verb.form else None
            context = {"verb": verb, "jobs": jobs, "form": form, "next": _asked_for(request)}
            return render(request, "dashboard/bulk.html", {**frame(request, "jobs-page"), **context})
        _tell(request, verb, carry_out(verb, jobs, by=user_id(request), answers=answers))
        return redirect(_asked_for(request) or "jobs-page")


def _verb(name: str) -> Verb:
    verb = next((verb for verb in VERBS if verb.name == name), None)
    if verb is None:
        raise Http404
    return verb


def may(request: HttpRequest, verb: Verb) -> bool:
    return can_operate(request) if verb.permission == "operate" else can_administer(request)


def _answers(request: HttpRequest, verb: Verb, jobs: list[ScheduledJob]) -> dict[str, Any] | None:
    """What the verb's form was answered; instants in the jobs' zone. None: at fault, and said so."""
    if verb.form is None:
        return {}
    zones = {job.time_zone for job in jobs}
    with timezone.override(zone_of(zones.pop() if len(zones) == 1 else cron.DEFAULT_TIME_ZONE)):
        form = verb.form(request.POST)
        if form.is_valid():
            return form.cleaned_data
    _tell_faults(request, form)
    return None


def _tell_faults(request: HttpRequest, form: forms.Form) -> None:
    for name, faults in form.errors.items():
        label = form.fields[name].label if name in form.fields else ""
        messages.error(request, f"{label}: {' '.join(map(str, faults))}".removeprefix(": "))


def _tell(request: HttpRequest, verb: Verb, outcome: Outcome) -> None:
    if outcome.done:
        names = ", ".join(name for _page, name in outcome.done[:MOST_NAMED])
        messages.success(request, str(verb.done).format(jobs=f"{names}{_and_more(len(outcome.done))}"))
    if outcome.idle:
        names = ", ".join(outcome.idle[:MOST_NAMED])
        messages.info(request, _("Nothing to do, it is so already: %(jobs)s.") % {"jobs": names})
    for reason, refused in outcome.refused.items():
        messages.warning(request, f"{', '.join(refused[:MOST_NAMED])}{_and_more(len(refused))}: {reason}")


def _and_more(count: int) -> str:
    return _(" and %(count)d more") % {"count": count - MOST_NAMED} if count > MOST_NAMED else ""


def _keys(texts: list[str]) -> list[uuid.UUID]:
    try:
        return [uuid.UUID(text) for text in texts]
    except ValueError:
        raise Http404 from None


def _page_of(run: JobExecution) -> str:
    return reverse("execution-page", args=[run.id])


def _asked_for(request: HttpRequest) -> str:
    """Where the form wants to come back to, if that is a page of ours."""
    place = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(place, allowed_hosts={request.get_host()})
    return place if place.startswith("/") and is_ours else ""
