"""Admin pages that only show, and where Flower shows the same."""

from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest

from jobs.admin.display import NOTHING


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Rows that the system writes: nobody adds, changes or deletes them here."""

    actions = None
    empty_value_display = NOTHING
    show_full_result_count = False

    class Media:
        css = {"all": ["jobs/admin.css"]}

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def flower_url(kind: str, name: Any) -> str:
    """Flower's page of a task or a worker; nothing where there is no Flower."""
    if not settings.SCHEDULER_FLOWER_URL:
        return ""
    return f"{settings.SCHEDULER_FLOWER_URL}/{kind}/{quote(str(name))}"
