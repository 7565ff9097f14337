"""The columns of the jobs list; the facts above a job's form are the same."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from jobs import cron
from jobs.admin.display import NOTHING, badge, duration, instant, sentence
from jobs.enums import ExecutionStatus
from jobs.models import ScheduledJob


class JobColumns:
    """A mixin of the job's admin."""

    @admin.display(description=gettext_lazy("status"), ordering="status")
    def state(self, job: ScheduledJob) -> str:
        shown = badge(job.status, job.get_status_display())
        details = [job.pause_reason] if job.pause_reason else []
        if job.paused_until:
            details.append(format_html(_("until {}"), instant(job.paused_until, job.time_zone)))
        return format_html("{}{}", shown, _details(details))

    @admin.display(description=gettext_lazy("schedule"))
    def schedule(self, job: ScheduledJob) -> str:
        zone = [] if job.time_zone == cron.DEFAULT_TIME_ZONE else [job.time_zone]
        return format_html(
            "{}{}",
            sentence(job.cron_expression),
            _details([format_html("<code>{}</code>", job.cron_expression), *zone]),
        )

    @admin.display(description=gettext_lazy("next execution"), ordering="next_execution_at")
    def next_execution(self, job: ScheduledJob) -> str:
        return instant(job.next_execution_at, job.time_zone)

    @admin.display(description=gettext_lazy("last execution"))
    def last_execution(self, job: ScheduledJob) -> str:
        if not job.last_execution_at:
            return NOTHING
        status = job.last_execution_status or ""
        label = ExecutionStatus(status).label if status in ExecutionStatus.values else status
        error = [job.last_execution_error[:120]] if job.last_execution_error else []
        return format_html(
            "{}{}", badge(status, label), _details([instant(job.last_execution_at, job.time_zone), *error])
        )

    @admin.display(description=gettext_lazy("runs"))
    def figures(self, job: ScheduledJob) -> str:
        if not job.total_executions:
            return NOTHING
        details = [_("%(count)d failed") % {"count": job.failed_executions}] if job.failed_executions else []
        average = _("avg. %(duration)s") % {"duration": duration(job.average_duration)}
        return format_html("{}{}", job.total_executions, _details([*details, average]))


def _details(lines: Iterable[Any]) -> str:
    """Smaller lines below a cell's main one."""
    shown = [format_html('<span class="detail">{}</span>', line) for line in lines]
    return format_html("{}" * len(shown), *shown) if shown else ""
