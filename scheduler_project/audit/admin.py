"""The admin of the audit trail: to read, to narrow down and to search."""

import uuid
from contextlib import suppress
from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy

from executions.admin.filters import CappedPaginator, SinceFilter
from executions.admin.reading import ReadOnlyAdmin
from jobs.admin.display import NOTHING, instant, pretty_json
from scheduler_project.audit.api import FOUND_BY_WORD
from scheduler_project.audit.models import Record


@admin.register(Record)
class RecordAdmin(ReadOnlyAdmin):
    list_display = ("when", "who", "with_what", "action", "subject", "address")
    list_filter = (SinceFilter, "means", "subject_type", ("action", admin.AllValuesFieldListFilter))
    list_per_page = 50
    ordering = ("-id",)
    sortable_by = ()
    paginator = CappedPaginator
    search_fields = ("user_name",)  # what is asked is decided in get_search_results
    search_help_text = gettext_lazy("Who, what, token or address; or an id of a user, a subject or a request")
    fields = (
        "when", "who", "user_id", "with_what", "address", "correlation_id", "action", "subject", "subject_id",
        "was", "became",
    )  # fmt: skip

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        wanted = Q(*((f"{field}__icontains", term) for field in FOUND_BY_WORD), _connector=Q.OR)
        wanted |= Q(correlation_id=term) | Q(subject_id=term)
        with suppress(ValueError):
            wanted |= Q(user_id=uuid.UUID(term))
        return queryset.filter(wanted), False

    @admin.display(description=gettext_lazy("at"))
    def when(self, record: Record) -> str:
        return instant(record.at, seconds=True)

    @admin.display(description=gettext_lazy("who"))
    def who(self, record: Record) -> str:
        return record.user_name or str(record.user_id or NOTHING)

    @admin.display(description=gettext_lazy("with what"))
    def with_what(self, record: Record) -> str:
        return f"{record.get_means_display()} {record.credential}".strip()

    @admin.display(description=gettext_lazy("subject"))
    def subject(self, record: Record) -> str:
        return format_html('{}<span class="detail">{}</span>', record.subject_name or NOTHING, record.subject_type)

    @admin.display(description=gettext_lazy("before"))
    def was(self, record: Record) -> str:
        return pretty_json(record.before)

    @admin.display(description=gettext_lazy("after"))
    def became(self, record: Record) -> str:
        return pretty_json(record.after)
