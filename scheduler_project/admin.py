"""The admin site: this service's own name, its apps first, open to whoever has a role."""

from typing import Any

from django.conf import settings
from django.contrib.admin import AdminSite
from django.contrib.auth.forms import AuthenticationForm
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from jobs import holds

# In this order on the index and in the side bar; what is not named comes after, by name.
APPS = ("jobs", "executions", "django_celery_beat", "identity", "audit")
MODELS = (
    "ScheduledJob", "JobExecution", "Alert", "Notice", "Worker", "LedgerCheck", "ParkedMessage", "AuditCursor",
    "PeriodicTask", "Record",
)  # fmt: skip


class SchedulerAdminSite(AdminSite):
    site_header = "SchedulerService"
    site_title = "SchedulerService"
    index_title = _("Schedules, executions and access")
    index_template = "admin/scheduler_index.html"
    enable_nav_sidebar = False  # the lists need the width; the header has the ways
    login_form = AuthenticationForm  # whether someone may come in is said by their role, not by `is_staff`

    def has_permission(self, request: HttpRequest) -> bool:
        return request.user.is_active and (request.user.is_staff or request.user.has_module_perms("jobs"))

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        context = super().each_context(request)
        models = [model for app in context["available_apps"] for model in app["models"] if model.get("admin_url")]
        sections = [model for model in models if model["object_name"] in MODELS]
        hold = holds.current() if self.has_permission(request) else None
        return {
            **context,
            "sections": sorted(sections, key=lambda model: _place(MODELS, model["object_name"])),
            "hold": hold,
        }

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[dict[str, Any]]:
        apps: list[dict[str, Any]] = super().get_app_list(request, app_label)
        for app in apps:
            app["models"].sort(key=lambda model: _place(MODELS, model["object_name"]))
        return sorted(apps, key=lambda app: _place(APPS, app["app_label"]))

    def index(self, request: HttpRequest, extra_context: Any = None) -> Any:
        elsewhere = [(_("API documentation"), "/api/scheduler/docs"), (_("Flower"), settings.SCHEDULER_FLOWER_URL)]
        return super().index(request, {"elsewhere": elsewhere, **(extra_context or {})})


def _place(order: tuple[str, ...], name: str) -> int:
    return order.index(name) if name in order else len(order)
