"""What may be done from the pages: each door asks for the role, calls one verb of the lower layers, says the result.

The dashboard itself writes nothing.
"""

from abc import ABC, abstractmethod
from typing import Any

from django.contrib import messages
from django.contrib.auth.mixins import AccessMixin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.generic import View

from dashboard.pages.base import can_operate
from executions.admin.handling import BUTTONS, REFUSALS
from executions.alerts.episodes import acknowledge
from executions.models import Alert, JobExecution
from jobs.admin.display import people
from jobs.admin.doing import user_id
from jobs.models import ScheduledJob

NOTE_MAX_LENGTH = 1000


class Door(AccessMixin, View, ABC):
    """For POST. `may_pass` says who; `go` does it and returns where its effect is seen, or the page that says so.

    Who comes by GET was sent to the login on the way, or has changed the language of an answer: they find themselves
    on the page that the door belongs to (`page`), and nothing was done.
    """

    http_method_names = ["get", "post"]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method not in ("GET", "POST"):
            return self.http_method_not_allowed(request)
        if not request.user.is_authenticated:
            return self.handle_no_permission()
        if request.method == "POST" and not self.may_pass(request):
            raise PermissionDenied
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        messages.warning(request, _("Nothing was done. Ask for it again here."))
        return redirect(self.page(**kwargs))

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        try:
            place = self.go(request, **kwargs)
        except ScheduledJob.DoesNotExist:
            messages.error(request, _("The job was deleted meanwhile."))
            place = "jobs-page"
        return place if isinstance(place, HttpResponse) else redirect(asked_for(request) or place)

    def may_pass(self, request: HttpRequest) -> bool:
        return can_operate(request)

    @abstractmethod
    def page(self, **kwargs: Any) -> str: ...

    @abstractmethod
    def go(self, request: HttpRequest, **kwargs: Any) -> str | HttpResponse: ...


class ExecutionDoor(Door):
    """Cancel, and one more attempt."""

    def page(self, **kwargs: Any) -> str:
        return page_of_run(kwargs["execution_id"])

    def go(self, request: HttpRequest, **kwargs: Any) -> str:
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
        return page_of_run(run.id)


class AlertDoor(Door):
    """Somebody looks at it: who, and a note for the others."""

    def page(self, **kwargs: Any) -> str:
        return f"{reverse('alerts-page')}?alert={kwargs['alert_id']}"

    def go(self, request: HttpRequest, **kwargs: Any) -> str:
        note = request.POST.get("note", "").strip()[:NOTE_MAX_LENGTH]
        try:
            alert = acknowledge(kwargs["alert_id"], by=user_id(request), note=note)
        except Alert.DoesNotExist:
            raise Http404 from None
        if (alert.acknowledged_by, alert.note) == (user_id(request), note):
            messages.success(request, _("Acknowledged. It stays here until it is over."))
        else:
            messages.warning(request, _too_late(alert, note))
        return "alerts-page"


def _too_late(alert: Alert, note: str) -> str:
    """The first one's name and note stand; the other's words are given back, not dropped without a sound."""
    who = people([alert.acknowledged_by])[alert.acknowledged_by]
    told = _("%(who)s had acknowledged it before you.") % {"who": who}
    return " ".join([told, _("Your note was not kept: “%(note)s”") % {"note": note}]) if note else told


def page_of_run(key: Any) -> str:
    return reverse("execution-page", args=[key])


def asked_for(request: HttpRequest) -> str:
    """Where the form wants to come back to, if that is a page of ours."""
    place = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(place, allowed_hosts={request.get_host()})
    return place if place.startswith("/") and is_ours else ""
