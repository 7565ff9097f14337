"""The forms of the admin: a job's definition, and the reason and end of a pause."""

import json
from collections.abc import Iterator
from functools import cache
from itertools import groupby
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.core.exceptions import ValidationError
from django.forms.fields import InvalidJSONInput
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from jobs import cron, registry
from jobs.models import DEFINITION_FIELDS, ScheduledJob


class ReadableJSONField(forms.JSONField):
    """JSON in lines, and a refusal that names the place."""

    widget = forms.Textarea

    def prepare_value(self, value: Any) -> Any:
        if value is None:
            return ""
        return (
            super().prepare_value(value) if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
        )

    def bound_data(self, data: Any, initial: Any) -> Any:
        try:
            return super().bound_data(data, initial)
        except RecursionError:
            return InvalidJSONInput(data)

    def to_python(self, value: Any) -> Any:
        try:
            return super().to_python(value)
        except (ValidationError, RecursionError):
            raise ValidationError(_place_of_fault(str(value)), code="invalid") from None


class AddressListField(forms.CharField):
    """E-mail addresses, one a line or with commas between them; the model says which is none."""

    widget = forms.Textarea

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(map(str, value)) if isinstance(value, list) else value

    def to_python(self, value: Any) -> list[str]:  # type: ignore[override]
        if isinstance(value, list):
            return value
        return (value or "").replace(",", " ").replace(";", " ").split()

    def has_changed(self, initial: Any, data: Any) -> bool:
        return self.to_python(initial) != self.to_python(data)


class ScheduledJobForm(forms.ModelForm):  # type: ignore[type-arg]
    """A job's definition. What it holds is stored by `ScheduledJob.define` or `redefine`, never by `save`."""

    # Set by the admin when the verb refused what the form had let pass: shown as the form's own fault.
    refusal: ValidationError | None = None

    job_type = forms.ChoiceField(label=_("Job type"))
    time_zone = forms.ChoiceField(label=_("Time zone"), initial=cron.DEFAULT_TIME_ZONE)
    parameters = ReadableJSONField(
        label=_("Parameters"), required=False,
        widget=forms.Textarea(attrs={"rows": 9, "class": "vLargeTextField monospace", "spellcheck": "false"}),
        help_text=_("A JSON object; leave it empty to take every default."),
    )  # fmt: skip
    notification_emails = AddressListField(
        label=_("Notification e-mails"), required=False,
        widget=forms.Textarea(attrs={"rows": 2, "class": "vLargeTextField"}),
        help_text=_("One address a line."),
    )  # fmt: skip
    seen_version = forms.IntegerField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = ScheduledJob
        fields = (
            "name", "description", "job_type", "parameters", "cron_expression", "time_zone", "status", "max_retries",
            "retry_delay_minutes", "notify_on_failure", "notification_emails", "retry_backoff", "timeout_seconds",
            "overlap_policy", "misfire_policy", "misfire_grace_seconds", "start_deadline_seconds",
            "max_duration_seconds", "grace_seconds", "max_consecutive_failures", "queue", "priority",
        )  # fmt: skip
        widgets = {
            "name": forms.TextInput(attrs={"class": "vLargeTextField"}),
            "description": forms.Textarea(attrs={"rows": 2, "class": "vLargeTextField"}),
            "cron_expression": forms.TextInput(
                attrs={"class": "monospace", "autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"}
            ),
        }
        help_texts = {
            "cron_expression": format_lazy(
                _("Minute, hour, day-of-month, month, day-of-week, as in {example}; or {macro} and its like."),
                example="30 3 * * 1-5", macro="@daily",
            ),
            "status": _(
                "Disabled: off the schedule. Paused: each due time is recorded as skipped; the Pause button also asks"
                " for a reason and an end."
            ),
            "max_retries": _("0 to 20. A run has one attempt more than this."),
            "retry_delay_minutes": _("0 to 1440: how long after a failure the next attempt comes."),
            "notify_on_failure": _("One message when a run has finally failed, its retries used up."),
            "retry_backoff": _("Exponential doubles the delay with each attempt, up to 24 hours."),
            "timeout_seconds": _("The run is asked to stop after this, and ended 30 s later."),
            "overlap_policy": _("What happens when a due time comes while a run is active."),
            "misfire_policy": _("What happens with due times that passed while nothing could fire."),
            "misfire_grace_seconds": _("A due time that is at most this late fires as usual."),
            "start_deadline_seconds": _("A run that waits longer in the queue counts as missed. Empty: it waits."),
            "max_duration_seconds": _("A longer run raises an alert. Empty: 1800."),
            "grace_seconds": _("An alert is raised when a run has not started this long after its due time."),
            "max_consecutive_failures": _(
                "More finally failed runs in a row than this raise an alert. Empty: the service's own limit."
            ),
            "queue": _("The Celery queue; some worker must consume it."),
            "priority": _("0 to 9; 9 goes first."),
        }  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, choices, stored in (
            ("job_type", _job_types(), self.instance.job_type),
            ("time_zone", _time_zones(), self.instance.time_zone),
        ):
            if name in self.fields:
                self.fields[name].choices = [*choices, *_kept(stored, choices)]  # type: ignore[attr-defined]
        self.fields["seen_version"].initial = self.instance.version

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if self.refusal is not None:
            raise self.refusal
        return cleaned

    @property
    def definition(self) -> dict[str, Any]:
        """The cleaned fields as the verbs take them."""
        return {name: value for name, value in self.cleaned_data.items() if name in DEFINITION_FIELDS}


class PauseForm(forms.Form):
    """Why, and until when; the time is read in the active time zone."""

    reason = forms.CharField(
        label=_("Reason"), max_length=500, required=False, widget=forms.TextInput(attrs={"class": "vTextField"}),
        help_text=_("Shown wherever the job is shown."),
    )  # fmt: skip
    until = forms.DateTimeField(
        label=_("Until"), required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text=_("The job then resumes by itself. Empty: until somebody resumes it."),
    )  # fmt: skip

    def clean_until(self) -> Any:
        until = self.cleaned_data["until"]
        if until and until <= timezone.now():
            raise ValidationError(_("This time has passed. Choose a later one, or leave it empty."))
        return until


def _place_of_fault(text: str) -> Any:
    try:
        json.loads(text)
    except json.JSONDecodeError as fault:
        place = _("This is not JSON: line {line}, column {column}: {fault}.")
        return format_lazy(place, line=fault.lineno, column=fault.colno, fault=fault.msg)
    except RecursionError:
        return _("This is nested too deeply.")
    return _("This is not JSON.")


def _job_types() -> list[tuple[str, str]]:
    return [("", "---------"), *((job_type.name, job_type.name) for job_type in registry.types())]


def _kept(stored: str, choices: Any) -> Iterator[tuple[str, str]]:
    """A stored value that is no choice (an alias, a class taken away): an edit of other fields must not lose it."""
    known = {value for value, label in choices if isinstance(label, str)}
    known |= {value for _group, entries in choices if not isinstance(entries, str) for value, _label in entries}
    if stored and stored not in known:
        yield stored, stored


@cache
def _time_zones() -> tuple[Any, ...]:
    """The business's own zone first, then every other by continent."""
    names = sorted(available_timezones(), key=lambda name: ("/" not in name, name))
    by_continent = groupby(names, key=lambda name: name.split("/", 1)[0] if "/" in name else "…")
    return (
        (cron.DEFAULT_TIME_ZONE, cron.DEFAULT_TIME_ZONE),
        *((continent, tuple((name, name) for name in members)) for continent, members in by_continent),
    )
