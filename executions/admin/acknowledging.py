"""Saying that somebody looks after an alert, as an action of the list and as a button of its page."""

import uuid
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from executions.admin.reading import ReadOnlyAdmin
from executions.alerts import episodes, wording
from executions.models import Alert
from jobs.admin.display import page_of
from jobs.admin.doing import user_id

NOTE_MAX_LENGTH = Alert._meta.get_field("note").max_length or 0
MOST_NAMED = 20


class NoteForm(ActionForm):
    note = forms.CharField(label=gettext_lazy("Note"), required=False, max_length=NOTE_MAX_LENGTH)


class AcknowledgingAdmin(ReadOnlyAdmin):
    """An admin of alerts with that verb, for operators (SPEC §9)."""

    actions = ("acknowledge",)  # type: ignore[assignment]
    action_form = NoteForm
    change_form_template = "admin/executions/alert/change_form.html"

    # Whoever answers for `jobs.operate_scheduledjob`.
    def has_operate_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("jobs.operate_scheduledjob"))

    @admin.action(description=gettext_lazy("Acknowledge selected alerts"), permissions=["operate"])
    def acknowledge(self, request: HttpRequest, alerts: QuerySet[Alert]) -> None:
        """Who came first stays."""
        note = request.POST.get("note", "").strip()[:NOTE_MAX_LENGTH]
        new = list(alerts.filter(acknowledged_at=None))
        for alert in new:
            episodes.acknowledge(alert.pk, by=user_id(request), note=note)
            self.log_change(request, alert, _("Acknowledge"))
        if new:
            messages.success(request, _("Acknowledged: %(alerts)s.") % {"alerts": _titles(new)})
        else:
            messages.info(request, _("Somebody has acknowledged this before."))

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(self.acknowledge_view))
        return [path("<uuid:object_id>/acknowledge/", view, name="executions_alert_acknowledge"), *super().get_urls()]

    def acknowledge_view(self, request: HttpRequest, object_id: uuid.UUID) -> HttpResponse:
        """The button of an alert's page."""
        if not self.has_operate_permission(request):
            raise PermissionDenied
        alert = get_object_or_404(Alert, pk=object_id)
        self.acknowledge(request, Alert.objects.filter(pk=alert.pk).select_related("job"))
        return HttpResponseRedirect(page_of(alert))

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        alert = kwargs["obj"]
        may = self.has_operate_permission(request) and alert.acknowledged_at is None
        context["acknowledge_url"] = reverse("admin:executions_alert_acknowledge", args=[alert.pk]) if may else None
        context["note_max_length"] = NOTE_MAX_LENGTH
        return super().render_change_form(request, context, *args, **kwargs)


def _titles(alerts: list[Alert]) -> str:
    more = len(alerts) - MOST_NAMED
    named = ", ".join(wording.title(alert) for alert in alerts[:MOST_NAMED])
    return named + (_(" and %(count)d more") % {"count": more} if more > 0 else "")
