"""What the job's form says about its fields while somebody types: the next due times, a type's parameters."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from jobs import cron, registry
from jobs.admin.display import dated, sentence

NEXT_TIMES_SHOWN = 5


def schedule(cron_expression: str, time_zone: str, *, now: datetime) -> str:
    """The expression in words, its next due times and remarks; or what is wrong with it."""
    context: dict[str, Any] = {"zone": time_zone or cron.DEFAULT_TIME_ZONE}
    if cron_expression.strip():
        try:
            parsed = cron.parse(cron_expression, time_zone or None)
        except cron.CronError as fault:
            context["fault"] = str(fault)
        else:
            context["sentence"] = sentence(cron_expression)
            context["next_times"] = [
                {"due": due, "shown": dated(due.local, "D j M Y, H:i")}
                for due in cron.preview(parsed, NEXT_TIMES_SHOWN, now)
            ]
            context["remarks"] = cron.lint(parsed, now)
    return render_to_string("jobs/schedule_preview.html", context)


def parameters(job_type_name: str) -> str:
    """What a job type does and which parameters it takes, as a table."""
    try:
        job_type = registry.get(job_type_name)
    except registry.UnknownJobType:
        return render_to_string("jobs/parameters_preview.html", {"is_chosen": bool(job_type_name)})
    schema = job_type.parameters_model.model_json_schema()
    required = schema.get("required", ())
    rows = [
        {
            "name": name,
            "kind": _kind(about, schema.get("$defs", {})),
            "is_required": name in required,
            "default": _default(about),
            "description": _(about["description"]) if about.get("description") else "",
        }
        for name, about in schema.get("properties", {}).items()
    ]
    return render_to_string("jobs/parameters_preview.html", {"job_type": job_type, "rows": rows})


def _kind(about: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    """A schema's type in words: “integer, 1 to 60”, “list of string”, “one of a, b”."""
    if "$ref" in about:
        return _kind(definitions.get(about["$ref"].rsplit("/", 1)[-1], {}), definitions)
    if choices := about.get("enum"):
        return _("one of %(choices)s") % {"choices": ", ".join(map(str, choices))}
    if alternatives := about.get("anyOf") or about.get("allOf"):
        return _(" or ").join(_kind(each, definitions) for each in alternatives)
    if about.get("type") == "array":
        return _("list of %(kind)s") % {"kind": _kind(about.get("items", {}), definitions)}
    return ", ".join([_kind_name(about), *_bounds(about)])


def _kind_name(about: Mapping[str, Any]) -> str:
    names = {
        "string": _("text"), "integer": _("whole number"), "number": _("number"), "boolean": _("true or false"),
        "object": _("object"), "null": "null",
    }  # fmt: skip
    return names.get(str(about.get("type")), _("anything"))


def _bounds(about: Mapping[str, Any]) -> Iterable[str]:
    words = {
        "minimum": _("at least %s"), "exclusiveMinimum": _("more than %s"), "maximum": _("at most %s"),
        "exclusiveMaximum": _("less than %s"), "maxLength": _("at most %s characters"),
    }  # fmt: skip
    return (text % f"{about[name]:g}" for name, text in words.items() if name in about)


def _default(about: Mapping[str, Any]) -> Any:
    return json.dumps(about["default"], ensure_ascii=False) if "default" in about else None
