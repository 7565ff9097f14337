"""How often somebody may do something: `600/min` in the settings."""

import re
from dataclasses import dataclass

from django.core.exceptions import ImproperlyConfigured

NO_LIMIT = "off"
SECONDS = {"s": 1, "min": 60, "hour": 3600, "day": 86_400}
_FORM = re.compile(rf"([1-9]\d{{0,8}})/({'|'.join(SECONDS)})")


@dataclass(frozen=True)
class Rate:
    number: int
    seconds: int


def parsed(variable: str, text: str) -> Rate | None:
    """None for `off`: no limit. Raises ImproperlyConfigured that names the variable."""
    if text.strip() == NO_LIMIT:
        return None
    match = _FORM.fullmatch(text.strip())
    if not match:
        raise ImproperlyConfigured(
            f"{variable}: {text!r} is not of the form number/unit, as 600/min, with one of the units"
            f" {', '.join(SECONDS)}; {NO_LIMIT} means no limit"
        )
    return Rate(int(match[1]), SECONDS[match[2]])
