"""What a person can ask of a job: each verb is an action of the list and a button of the page."""

import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from jobs.admin.display import page_of
from jobs.enums import JobStatus
from jobs.forms import PauseForm
from jobs.models import ScheduledJob, WrongStatus

MOST_JOBS_NAMED = 20
Deed = Callable[..., str | None]


@dataclass(frozen=True)
class Verb:
    """`perform(job, by=..., **answers)` returns the page to see the effect on, None when it was so already."""

    name: str
    label: Any
    action_label: Any
    done: Any  # sentence with {jobs}
    permission: str  # of the model: change or operate
    suits: Callable[[ScheduledJob], bool]  # whether the job's page offers it
    perform: Deed
    refusals: tuple[type[Exception], ...] = ()
    form: type[forms.Form] | None = None  # what must be answered first


@dataclass
class Outcome:
    """What a verb did to some jobs: pages of those done, names of those that were so already, refusals by sentence."""

    done: list[tuple[str, str]] = field(default_factory=list)
    idle: list[str] = field(default_factory=list)
    refused: dict[str, list[str]] = field(default_factory=dict)


def carry_out(
    verb: Verb, jobs: Iterable[ScheduledJob], *, by: uuid.UUID, answers: Mapping[str, Any] | None = None
) -> Outcome:
    """Each job for itself: what one refuses holds up no other."""
    outcome = Outcome()
    for job in jobs:
        try:
            page = verb.perform(job, by=by, **(answers or {}))
        except ScheduledJob.DoesNotExist:
            outcome.refused.setdefault(_("The job was deleted meanwhile."), []).append(job.name)
        except verb.refusals as refusal:
            outcome.refused.setdefault(str(refusal), []).append(job.name)
        else:
            if page is None:
                outcome.idle.append(job.name)
            else:
                outcome.done.append((page, job.name))
    return outcome


def tell(request: HttpRequest, verb: Verb, outcome: Outcome) -> None:
    """Say it in messages: what was done, what was so already, and each refusal with its jobs."""
    if outcome.done:
        links = format_html_join(", ", '<a href="{}">{}</a>', outcome.done[:MOST_JOBS_NAMED])
        messages.success(request, format_html(str(verb.done), jobs=format_html("{}{}", links, _and_more(outcome.done))))
    if outcome.idle:
        messages.info(request, _("Nothing to do, it is so already: %(jobs)s.") % {"jobs": _listed(outcome.idle)})
    for reason, names in outcome.refused.items():
        messages.warning(request, f"{_listed(names)}: {reason}")


def _listed(names: list[str]) -> str:
    return ", ".join(names[:MOST_JOBS_NAMED]) + _and_more(names)


def _and_more(names: list[Any]) -> str:
    more = len(names) - MOST_JOBS_NAMED
    return _(" and %(count)d more") % {"count": more} if more > 0 else ""


def _changes(change: Callable[..., ScheduledJob]) -> Deed:
    """The job's own page when the verb made a new version of it."""

    def perform(job: ScheduledJob, **answers: Any) -> str | None:
        after = change(job, **answers)
        return page_of(after) if after.version != job.version else None

    return perform


ENABLE = Verb(
    "enable", gettext_lazy("Enable"), gettext_lazy("Enable selected jobs"), gettext_lazy("Enabled: {jobs}."),
    permission="change", suits=lambda job: job.status == JobStatus.DISABLED, perform=_changes(ScheduledJob.enable),
)  # fmt: skip
DISABLE = Verb(
    "disable", gettext_lazy("Disable"), gettext_lazy("Disable selected jobs"),
    gettext_lazy("Disabled, and their waiting runs cancelled: {jobs}."),
    permission="change", suits=lambda job: job.status != JobStatus.DISABLED, perform=_changes(ScheduledJob.disable),
)  # fmt: skip
PAUSE = Verb(
    "pause", gettext_lazy("Pause…"), gettext_lazy("Pause selected jobs…"),
    gettext_lazy("Paused; each due time is recorded as skipped: {jobs}."),
    permission="operate", suits=lambda job: job.status != JobStatus.DISABLED, perform=_changes(ScheduledJob.pause),
    refusals=(WrongStatus,), form=PauseForm,
)  # fmt: skip
RESUME = Verb(
    "resume", gettext_lazy("Resume"), gettext_lazy("Resume selected jobs"), gettext_lazy("Resumed: {jobs}."),
    permission="operate", suits=lambda job: job.status == JobStatus.PAUSED, perform=_changes(ScheduledJob.resume),
    refusals=(WrongStatus,),
)  # fmt: skip
