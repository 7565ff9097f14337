"""Which job types exist: the table in settings.SCHEDULER_JOB_TYPES, loaded once and loud about mistakes."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import pydantic
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from jobs.base import Job, JobParameters


class UnknownJobType(LookupError):
    """No registered class has this name or alias."""


def get(name: str) -> type[Job[Any]]:
    """The job class of a name or alias. Raises UnknownJobType."""
    try:
        return _by_name()[name]
    except KeyError:
        raise UnknownJobType(name) from None


def types() -> list[type[Job[Any]]]:
    """Every registered class once, in the table's order."""
    return list(dict.fromkeys(_by_name().values()))


def names() -> list[str]:
    """Every name and alias that may stand as a job's `jobType`."""
    return list(_by_name())


def parse_parameters(job_type: type[Job[Any]], parameters: Mapping[str, Any] | None) -> JobParameters:
    """The typed parameters of a run. Raises ValidationError with one sentence a field, unknown keys included."""
    try:
        return job_type.parameters_model.model_validate(dict(parameters or {}))
    except pydantic.ValidationError as fault:
        raise ValidationError(
            [_sentence(job_type, error) for error in fault.errors(include_url=False, include_context=False)]
        ) from None


def load(paths: Iterable[str]) -> dict[str, type[Job[Any]]]:
    """Import the classes. Raises ImproperlyConfigured for a path that is not a job, or a name that is taken."""
    found: dict[str, type[Job[Any]]] = {}
    for path in paths:
        try:
            job_type = import_string(path)
        except ImportError as fault:
            raise ImproperlyConfigured(f"SCHEDULER_JOB_TYPES: {path!r} cannot be imported: {fault}") from fault
        if not (isinstance(job_type, type) and issubclass(job_type, Job)):
            raise ImproperlyConfigured(f"SCHEDULER_JOB_TYPES: {path!r} is not a subclass of jobs.base.Job")
        for name in (job_type.name, *job_type.aliases):
            if found.setdefault(name, job_type) is not job_type:
                raise ImproperlyConfigured(f"SCHEDULER_JOB_TYPES: two job types are named {name!r}")
    return found


@cache
def _by_name() -> dict[str, type[Job[Any]]]:
    return load(settings.SCHEDULER_JOB_TYPES)


def _sentence(job_type: type[Job[Any]], error: Any) -> str:
    place = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        known = ", ".join(sorted(job_type.parameters_model.model_json_schema()["properties"])) or "-"
        return _("%(place)s: %(type)s has no such parameter; it knows %(known)s.") % {
            "place": place,
            "type": job_type.name,
            "known": known,
        }
    return f"{place}: {error['msg']}." if place else f"{error['msg']}."
