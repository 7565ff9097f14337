"""Whether a job's definition can be what it says it is: a check for each field, with the sentence that helps.

They look at the definition alone; what depends on other jobs is asked by the model itself.
"""

import json
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext_lazy as _

from jobs import cron, registry

if TYPE_CHECKING:
    from jobs.models import ScheduledJob

Check: TypeAlias = tuple[
    str, Callable[[], None]
]  # the field that is at fault unless the fault names another, the check

PARAMETERS_MAX_BYTES = 16 * 1024
PARAMETERS_MAX_DEPTH = 8


def of(job: "ScheduledJob") -> tuple[Check, ...]:
    return (
        ("cron_expression", partial(_schedule, job)),
        ("job_type", partial(_type_and_parameters, job)),
        ("notification_emails", partial(_emails, job)),
    )


def ask(checks: Iterable[Check]) -> None:
    """Raise one ValidationError with all that is at fault, by field."""
    faults: dict[str, Any] = {}
    for field, check in checks:
        try:
            check()
        except ValidationError as fault:
            faults.update(fault.error_dict if hasattr(fault, "error_dict") else {field: fault})
    if faults:
        raise ValidationError(faults)


def check_parameters(job_type: Any, parameters: Any) -> None:
    """Raise ValidationError unless `parameters` (a JSON object or None) suit the type, in shape, size and depth."""
    if parameters is not None and not isinstance(parameters, dict):
        raise ValidationError(_("Parameters must be a JSON object."))
    if _depth(parameters) > PARAMETERS_MAX_DEPTH:
        raise ValidationError(_("Parameters are nested deeper than %(max)d levels.") % {"max": PARAMETERS_MAX_DEPTH})
    try:
        text = json.dumps(parameters, ensure_ascii=False, allow_nan=False)
        size = len(text.encode())
    except UnicodeEncodeError:
        raise ValidationError(_("Parameters hold characters that are no valid text.")) from None
    except ValueError:
        raise ValidationError(_("Parameters hold a number that is no JSON: NaN or infinite.")) from None
    if "\\u0000" in text.replace("\\\\", ""):
        raise ValidationError(_("Parameters hold a NUL character, which cannot be stored."))
    if size > PARAMETERS_MAX_BYTES:
        raise ValidationError(_("Parameters are larger than %(max)d bytes.") % {"max": PARAMETERS_MAX_BYTES})
    registry.parse_parameters(job_type, parameters)


def _schedule(job: "ScheduledJob") -> None:
    job.time_zone = job.time_zone or cron.DEFAULT_TIME_ZONE
    if not job.cron_expression:
        return  # the field itself says that it is missing
    try:
        cron.parse(job.cron_expression, job.time_zone)
    except cron.CronError as fault:
        if fault.field == "timeZone":
            raise ValidationError({"time_zone": ValidationError(str(fault), code="invalid_zone")}) from None
        raise ValidationError({"cron_expression": ValidationError(str(fault), code="JOB_001")}) from None


def _type_and_parameters(job: "ScheduledJob") -> None:
    if not job.job_type:
        return
    try:
        job_type = registry.get(job.job_type)
    except registry.UnknownJobType:
        known = ", ".join(registry.names())
        text = _("“%(name)s” is not a registered job type. Registered are: %(known)s.")
        raise ValidationError(
            {"job_type": ValidationError(text, code="JOB_002", params={"name": job.job_type, "known": known})}
        ) from None
    try:
        check_parameters(job_type, job.parameters)
    except ValidationError as fault:
        raise ValidationError({"parameters": fault.messages}) from None


def _emails(job: "ScheduledJob") -> None:
    addresses = job.notification_emails
    if not isinstance(addresses, list) or not all(isinstance(address, str) for address in addresses):
        raise ValidationError(_("Give a list of e-mail addresses."))
    for address in addresses:
        try:
            validate_email(address)
        except ValidationError:
            text = _("“%(address)s” is not an e-mail address.")
            raise ValidationError(text, params={"address": address[:100]}) from None


def _depth(value: Any) -> int:
    """Levels of nesting, counted without recursion: hostile input may be thousands deep."""
    depth, level = 0, [value]
    while level := [
        child
        for node in level
        if isinstance(node, dict | list)
        for child in (node.values() if isinstance(node, dict) else node)
    ]:
        depth += 1
        if depth > PARAMETERS_MAX_DEPTH:
            break
    return depth
