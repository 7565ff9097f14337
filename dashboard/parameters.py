"""A form for a job type's parameters, made from the JSON Schema of its parameter model.

Flat parameters get a field of their kind; a nested one is written as JSON. What a field does not know (bounds across
fields, patterns) the parameter model says when the run is asked for.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _

from jobs import registry
from jobs.forms import ReadableJSONField
from jobs.models import ScheduledJob

PREFIX = "parameter"


class ParameterForm(forms.Form):
    """`parameters()`: None when nothing differs from the job's stored ones."""

    def __init__(self, job: ScheduledJob, data: QueryDict | None = None) -> None:
        super().__init__(data, prefix=PREFIX)
        self.stored = job.parameters or {}
        schema = registry.get(job.job_type).parameters_model.model_json_schema()
        self.defaults = {name: about.get("default") for name, about in schema.get("properties", {}).items()}
        for name, about in schema.get("properties", {}).items():
            self.fields[name] = _field(name, about, schema, initial=self.stored.get(name, about.get("default")))

    def parameters(self) -> dict[str, Any] | None:
        asked = {name: self.cleaned_data[name] for name in self.fields if not self._is_empty(name)}
        chosen = {name: value for name, value in asked.items() if value != self._was(name)}
        if not chosen:
            return None
        return chosen if chosen == {"dryRun": True} else {**self.stored, **chosen}

    def _was(self, name: str) -> Any:
        return self.stored.get(name, self.defaults[name])

    def _is_empty(self, name: str) -> bool:
        return self.cleaned_data[name] in (None, "") and self._was(name) in (None, "")


def parameter_form(job: ScheduledJob, data: QueryDict | None = None) -> ParameterForm:
    """Raises registry.UnknownJobType."""
    return ParameterForm(job, data)


def _field(name: str, about: Mapping[str, Any], schema: Mapping[str, Any], *, initial: Any) -> forms.Field:
    about = {**about, **next(_kinds(about, schema), {})}
    shown = {"label": name, "help_text": about.get("description", ""), "required": False, "initial": initial}
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
