"""A form for a job type's parameters, made from the JSON Schema of its parameter model.

Flat parameters get a field of their kind; a nested one is written as JSON. What a field does not know (bounds across
fields, patterns) the parameter model says when the run is asked for.
"""

from collections.abc import Collection, Iterator, Mapping
from copy import copy
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.translation import gettext as _

from jobs import registry
from jobs.forms import ReadableJSONField
from jobs.models import ScheduledJob

PREFIX = "parameter"


class ParameterForm(forms.Form):
    """`parameters()`: None when nothing differs from the job's stored ones.

    `only`: what its reader may change; None: everything. The rest is shown, and `is_overstepped` says that a value of
    it was sent all the same.
    """

    def __init__(
        self, job: ScheduledJob, data: QueryDict | None = None, *, only: Collection[str] | None = None
    ) -> None:
        super().__init__(data, prefix=PREFIX)
        self.stored = job.parameters or {}
        self.is_overstepped = False
        schema = registry.get(job.job_type).parameters_model.model_json_schema()
        self.defaults = {name: about.get("default") for name, about in schema.get("properties", {}).items()}
        for name, about in schema.get("properties", {}).items():
            self.fields[name] = _field(name, about, schema, initial=self.stored.get(name, about.get("default")))
            self.fields[name].disabled = only is not None and name not in only

    @property
    def is_restricted(self) -> bool:
        return any(field.disabled for field in self.fields.values())

    def clean(self) -> dict[str, Any]:
        for name, field in self.fields.items():
            if field.disabled and self.add_prefix(name) in self.data and self._sent(name) != self._was(name):
                self.overstep(name)
        return self.cleaned_data

    def overstep(self, name: str) -> None:
        self.is_overstepped = True
        self.add_error(name if name in self.fields else None, _("Only an administrator may change this."))

    def parameters(self) -> dict[str, Any] | None:
        open_to_change = [name for name, field in self.fields.items() if not field.disabled]
        asked = {name: self.cleaned_data[name] for name in open_to_change if not self._is_empty(name)}
        chosen = {name: value for name, value in asked.items() if value != self._was(name)}
        if not chosen:
            return None
        return chosen if chosen == {"dryRun": True} else {**self.stored, **chosen}

    def _sent(self, name: str) -> Any:
        field = copy(self.fields[name])
        field.disabled = False  # else it would not read what was sent
        try:
            return field.to_python(field.widget.value_from_datadict(self.data, self.files, self.add_prefix(name)))
        except ValidationError as fault:
            return fault

    def _was(self, name: str) -> Any:
        return self.stored.get(name, self.defaults[name])

    def _is_empty(self, name: str) -> bool:
        return self.cleaned_data[name] in (None, "") and self._was(name) in (None, "")


def parameter_form(
    job: ScheduledJob, data: QueryDict | None = None, *, only: Collection[str] | None = None
) -> ParameterForm:
    """Raises registry.UnknownJobType."""
    return ParameterForm(job, data, only=only)


def _field(name: str, about: Mapping[str, Any], schema: Mapping[str, Any], *, initial: Any) -> forms.Field:
    about = {**about, **next(_kinds(about, schema), {})}
    told = about.get("description", "")
    # A job type says it in English, as the API does; people read it in their own language where there is a translation.
    shown = {"label": name, "help_text": _(told) if told else "", "required": False, "initial": initial}
    match about.get("type"):
        case "boolean":
            return forms.BooleanField(**shown)
        case "integer":
            return forms.IntegerField(min_value=about.get("minimum"), max_value=about.get("maximum"), **shown)
        case "number":
            return forms.FloatField(min_value=about.get("minimum"), max_value=about.get("maximum"), **shown)
        case "string" if choices := about.get("enum"):
            return forms.ChoiceField(choices=[(each, each) for each in choices], **shown)
        case "string":
            return forms.CharField(max_length=about.get("maxLength"), **shown)
    return ReadableJSONField(**{**shown, "help_text": f"{shown['help_text']} {_('As JSON.')}".strip()})


def _kinds(about: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """What the parameter may be beside null, its references resolved."""
    for each in [about, *about.get("anyOf", ()), *about.get("allOf", ())]:
        found = schema.get("$defs", {}).get(str(each.get("$ref", "")).rsplit("/", 1)[-1], each)
        if found.get("type") not in (None, "null"):
            yield found
