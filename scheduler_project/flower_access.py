"""Whether Flower is being started without a login: it shows every run's arguments, and production refuses that."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from scheduler_project.env import DEVELOPMENT_PASSWORDS

LOGIN = re.compile(r"--(?:basic[_-]auth|auth)=(.+)")
LOGIN_IN_FILE = re.compile(r"^\s*(?:basic_auth|auth)\s*=(.+)", re.MULTILINE)
FILE = re.compile(r"--conf=(.+)")
DEFAULT_FILE = "flowerconfig.py"


def refuse_open(arguments: Sequence[str], environment: Mapping[str, str]) -> None:
    """Raise ImproperlyConfigured when this process is a Flower that lets everybody in."""
    if "flower" in arguments[1:] and not _has_login(arguments, environment):
        raise ImproperlyConfigured(
            "SCHEDULER_ENVIRONMENT is production: Flower needs a login, FLOWER_BASIC_AUTH=user:password or one in its"
            " configuration file."
        )


def _has_login(arguments: Sequence[str], environment: Mapping[str, str]) -> bool:
    files = [found[1] for each in arguments if (found := FILE.fullmatch(each))] or [DEFAULT_FILE]
    texts = [Path(file).read_text() for file in files if Path(file).is_file()]
    given = [environment.get("FLOWER_BASIC_AUTH", ""), environment.get("FLOWER_AUTH", "")]
    given += [found[1] for each in arguments if (found := LOGIN.fullmatch(each))]
    given += [found for text in texts for found in LOGIN_IN_FILE.findall(text)]
    return any(map(_is_login, given))


def _is_login(value: str) -> bool:
    """One that somebody has chosen: neither nothing nor a password of the examples."""
    bare = value.strip().strip("[]()\"' ,")
    passwords = {each.rpartition(":")[2].strip("\"' ") for each in bare.split(",")}
    return bool(bare) and bare != "None" and not passwords & DEVELOPMENT_PASSWORDS
