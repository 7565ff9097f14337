"""The admin of the ledger's checks, to read: planned due times against rows, newest first."""

from django.contrib import admin
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from executions.admin.reading import ReadOnlyAdmin
from executions.models import LedgerCheck
from jobs.admin.display import NOTHING, badge, instant


@admin.register(LedgerCheck)
class LedgerCheckAdmin(ReadOnlyAdmin):
    list_display = ("state", "begin", "end", "jobs", "planned", "unaccounted", "unplanned", "finished")
    list_display_links = ("state",)
    sortable_by = ()
    fields = ("state", "begin", "end", "jobs", "planned", "unaccounted", "unplanned", "differences", "finished")

    @admin.display(description=gettext_lazy("state"))
    def state(self, check: LedgerCheck) -> str:
        is_clean = not check.unaccounted and not check.unplanned
        return badge("closed", _("Complete")) if is_clean else badge("open", _("Not complete"))

    @admin.display(description=gettext_lazy("from"))
    def begin(self, check: LedgerCheck) -> str:
        return instant(check.checked_from, seconds=True)

    @admin.display(description=gettext_lazy("until"))
    def end(self, check: LedgerCheck) -> str:
        return instant(check.checked_until, seconds=True)

    @admin.display(description=gettext_lazy("finished at"))
    def finished(self, check: LedgerCheck) -> str:
        return instant(check.finished_at, seconds=True)

    @admin.display(description=gettext_lazy("examples"))
    def differences(self, check: LedgerCheck) -> SafeString | str:
        rows = [(_kind(each["kind"]), each["dueTime"], each["jobKey"]) for each in check.examples]
        return format_html_join("\n", "{} {} {}<br>", rows) or NOTHING


def _kind(kind: str) -> str:
    return _("unaccounted") if kind == "unaccounted" else _("unplanned")
