"""What a person may ask of jobs from the pages: which verbs, whose they are, and how what they did is said."""

from collections.abc import Sequence
from typing import Any, TypeVar

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest
from django.urls import resolve, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _

from dashboard.pages.base import can_administer, can_operate
from executions.admin.runnable_job import RUN_NOW
from jobs import cron
from jobs.admin.display import zone_of
from jobs.admin.verbs import DISABLE, ENABLE, PAUSE, RESUME, Outcome, Verb
from jobs.models import ScheduledJob

Form = TypeVar("Form", bound=forms.Form)
VERBS = (RUN_NOW, PAUSE, RESUME, ENABLE, DISABLE)
MOST_NAMED = 10
# The verbs lead to pages of the admin; here one sees the same elsewhere.
OUR_PAGES = {"executions_jobexecution_change": "execution-page", "jobs_scheduledjob_change": "job-page"}


def named(name: str) -> Verb:
    """Raises Http404."""
    verb = next((verb for verb in VERBS if verb.name == name), None)
    if verb is None:
        raise Http404
    return verb


def may(request: HttpRequest, verb: Verb) -> bool:
    return can_operate(request) if verb.permission == "operate" else can_administer(request)


def form_of(form_class: type[forms.Form], jobs: Sequence[ScheduledJob], data: Any = None) -> forms.Form:
    """What a verb asks first, as it was answered by `data`. An instant in it is on the clock that its label names.

    That of the jobs, or of the business where theirs differ.
    """
    zones = {job.time_zone for job in jobs}
    zone = zones.pop() if len(zones) == 1 else cron.DEFAULT_TIME_ZONE
    with timezone.override(zone_of(zone)):
        form = form_class(data)
        form.is_valid()
    for field in form.fields.values():
        if isinstance(field, forms.DateTimeField):
            field.label = _("%(label)s, on the clock of %(zone)s") % {"label": field.label, "zone": zone}
    return focused(form)


def focused(form: Form) -> Form:
    """The reader is led to the first field that is at fault."""
    if at_fault := next((name for name in form.fields if name in form.errors), None):
        form.fields[at_fault].widget.attrs["autofocus"] = True
    return form


def tell(request: HttpRequest, verb: Verb, outcome: Outcome) -> None:
    if outcome.done:
        links = format_html_join(
            ", ", '<a href="{}">{}</a>', [(_ours(page), name) for page, name in outcome.done[:MOST_NAMED]]
        )
        jobs = format_html("{}{}", links, _and_more(len(outcome.done)))
        messages.success(request, format_html(str(verb.done), jobs=jobs))
    if outcome.idle:
        names = ", ".join(outcome.idle[:MOST_NAMED])
        messages.info(request, _("Nothing to do, it is so already: %(jobs)s.") % {"jobs": names})
    for reason, refused in outcome.refused.items():
        messages.warning(request, f"{', '.join(refused[:MOST_NAMED])}{_and_more(len(refused))}: {reason}")


def _ours(page: str) -> str:
    found = resolve(page)
    return reverse(OUR_PAGES[found.url_name], args=[found.kwargs["object_id"]]) if found.url_name in OUR_PAGES else page


def _and_more(count: int) -> str:
    return _(" and %(count)d more") % {"count": count - MOST_NAMED} if count > MOST_NAMED else ""
