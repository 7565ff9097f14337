"""The admin of messages that no worker could read, newest first."""

from django.contrib import admin
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from executions.admin.reading import ReadOnlyAdmin
from executions.models import ParkedMessage
from executions.parked import MANY
from jobs.admin.display import NOTHING, instant, preformatted


@admin.register(ParkedMessage)
class ParkedMessageAdmin(ReadOnlyAdmin):
    list_display = ("parked", "queue", "why", "length", "worker_name")
    list_display_links = ("parked", "why")
    search_fields = ("queue", "reason", "content")
    sortable_by = ()
    fields = ("parked", "queue", "why", "length", "worker_name", "shown")

    @admin.display(description=gettext_lazy("parked at"))
    def parked(self, message: ParkedMessage) -> str:
        return instant(message.parked_at, seconds=True)

    @admin.display(description=gettext_lazy("reason"))
    def why(self, message: ParkedMessage) -> str:
        if message.reason == MANY:
            return _("%(count)s further messages within that second") % {"count": message.content}
        return message.reason

    @admin.display(description=gettext_lazy("size"))
    def length(self, message: ParkedMessage) -> str:
        return filesizeformat(message.size)

    @admin.display(description=gettext_lazy("content"))
    def shown(self, message: ParkedMessage) -> str:
        return NOTHING if message.reason == MANY else preformatted(message.content)
