"""django-celery-beat's tables in the admin: what mirrors a job is read-only and leads to it, the rest is as stock."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django_celery_beat.admin import CrontabScheduleAdmin, PeriodicTaskAdmin, ScheduleAdmin
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from jobs.admin.display import link
from jobs.models import ScheduledJob
from jobs.periodic import BELL_TASK, MARK, TICK_NAME, mirrored

for _model in (PeriodicTask, CrontabSchedule, IntervalSchedule):
    admin.site.unregister(_model)


def is_ours(row: Any) -> bool:
    """Whether a periodic task is a mirror or the tick, or a schedule serves one."""
    if isinstance(row, PeriodicTask):
        return bool(row.task == BELL_TASK or row.description == MARK)
    return row is not None and bool(mirrored().filter(pk__in=row.periodictask_set.values("pk")).exists())


class MirrorsAreReadOnly:
    def get_actions(self, request: HttpRequest) -> Any:
        """The library's own run, enable and disable whatever is selected, and ask for no permission."""
        return super().get_actions(request) if self.has_change_permission(request) else {}  # type: ignore[misc]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return not is_ours(obj) and super().has_change_permission(request, obj)  # type: ignore[misc]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return not is_ours(obj) and super().has_delete_permission(request, obj)  # type: ignore[misc]


@admin.register(PeriodicTask)
class MirrorAwarePeriodicTaskAdmin(MirrorsAreReadOnly, PeriodicTaskAdmin):  # type: ignore[misc]
    change_form_template = "admin/django_celery_beat/periodictask/change_form.html"
    date_hierarchy = None
    list_filter = ("enabled", "one_off", "task")
    MIRROR = ("name", "task", "enabled", "description", "crontab", "interval", "last_run_at")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is not None and is_ours(obj):
            return [(None, {"fields": self.MIRROR})]
        return super().get_fieldsets(request, obj)

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        task = kwargs.get("obj")
        if task is not None and is_ours(task):
            context["mirror_of"] = self._mirror_of(task)
        return super().render_change_form(request, context, *args, **kwargs)

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        """Actions pass our rows over, and say so."""
        ours = queryset.filter(pk__in=mirrored().values("pk"))
        if request.POST.get("select_across") != "1":
            ours = ours.filter(pk__in=request.POST.getlist("_selected_action"))
        if names := list(ours.values_list("name", flat=True)[:20]):
            text = _("Left as they are, since they mirror scheduled jobs: %(names)s.") % {"names": ", ".join(names)}
            self.message_user(request, text, messages.WARNING)
        return super().response_action(request, queryset.exclude(pk__in=mirrored().values("pk")))

    def _mirror_of(self, task: Any) -> str:
        if task.name == TICK_NAME:
            return _(
                "Read-only: this row lets the stock DatabaseScheduler fire what is due. Our own beat does not need it."
            )
        job = ScheduledJob.objects.live().filter(key=task.name).first()
        if job is None:
            return _("Read-only: no job has this row's name. Run “manage.py rebuild_periodic_tasks” to remove it.")
        return format_html(_("Read-only: this row mirrors the job {}. Change the job, and the row follows."), link(job))


@admin.register(CrontabSchedule)
class MirrorAwareCrontabAdmin(MirrorsAreReadOnly, CrontabScheduleAdmin):  # type: ignore[misc]
    pass


@admin.register(IntervalSchedule)
class MirrorAwareIntervalAdmin(MirrorsAreReadOnly, ScheduleAdmin):  # type: ignore[misc]
    pass
