"""Cancel and one more attempt, as buttons of an execution's page."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from executions import control, dispatch
from executions.models import JobExecution
from jobs.admin.display import page_of
from jobs.admin.doing import user_id
from jobs.models import ScheduledJob

REFUSALS = (control.WrongState, dispatch.JobNotEnabled, dispatch.AlreadyRunning)


@dataclass(frozen=True)
class Button:
    """What somebody may do to an execution whose state `suits`. `press` returns the execution to look at next."""

    name: str
    label: Promise
    suits: Callable[[JobExecution], bool]
    press: Callable[[JobExecution, uuid.UUID], JobExecution]
    said: Promise


BUTTONS = (
    Button(
        "cancel", gettext_lazy("Cancel"), lambda run: not run.is_finished, lambda run, _by: control.cancel(run),
        gettext_lazy("The run is asked to stop; one that waits is cancelled at once."),
    ),
    Button(
        "retry", gettext_lazy("One more attempt"), lambda run: run.is_finished and run.job.deleted_at is None,
        lambda run, by: control.retry(run, by=by), gettext_lazy("One more attempt is queued."),
    ),
)  # fmt: skip


class HandlingAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """An admin of executions with those buttons, for operators (SPEC §9)."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(self.press_view))
        return [path("<uuid:object_id>/do/<slug:name>/", view, name="executions_jobexecution_do"), *super().get_urls()]

    def may_press(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("jobs.operate_scheduledjob"))

    def buttons(self, request: HttpRequest, run: JobExecution) -> list[dict[str, Any]]:
        return [
            {"label": button.label, "url": reverse("admin:executions_jobexecution_do", args=[run.pk, button.name])}
            for button in BUTTONS
            if self.may_press(request) and button.suits(run)
        ]

    def press_view(self, request: HttpRequest, object_id: uuid.UUID, name: str) -> HttpResponse:
        button = next((button for button in BUTTONS if button.name == name), None)
        run = JobExecution.objects.select_related("job").filter(pk=object_id).first()
        if button is None or run is None:
            raise Http404
        if not self.may_press(request):
            raise PermissionDenied
        try:
            run = button.press(run, user_id(request))
        except REFUSALS as fault:
            messages.error(request, str(fault))
        except ScheduledJob.DoesNotExist:
            messages.error(request, _("The job was deleted meanwhile."))
        else:
            messages.success(request, str(button.said))
        return HttpResponseRedirect(page_of(run))
