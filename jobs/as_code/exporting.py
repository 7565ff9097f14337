"""Jobs as a file of schedules that `apply` reads as unchanged: of each its key, its name and what is no default."""

from collections.abc import Iterable, Mapping
from typing import Any

import yaml
from pydantic.alias_generators import to_camel

from jobs.as_code.document import DEFAULT_SET
from jobs.as_code.nodes import SCALARS
from jobs.models import DEFINITION_FIELDS, ScheduledJob

ALWAYS_SHOWN = frozenset({"key", "name", "jobType", "cronExpression", "timeZone"})
FIRST_SHOWN = ("key", "name", "description", "jobType", "cronExpression", "timeZone", "parameters")
FIELDS = dict.fromkeys([*FIRST_SHOWN, *map(to_camel, DEFINITION_FIELDS)])
NOTHING = (None, "")
LINE_WIDTH = 120


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """Puts in quotes what PyYAML's reader or ours would take for something else than text."""


for _tag, _pattern, _first in SCALARS:
    _Dumper.add_implicit_resolver(_tag, _pattern, list(_first))


def definition_of(job: ScheduledJob) -> dict[str, Any]:
    """The job's key and definition, by the names of the API."""
    return {"key": job.key, **{to_camel(name): value for name, value in job.definition.items()}}


def export(definitions: Iterable[Mapping[str, Any]], *, set_name: str = DEFAULT_SET) -> str:
    """The YAML text of jobs as the API gives them.

    A Disabled or Paused job says so; the status of an Enabled one is left to its operators.
    """
    usual = definition_of(ScheduledJob())
    head = {} if set_name == DEFAULT_SET else {"set": set_name}
    jobs = [_entry(definition, usual) for definition in definitions]
    text: str = yaml.dump({**head, "jobs": jobs}, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=LINE_WIDTH)
    return text


def _entry(definition: Mapping[str, Any], usual: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: definition[name]
        for name in FIELDS
        if name in ALWAYS_SHOWN or not _is_same(definition.get(name), usual.get(name))
    }


def _is_same(value: Any, other: Any) -> bool:
    return value == other or (value in NOTHING and other in NOTHING)
