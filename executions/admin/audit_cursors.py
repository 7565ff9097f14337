"""The admin of what AuditService has been told: how far, how much, and what stands in the way."""

from django.contrib import admin
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from executions.admin.reading import ReadOnlyAdmin
from executions.models import AuditCursor
from jobs.admin.display import instant


@admin.register(AuditCursor)
class AuditCursorAdmin(ReadOnlyAdmin):
    list_display = ("what", "until", "told", "refused", "skipped", "failures", "next_try", "last_error")
    sortable_by = ()
    fields = (*list_display, "gave_up")

    @admin.display(description=gettext_lazy("what"))
    def what(self, cursor: AuditCursor) -> str:
        return {"runs": _("finished runs"), "changes": _("changes of jobs")}.get(cursor.stream, cursor.stream)

    @admin.display(description=gettext_lazy("told until"))
    def until(self, cursor: AuditCursor) -> str:
        return instant(cursor.told_until, seconds=True)

    @admin.display(description=gettext_lazy("next try at"))
    def next_try(self, cursor: AuditCursor) -> str:
        return instant(cursor.next_try_at, seconds=True)

    @admin.display(description=gettext_lazy("gave up at"))
    def gave_up(self, cursor: AuditCursor) -> str:
        return instant(cursor.gave_up_at, seconds=True)
