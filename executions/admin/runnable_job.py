"""What runs add to the admin of jobs: run now, and the way from a job to its executions."""

import uuid
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from executions.dispatch import AlreadyRunning, JobNotEnabled, RunRequest, run_now
from jobs.admin.display import page_of
from jobs.admin.scheduled_job import ScheduledJobAdmin
from jobs.admin.verbs import Verb
from jobs.enums import JobStatus
from jobs.models import ScheduledJob


def _run(job: ScheduledJob, *, by: uuid.UUID) -> str:
    return page_of(run_now(job, RunRequest(by=by)))


RUN_NOW = Verb(
    "run_now", gettext_lazy("Run now"), gettext_lazy("Run selected jobs now"), gettext_lazy("Run queued: {jobs}."),
    permission="operate", suits=lambda job: job.status != JobStatus.DISABLED, perform=_run,
    refusals=(JobNotEnabled, AlreadyRunning),
)  # fmt: skip

admin.site.unregister(ScheduledJob)


@admin.register(ScheduledJob)
class RunnableJobAdmin(ScheduledJobAdmin):
    verbs = (RUN_NOW, *ScheduledJobAdmin.verbs)

    def links(self, request: HttpRequest, job: ScheduledJob) -> list[tuple[Any, str]]:
        executions = f"{reverse('admin:executions_jobexecution_changelist')}?job={job.pk}"
        return [(_("Executions"), executions), *super().links(request, job)]
