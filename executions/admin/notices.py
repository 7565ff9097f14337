"""The admin of what is told of alerts and failed runs: what waits and why, and a test of each channel."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from executions.admin.reading import ReadOnlyAdmin
from executions.enums import Channel, NoticeState
from executions.models import JobExecution, Notice
from executions.notices import outbox, wording
from executions.notices.contents import Item
from executions.notices.recipients import ADDRESS_MAX_LENGTH
from jobs.admin.display import NOTHING, badge, instant, link, page_of, preformatted
from jobs.gateways.notifications import is_address

ERROR_SHOWN = 120
COLOURS = {
    NoticeState.HELD: "paused", NoticeState.WAITING: "queued", NoticeState.SENT: "completed",
    NoticeState.REPLACED: "skipped", NoticeState.REFUSED: "failed",
}  # fmt: skip


@admin.register(Notice)
class NoticeAdmin(ReadOnlyAdmin):
    list_display = (
        "state_shown", "kind", "what", "channel", "recipient", "tries", "error", "created", "next_try", "sent",
    )  # fmt: skip
    list_display_links = ("state_shown",)
    list_filter = ("state", "kind", "channel")
    list_select_related = ("alert__job", "job")
    search_fields = ("recipient", "job__name", "alert__subject")
    sortable_by = ()
    fields = (
        "state_shown", "kind", "what", "channel", "recipient", "tries", "whole_error", "created", "next_try", "sent",
        "message_id",
    )  # fmt: skip
    actions: Any = ("try_again",)
    change_list_template = "admin/executions/notice/change_list.html"

    # Whoever answers for `jobs.operate_scheduledjob`: by the roles, operators (SPEC §9).
    def has_operate_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("jobs.operate_scheduledjob"))

    @admin.action(description=gettext_lazy("Try again now"), permissions=["operate"])
    def try_again(self, request: HttpRequest, notices: QuerySet[Notice]) -> None:
        count = outbox.try_again(notices)
        messages.success(request, _("Due now: %(count)d messages. They are sent within seconds.") % {"count": count})

    # --- A test of each channel --------------------------------------------------------------------------------------
    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(self.test_view))
        return [path("test/<str:channel>/", view, name="executions_notice_test"), *super().get_urls()]

    def may_test(self, request: HttpRequest) -> bool:
        """It writes to whatever address is given: for who may change jobs."""
        return bool(request.user.has_perm("jobs.change_scheduledjob"))

    def test_view(self, request: HttpRequest, channel: str) -> HttpResponse:
        if channel not in Channel.values:
            raise Http404
        if not self.may_test(request):
            raise PermissionDenied
        address = request.POST.get("address", "").strip() if channel == Channel.EMAIL else ""
        if channel == Channel.EMAIL and not (is_address(address) and len(address) <= ADDRESS_MAX_LENGTH):
            messages.error(request, _("“%(text)s” is no e-mail address.") % {"text": address})
            return HttpResponseRedirect(reverse("admin:executions_notice_changelist"))
        notice = outbox.test(Channel(channel), address)
        self.log_addition(request, notice, _("Test"))
        messages.success(request, _("The test is sent within seconds. Its line here says what became of it."))
        return HttpResponseRedirect(reverse("admin:executions_notice_changelist"))

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        tests = [
            {
                "label": _("Send a test: %(channel)s") % {"channel": channel.label},
                "url": reverse("admin:executions_notice_test", args=[channel.value]),
                "asks_address": channel == Channel.EMAIL,
            }
            for channel in Channel
            if self.may_test(request)
        ]
        return super().changelist_view(request, {**(extra_context or {}), "tests": tests})

    # --- Cells -------------------------------------------------------------------------------------------------------
    @admin.display(description=gettext_lazy("state"))
    def state_shown(self, notice: Notice) -> str:
        return badge(COLOURS[NoticeState(notice.state)], notice.get_state_display())

    @admin.display(description=gettext_lazy("about"))
    def what(self, notice: Notice) -> str:
        title = wording.title(Item(notice))
        if notice.alert_id and notice.alert:
            return link(notice.alert, title)
        if notice.execution_id:
            return format_html('<a href="{}">{}</a>', page_of(JobExecution(id=notice.execution_id)), title)
        return title

    @admin.display(description=gettext_lazy("last error"))
    def error(self, notice: Notice) -> str:
        return Truncator(notice.last_error).chars(ERROR_SHOWN) or NOTHING

    @admin.display(description=gettext_lazy("last error"))
    def whole_error(self, notice: Notice) -> str:
        return preformatted(notice.last_error)

    @admin.display(description=gettext_lazy("created at"))
    def created(self, notice: Notice) -> str:
        return instant(notice.created_at, seconds=True)

    @admin.display(description=gettext_lazy("next try at"))
    def next_try(self, notice: Notice) -> str:
        return instant(notice.next_try_at, seconds=True) if notice.state == NoticeState.WAITING else NOTHING

    @admin.display(description=gettext_lazy("sent at"))
    def sent(self, notice: Notice) -> str:
        return instant(notice.sent_at, seconds=True)
